"""The bm25s stage at 100,000 passages against bm25s called directly."""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path

from msgspec.structs import replace

sys.path.insert(0, str(Path(__file__).parent))
from figures import Figure, tell, timed

from diagnose.core.artifact import Passages, Query
from diagnose.core.stage import Given
from diagnose.stages.load import load_pipeline

N, ASKED = 100_000, 200
SMALL = 5_000
WORDS = [f"w{i}" for i in range(20_000)]


def main() -> None:
    """The same queries, the same k, one at a time."""
    import bm25s

    rng = random.Random(0)
    drawn = [int(len(WORDS) * rng.random() ** 3) for _ in range(N * 40)]
    texts = [" ".join(WORDS[i] for i in drawn[n * 40 : n * 40 + 40]) for n in range(N)]
    queries = [" ".join(rng.choice(texts).split()[:8]) for _ in range(ASKED)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        with (path / "corpus.jsonl").open("w") as file:
            file.writelines(f'{{"id": "p{i}", "text": "{text}"}}\n' for i, text in enumerate(texts))
        tables = '[pipeline]\ncorpus = "corpus.jsonl"\n[stages.retriever]\nuse = "bm25s"\ntop_k = 10\n'
        (path / "pipeline.toml").write_text(tables + '[stages.model]\nuse = "extract"\n')
        pipeline = load_pipeline(path / "pipeline.toml")
        stage = pipeline.stage("retriever")
        assert stage is not None
        stage.run(Given(queries[0], Query(queries[0])), None)
        index = bm25s.BM25()
        index.index(bm25s.tokenize(texts, show_progress=False), show_progress=False)

        def ours() -> None:
            for query in queries:
                stage.run(Given(query, Query(query)), None)

        def theirs() -> None:
            for query in queries:
                tokens = bm25s.tokenize(query, show_progress=False, return_ids=False)
                index.retrieve(tokens, k=10, show_progress=False)

        direct, through = timed(theirs, 3), timed(ours, 3)
        together(path, texts, queries)
    note = f"{1000 * through / ASKED:.2f} ms a query, {1000 * direct / ASKED:.2f} directly, fastest of 3"
    tell(Figure(f"bm25s stage at {N:,} passages", "bm25s called directly", through / direct, 1.2, "<=", note))


def together(path: Path, texts: list[str], queries: list[str]) -> None:
    """Every stage that searches: many queries in one call against one after another, the same passages."""
    rankers = {"bm25s": N, "rank-bm25": SMALL, "tfidf": SMALL}
    for use, n in rankers.items():
        with (path / "corpus.jsonl").open("w") as file:
            file.writelines(f'{{"id": "p{i}", "text": "{text}"}}\n' for i, text in enumerate(texts[:n]))
        role = "ranker" if use == "tfidf" else "retriever"
        table = f'[stages.{role}]\nuse = "{use}"\n'
        head = '[pipeline]\ncorpus = "corpus.jsonl"\n[stages.retriever]\nuse = "rank-bm25"\ntop_k = 20\n'
        start = head if role == "ranker" else head.partition("[stages")[0]
        (path / "pipeline.toml").write_text(f'{start}{table}[stages.model]\nuse = "extract"\n')
        pipeline = load_pipeline(path / "pipeline.toml")
        givens = [Given(query, Query(query)) for query in queries]
        retriever, stage = pipeline.stage("retriever"), pipeline.stage(role)  # type: ignore[arg-type]
        assert retriever is not None and stage is not None and stage.run_batch is not None
        if role == "ranker":
            found = [retriever.run(given, None) for given in givens]
            passages = [one.passages for one in found if isinstance(one, Passages)]
            givens = [replace(g, passages=p) for g, p in zip(givens, passages, strict=True)]
        run, batch = stage.run, stage.run_batch
        alike = batch(givens) == [run(given, None) for given in givens]
        one = timed(lambda: [run(given, None) for given in givens], 3)  # noqa: B023
        many = timed(lambda: batch(givens), 3)  # noqa: B023
        note = (
            f"{len(givens) / many:.0f} queries a second against {len(givens) / one:.0f}, {n:,} passages; outputs "
            f"{'alike' if alike else 'NOT alike'}"
        )
        tell(Figure(f"{use}: queries in one call", "one after another, seconds", many / one, note=note))


if __name__ == "__main__":
    main()
