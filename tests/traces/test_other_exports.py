"""Exports beside the usual ones: packed files, other tracing servers, data sets, benchmarks, spans of any tool."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas
import pyarrow as pa
import pytest

from diagnose.core.trace import GoldPassage
from diagnose.errors import BadInput
from diagnose.traces.labels import read_labels
from diagnose.traces.limits import Limits
from tests.traces import sample_logs as samples
from tests.traces.made_exports import lines
from tests.traces.reading import answer, ids, one, read, roles, texts, written

FULL = ["retriever", "ranker", "packer", "model"]
OTLP = lines(samples.otlp([span]) for span in samples.openinference()).encode()


def zstd(data: bytes) -> bytes:
    packed: bytes = pa.Codec("zstd").compress(data, asbytes=True)
    return packed


def framed(data: bytes) -> bytes:
    """As the collector's file exporter writes it: every batch packed by itself, after its length."""
    frames = [zstd(line) for line in data.splitlines()]
    return b"".join(len(frame).to_bytes(4, "big") + frame for frame in frames)


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstd,
    "zstd of many frames": lambda data: b"".join(zstd(line + b"\n") for line in data.splitlines()),
    "zstd of the collector": framed,
}


@pytest.mark.parametrize("packing", PACKED)
def test_packed_files(tmp_path: Path, packing: str) -> None:
    trace = one(written(tmp_path, PACKED[packing](OTLP), "spans.json.packed"))
    assert (roles(trace), answer(trace)) == (FULL, samples.ANSWER)


@pytest.mark.parametrize("packing", [name for name in PACKED if "frames" not in name])
def test_a_packed_file_that_breaks_off_keeps_what_came_before(tmp_path: Path, packing: str) -> None:
    rows = [
        json.dumps({"question": f"which {n}?", "answer": f"{hash_of(n)}", "reference": "x"})
        for n in range(20_000)
    ]
    data = PACKED[packing]("\n".join(rows).encode())
    traces, problems, _ = read(written(tmp_path, data[: len(data) * 9 // 10], "log.jsonl"))
    assert len(traces) > 10_000
    assert any("a broken one" in problem for problem in problems)


def hash_of(n: int) -> str:
    return gzip.compress(str(n * 7919).encode()).hex()


def test_a_bomb_of_another_packing_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, zstd(b" " * 50_000_000), "log.jsonl")
    with pytest.raises(BadInput, match="unpacks to at most"):
        read(path, limits=Limits(gzip_free_bytes=1_000_000))


@pytest.mark.parametrize(
    "content, name, message",
    [
        (
            b"PK\x03\x04" + b"\0" * 26 + b"[Content_Types].xml",
            "log.xlsx",
            "an Excel workbook; save the sheet as CSV",
        ),
        (b"PK\x03\x04" + b"\0" * 26 + b"a/log.jsonl", "log.zip", "a zip archive; unpack it"),
        (b"PK\x03\x04" + b"\0" * 26 + b"_journal/start.json", "log.eval", "inspect log dump"),
        (b"\x80\x04\x95" + b"\0" * 9, "frame.pkl", "a Python pickle, which can run code"),
        (b"\n\xd2\x03\n\x1c\0\0", "spans.bin", "OTLP in protobuf"),
        (b"\0" * 257 + b"ustar", "log.tar", "a tar archive"),
        (b"evalId: x\nresults: []\n", "results.yaml", "YAML; export JSON"),
        (b"<!DOCTYPE html><html></html>", "report.json", "an HTML page"),
        (b'<?xml version="1.0"?><testsuites/>', "junit.xml", "XML; export JSON"),
    ],
)
def test_what_is_no_log_is_named_with_what_to_do(
    tmp_path: Path, content: bytes, name: str, message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        read(written(tmp_path, content, name))


def zipkin() -> list[dict[str, Any]]:
    return [
        {
            "traceId": span["trace_id"],
            "id": span["span_id"],
            **({"parentId": span["parent_id"]} if span["parent_id"] else {}),
            "name": span["name"],
            "timestamp": span["start_ns"] // 1000,
            "duration": 500,
            "localEndpoint": {"serviceName": "rag"},
            "tags": {k: v if isinstance(v, str) else json.dumps(v) for k, v in span["attributes"].items()},
        }
        for span in samples.openinference()
    ]


SERVERS: dict[str, Callable[[], Any]] = {
    "zipkin": zipkin,
    "zipkin, traces": lambda: [zipkin()],
    "jaeger 2": lambda: {"result": samples.otlp(samples.openinference())},
}


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("indent", [None, 1])
def test_other_tracing_servers(tmp_path: Path, server: str, indent: int | None) -> None:
    trace = one(written(tmp_path, json.dumps(SERVERS[server](), indent=indent)))
    assert (roles(trace), answer(trace)) == (FULL, samples.ANSWER)
    assert (ids(trace, "retriever"), ids(trace, "packer")) == (["r2", "r1", "r3"], ["r1", "r2"])


PRINTED: dict[str, Callable[[str], str]] = {
    "docker": lambda line: json.dumps(
        {"log": line + "\n", "stream": "stdout", "time": "2026-01-01T00:00:00Z"}
    ),
    "kubernetes": lambda line: f"2026-01-01T00:00:00.123456789Z stdout F {line}",
}


@pytest.mark.parametrize("keeper", PRINTED)
def test_lines_that_a_container_printed(tmp_path: Path, keeper: str) -> None:
    printed = ["starting", *OTLP.decode().splitlines()]
    traces, _, _ = read(
        written(tmp_path, "".join(PRINTED[keeper](line) + "\n" for line in printed), "pod.log")
    )
    assert [roles(trace) for trace in traces] == [FULL]


@pytest.mark.parametrize("layout", ["list", "lines", "columns"])
def test_traces_of_mlflow_as_texts_of_json(tmp_path: Path, layout: str) -> None:
    text = json.dumps(samples.mlflow())
    rows = [{"trace_id": "tr-1", "trace": text}] if layout == "columns" else [text]
    name = "log.json" if layout == "list" else "log.jsonl"
    assert roles(one(written(tmp_path, rows, name))) == FULL


def test_feather(tmp_path: Path) -> None:
    frame = pandas.DataFrame(samples.phoenix_rows(samples.openinference()))
    frame.to_feather(tmp_path / "log.feather")
    assert roles(one(tmp_path / "log.feather")) == FULL


def weave() -> list[dict[str, Any]]:
    def call(name: str, n: str, parent: str | None, inputs: Any, output: Any) -> dict[str, Any]:
        return {
            "id": n,
            "project_id": "e/p",
            "op_name": f"weave:///e/p/op/{name}:v1",
            "trace_id": "t1",
            "parent_id": parent,
            "started_at": f"2026-01-01T00:00:0{len(n)}Z",
            "ended_at": "2026-01-01T00:00:09Z",
            "attributes": {},
            "inputs": inputs,
            "output": output,
        }

    found = [samples.ARNO, samples.PO]
    return [
        call("search_retriever", "cc", "c", {"query": samples.QUESTION}, found),
        call("rag", "c", None, {"question": samples.QUESTION}, samples.ANSWER),
    ]


def opik() -> list[dict[str, Any]]:
    def span(n: str, parent: str | None, name: str, kind: str, given: Any, put_out: Any) -> dict[str, Any]:
        times = {"start_time": f"2026-01-01T00:00:0{len(n)}Z", "end_time": "2026-01-01T00:00:09Z"}
        about = {
            "id": n,
            "trace_id": "t1",
            "parent_span_id": parent,
            "name": name,
            "type": kind,
            "project_id": "p",
        }
        return {**about, **times, "input": given, "output": put_out}

    documents = {
        "documents": [{"page_content": samples.ARNO, "id": "r2"}, {"page_content": samples.PO, "id": "r1"}]
    }
    said = {"choices": [{"message": {"role": "assistant", "content": samples.ANSWER}}]}
    return [
        span("s", None, "rag", "general", {"question": samples.QUESTION}, {"answer": samples.ANSWER}),
        span("ss", "s", "Retriever", "tool", {"query": samples.QUESTION}, documents),
        span("sss", "s", "chat", "llm", {"messages": [{"role": "user", "content": samples.PROMPT}]}, said),
    ]


@pytest.mark.parametrize(
    "spans, stages", [(weave, ["retriever", "model"]), (opik, ["retriever", "packer", "model"])]
)
def test_spans_of_tools_without_a_reader_of_their_own(
    tmp_path: Path, spans: Callable[[], list[dict[str, Any]]], stages: list[str]
) -> None:
    trace = one(written(tmp_path, spans(), "log.jsonl"))
    assert (roles(trace), trace.query.text, answer(trace)) == (stages, samples.QUESTION, samples.ANSWER)
    assert texts(trace, "retriever") == [samples.ARNO, samples.PO]


def test_expected_answers_of_logged_spans(tmp_path: Path) -> None:
    row = {
        "id": "1",
        "span_id": "s",
        "root_span_id": "s",
        "span_parents": None,
        "span_attributes": {"name": "rag", "type": "task"},
        "input": {"question": samples.QUESTION},
        "output": samples.ANSWER,
        "expected": "the Po",
        "scores": {"correctness": 1},
    }
    trace = one(written(tmp_path, [row], "log.jsonl"))
    assert trace.gold is not None and trace.outcome is not None
    assert (trace.gold.answers, trace.outcome.score) == (("the Po",), 1.0)


QUERY, GOLD = {"question": samples.QUESTION}, {"answer": "the Po"}
DATASETS: dict[str, tuple[str, Any]] = {
    "phoenix": ("log.jsonl", [{"id": "e", "input": QUERY, "output": GOLD, "metadata": {}}]),
    "phoenix-csv": ("log.csv", f"example_id,input_question,output_answer\ne,{samples.QUESTION},the Po\n"),
    "phoenix-api": (
        "log.json",
        {"data": {"dataset_id": "d", "examples": [{"id": "e", "input": QUERY, "output": GOLD}]}},
    ),
    "langfuse": ("log.json", {"data": [{"id": "e", "input": QUERY, "expectedOutput": "the Po"}], "meta": {}}),
    "langsmith": ("log.jsonl", [{"id": "e", "inputs": QUERY, "outputs": GOLD, "metadata": {}}]),
    "mlflow": (
        "log.json",
        [{"dataset_record_id": "r", "inputs": QUERY, "expectations": {"expected_response": "the Po"}}],
    ),
    "llamaindex": ("log.json", {"examples": [{"query": samples.QUESTION, "reference_answer": "the Po"}]}),
    "squad": (
        "log.json",
        {
            "data": [
                {
                    "paragraphs": [
                        {
                            "context": samples.PO,
                            "qas": [{"question": samples.QUESTION, "answers": [{"text": "the Po"}]}],
                        }
                    ]
                }
            ]
        },
    ),
}


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("indent", [None, 1])
def test_questions_with_answers_are_labelled_queries(
    tmp_path: Path, dataset: str, indent: int | None
) -> None:
    name, content = DATASETS[dataset]
    laid_out = json.dumps(content, indent=1) if indent and name == "log.json" else content
    trace = one(written(tmp_path, laid_out, name))
    assert (trace.query.text, trace.steps) == (samples.QUESTION, ())
    assert trace.gold is not None
    assert trace.gold.answers == ("the Po",)


def test_questions_and_the_passages_that_answer_them(tmp_path: Path) -> None:
    document = {
        "queries": {"q1": samples.QUESTION},
        "corpus": {"r1": samples.PO, "r2": samples.ARNO},
        "relevant_docs": {"q1": ["r1"]},
        "mode": "text",
    }
    trace = one(written(tmp_path, document))
    assert trace.gold is not None
    assert (trace.trace_id, trace.gold.passages) == ("q1", (GoldPassage("r1", samples.PO),))


def test_results_of_an_experiment_are_answers(tmp_path: Path) -> None:
    """Phoenix's experiments: the output is what was said, not what should have been."""
    row = {
        "example_id": "e",
        "input": QUERY,
        "reference_output": GOLD,
        "output": {"answer": samples.ANSWER, "contexts": [samples.PO]},
        "latency_ms": 12.0,
        "annotations": [{"name": "correctness", "annotator_kind": "LLM", "label": "correct", "score": 1.0}],
    }
    trace = one(written(tmp_path, [row]))
    assert (roles(trace), answer(trace)) == (["retriever", "model"], samples.ANSWER)
    assert trace.gold is not None and trace.outcome is not None
    assert (trace.gold.answers, trace.outcome.score) == (("the Po",), 1.0)


def test_what_a_log_put_out_is_no_label(tmp_path: Path) -> None:
    row = {"record_id": "r", "input": samples.QUESTION, "output": samples.ANSWER, "latency": 2}
    trace = one(written(tmp_path, [row]))
    assert (answer(trace), trace.gold, trace.trace_id) == (samples.ANSWER, None, "r")


def test_azure_evaluations(tmp_path: Path) -> None:
    row = {"inputs.query": samples.QUESTION, "inputs.response": samples.ANSWER, "inputs.context": samples.PO}
    document = {
        "rows": [{**row, "inputs.ground_truth": "the Po", "outputs.f1_score.f1_score": 0.5}],
        "metrics": {},
    }
    trace = one(written(tmp_path, document))
    assert (roles(trace), answer(trace)) == (["packer", "model"], samples.ANSWER)
    assert trace.gold is not None
    assert trace.gold.answers == ("the Po",)


def beir(folder: Path) -> Path:
    written(
        folder,
        [{"_id": f"q{n}", "text": f"{samples.QUESTION} {n}", "metadata": {}} for n in (1, 2)],
        "queries.jsonl",
    )
    written(folder, [{"_id": "r1", "title": "Po", "text": samples.PO}], "corpus.jsonl")
    (folder / "qrels").mkdir()
    written(folder / "qrels", "query-id\tcorpus-id\tscore\nq1\tr1\t1\nq1\tr2\t0\n", "test.tsv")
    return folder


def test_a_benchmark_folder_is_labelled_queries(tmp_path: Path) -> None:
    traces, problems, account = read(beir(tmp_path))
    assert not problems
    (trace,) = traces
    assert trace.gold is not None
    assert (trace.trace_id, trace.gold.passages) == ("q1", (GoldPassage("r1"),))
    assert any("without relevance judgements" in what for what in account.noted)


def test_a_benchmark_folder_labels_a_log(tmp_path: Path) -> None:
    (tmp_path / "beir").mkdir()
    labels = read_labels(beir(tmp_path / "beir"))
    log = written(
        tmp_path,
        [{"question": f"{samples.QUESTION} 1", "response": "a", "contexts": [samples.PO]}],
        "log.jsonl",
    )
    assert one(log, gold=labels).gold is not None
