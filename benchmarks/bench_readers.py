"""How fast logs become traces, and in how much memory: every reader on a file of its own, beside `json.loads`.

    python benchmarks/bench_readers.py [MEGABYTES] [READER...]

Files are made by seed in a temporary folder and removed. `otlp` is the bar of the importers (at most five times
`json.loads` over the same lines, flat memory): traces of six spans (embedding, retriever, ranker, prompt, model,
chain), children before parents, eight traces interleaved, as exporters under load write them. The others are the
sample logs of the tests with passages of the same length. Each reading runs in a process of its own, so that its
peak memory is its own.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

WORDS = [f"{a}{b}" for a in ("ka", "lo", "mi", "ren", "sto", "vu") for b in ("ba", "del", "fo", "gra", "tin")]
INTERLEAVED = 8
PASSAGE_WORDS = 80
DIFFERENT = 32
"""Traces with texts of their own; the others repeat them under other ids."""


def _text(rng: random.Random, n_words: int) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(n_words))


def _attribute(key: str, value: Any) -> dict[str, Any]:
    if isinstance(value, list):
        kinds: dict[str, Any] = {"arrayValue": {"values": [{"doubleValue": x} for x in value]}}
    elif isinstance(value, int):
        kinds = {"intValue": str(value)}
    elif isinstance(value, float):
        kinds = {"doubleValue": value}
    else:
        kinds = {"stringValue": value}
    return {"key": key, "value": kinds}


def _spans(rng: random.Random, n: int) -> Iterator[str]:
    trace, root = f"{n:032x}", f"{n * 16:016x}"
    documents = [(f"d{rng.randrange(100_000)}", _text(rng, PASSAGE_WORDS)) for _ in range(10)]
    question, start = _text(rng, 8), 1_790_000_000_000_000_000 + n * 10**9
    context = "\n\n".join(text for _, text in documents[:4])

    def listed(prefix: str, chosen: list[tuple[str, str]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for i, (name, text) in enumerate(chosen):
            found |= {
                f"{prefix}.{i}.document.id": name,
                f"{prefix}.{i}.document.content": text,
                f"{prefix}.{i}.document.score": 1.0 / (i + 1),
                f"{prefix}.{i}.document.metadata": json.dumps({"source": f"{name}.md", "page": i}),
            }
        return found

    vector = [rng.random() for _ in range(64)]
    spans: list[tuple[str, dict[str, Any]]] = [
        ("EMBEDDING", {"embedding.embeddings.0.embedding.vector": vector}),
        ("RETRIEVER", {"input.value": question, **listed("retrieval.documents", documents)}),
        (
            "RERANKER",
            {
                "reranker.query": question,
                **listed("reranker.input_documents", documents),
                **listed("reranker.output_documents", documents[:4]),
            },
        ),
        ("PROMPT", {"output.value": f"Answer from:\n{context}\n{question}"}),
        (
            "LLM",
            {
                "llm.model_name": "small",
                "llm.input_messages.0.message.role": "user",
                "llm.input_messages.0.message.content": f"Answer from:\n{context}\n{question}",
                "llm.output_messages.0.message.role": "assistant",
                "llm.output_messages.0.message.content": _text(rng, 20),
                "llm.token_count.prompt": 400,
                "llm.token_count.completion": 20,
            },
        ),
        ("CHAIN", {"input.value": question, "session.id": f"s{n // 5}"}),
    ]
    for i, (kind, attributes) in enumerate(spans):
        span = {
            "traceId": trace,
            "spanId": root if kind == "CHAIN" else f"{n * 16 + i + 1:016x}",
            "parentSpanId": "" if kind == "CHAIN" else root,
            "name": kind.lower(),
            "startTimeUnixNano": str(start + i * 1000),
            "endTimeUnixNano": str(start + i * 1000 + 900),
            "attributes": [
                _attribute("openinference.span.kind", kind),
                *(_attribute(name, value) for name, value in attributes.items()),
            ],
        }
        yield json.dumps(
            {"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [{"spans": [span]}]}]}
        )


def make_otlp(path: Path, n_bytes: int) -> int:
    """Writes at least that many bytes of spans and returns the number of traces."""
    rng, n, size = random.Random(7), 0, 0
    with path.open("w", encoding="utf-8") as file:
        while size < n_bytes:
            together = [_spans(rng, n + i) for i in range(INTERLEAVED)]
            n += INTERLEAVED
            for lines in zip(*together, strict=True):
                for line in lines:
                    size += file.write(line + "\n")
    return n


def make_text(path: Path, n_bytes: int, name: str) -> int:
    """The same for a sample log of the tests, its texts made long and its ids changed from trace to trace."""
    from benchmarks.logs.samples import LAYOUTS

    layout, rng = LAYOUTS[name], random.Random(7)
    texts = [layout.with_texts(lambda: _text(rng, PASSAGE_WORDS)) for _ in range(DIFFERENT)]
    n, size = 0, 0
    with path.open("w", encoding="utf-8", newline="") as file:
        size += file.write(layout.before)
        while size < n_bytes:
            size += file.write(layout.between if n else "")
            size += file.write(layout.numbered(texts[n % DIFFERENT], n))
            n += 1
        file.write(layout.after)
    return n


def make_parquet(path: Path, n_bytes: int) -> int:
    """The same as a Parquet file of Phoenix's data frame, not compressed."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from benchmarks.logs.samples import frame_rows

    rng, n = random.Random(7), 0
    texts = [[_text(rng, PASSAGE_WORDS) for _ in range(3)] for _ in range(DIFFERENT)]
    schema = pa.Table.from_pylist(frame_rows(texts[0], 0)).schema
    with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
        while not path.exists() or path.stat().st_size < n_bytes:
            rows = [row for i in range(256) for row in frame_rows(texts[(n + i) % DIFFERENT], n + i)]
            writer.write_table(pa.Table.from_pylist(rows, schema))
            n += 256
    return n


def read(path: Path, how: str) -> None:
    """One reading; prints seconds of processor time (which other programs on the machine do not change), peak
    memory in MB and the number of what came out."""
    started, count = time.process_time(), 0
    if how == "json.loads":
        with path.open(encoding="utf-8") as file:
            for line in file:
                json.loads(line)
                count += 1
    else:
        from diagnose.core.trace import Trace
        from diagnose.traces.read import read_log

        count = sum(isinstance(item, Trace) and bool(item.steps) for item in read_log(path))
    seconds = time.process_time() - started
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{how:10} {seconds:7.1f} s {peak_mb:6.0f} MB at most {count:8} out {count / seconds:8.0f} a second"
    )


def measured(name: str, n_bytes: int) -> None:
    """Makes a reader's file, reads it, and removes it."""
    with tempfile.TemporaryDirectory(prefix="diagnose-bench-") as folder:
        suffix = {
            "phoenix-csv": ".csv",
            "langfuse-csv": ".csv",
            "ragas-csv": ".csv",
            "phoenix-parquet": ".parquet",
        }
        path = Path(folder) / f"log{suffix.get(name, '.jsonl')}"
        if name == "otlp":
            n_traces = make_otlp(path, n_bytes)
        elif name == "phoenix-parquet":
            n_traces = make_parquet(path, n_bytes)
        else:
            n_traces = make_text(path, n_bytes, name)
        print(f"{name}: {path.stat().st_size / 1e6:.0f} MB, {n_traces} traces", flush=True)
        for how in ("json.loads", "read_log") if name == "otlp" else ("read_log",):
            subprocess.run([sys.executable, __file__, "--read", how, str(path)], check=True)  # noqa: S603


def main() -> None:
    from benchmarks.logs.samples import LAYOUTS

    n_mb = int(sys.argv[1]) if len(sys.argv) > 1 else 32
    for name in sys.argv[2:] or ("otlp", *LAYOUTS, "phoenix-parquet"):
        measured(name, n_mb * 1024 * 1024)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--read"]:
        read(Path(sys.argv[3]), sys.argv[2])
    else:
        main()
