"""One pipeline, as every tool writes it: the same stages come out."""

from __future__ import annotations

import csv
import gzip
import json
import re
import sys
from collections.abc import Callable
from io import BufferedReader, BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest

from diagnose.core.artifact import Context, Passages
from diagnose.core.trace import GoldPassage, Outcome, Trace, Usage
from diagnose.errors import UsageError
from diagnose.traces.read import read_log
from tests.traces import sample_logs as samples
from tests.traces.reading import answer, ids, one, read, roles, written

FULL = ["retriever", "ranker", "packer", "model"]
WITHOUT_RANKER = {"genai", "genai-legacy", "genai-events", "openllmetry"}

Layout = Callable[[list[dict[str, Any]]], str | bytes]
LAYOUTS: dict[str, Layout] = {
    "lines, one span each": lambda spans: "".join(json.dumps(samples.otlp([s])) + "\n" for s in spans),
    "one line": lambda spans: json.dumps(samples.otlp(spans)),
    "laid out": lambda spans: json.dumps(samples.otlp(spans), indent=2),
    "a list": lambda spans: json.dumps([samples.otlp([s]) for s in spans], indent=1),
    "parents first": lambda spans: json.dumps(samples.otlp(spans[::-1])),
    "snake case": lambda spans: json.dumps(samples.otlp_snake(spans)),
    "base64 ids": lambda spans: json.dumps(samples.otlp_snake(spans, base64_ids=True)),
    "console": samples.console,
    "gzip": lambda spans: gzip.compress(json.dumps(samples.otlp(spans)).encode()),
    "capital ids": lambda spans: re.sub(
        r'"(traceId|spanId|parentSpanId)": "(\w+)"',
        lambda m: f'"{m[1]}": "{m[2].upper()}"',
        json.dumps(samples.otlp(spans)),
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("convention", samples.CONVENTIONS)
def test_every_convention_in_every_layout(tmp_path: Path, convention: str, layout: str) -> None:
    trace = one(written(tmp_path, LAYOUTS[layout](samples.CONVENTIONS[convention])))
    assert trace.trace_id == samples.TRACE_ID
    assert trace.query.text == samples.QUESTION
    assert roles(trace) == [role for role in FULL if role != "ranker" or convention not in WITHOUT_RANKER]
    assert ids(trace, "retriever") == ["r2", "r1", "r3"]
    assert ids(trace, "packer") == ["r1", "r2"]
    context = trace.output("packer")
    assert isinstance(context, Context)
    assert context.text == samples.CONTEXT
    assert answer(trace) == samples.ANSWER
    if convention not in WITHOUT_RANKER:
        assert ids(trace, "ranker") == ["r1", "r2"]


@pytest.mark.parametrize("convention", sorted(set(samples.CONVENTIONS) - {"genai-events", "openllmetry"}))
def test_tokens_and_the_model_are_read(tmp_path: Path, convention: str) -> None:
    step = one(written(tmp_path, samples.otlp(samples.CONVENTIONS[convention]))).steps[-1]
    assert step.usage == Usage(64, 3)
    assert step.name == ("generate" if convention == "haystack" else "small")
    assert step.elapsed_s == pytest.approx(0.0005)


def csv_of(rows: list[dict[str, Any]], as_python: bool) -> str:
    """Rows as pandas writes them: lists and objects as Python prints them, or as JSON."""
    raw = BytesIO()
    text = TextIOWrapper(raw, "utf-8", newline="")
    columns = list(dict.fromkeys(column for row in rows for column in row))
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    shown = repr if as_python else json.dumps
    for row in rows:
        writer.writerow({k: shown(v) if isinstance(v, list | dict) else v for k, v in row.items()})
    text.flush()
    return raw.getvalue().decode()


PHOENIX: dict[str, tuple[str, Callable[[], Any]]] = {
    "rest": ("log.json", lambda: {"data": samples.phoenix(samples.openinference()), "next_cursor": None}),
    "client": ("log.json", lambda: json.dumps(samples.phoenix(samples.openinference()), indent=1)),
    "lines": ("log.jsonl", lambda: samples.phoenix(samples.openinference())),
    "otlpv1": (
        "log.json",
        lambda: {
            "data": samples.otlp_snake(samples.openinference())["resource_spans"][0]["scope_spans"][0][
                "spans"
            ],
            "next_cursor": None,
        },
    ),
    "frame lines": ("log.jsonl", lambda: samples.phoenix_rows(samples.openinference())),
    "frame csv": ("log.csv", lambda: csv_of(samples.phoenix_rows(samples.openinference()), True)),
    "frame by column": (
        "log.json",
        lambda: {
            column: {
                str(i): row[column] for i, row in enumerate(samples.phoenix_rows(samples.openinference()))
            }
            for column in samples.phoenix_rows(samples.openinference())[0]
        },
    ),
    "frame split": (
        "log.json",
        lambda: {
            "columns": list(samples.phoenix_rows(samples.openinference())[0]),
            "index": [0],
            "data": [list(row.values()) for row in samples.phoenix_rows(samples.openinference())],
        },
    ),
}


@pytest.mark.parametrize("export", PHOENIX)
def test_phoenix(tmp_path: Path, export: str) -> None:
    name, build = PHOENIX[export]
    trace = one(written(tmp_path, build(), name))
    assert (roles(trace), trace.query.text, answer(trace)) == (FULL, samples.QUESTION, samples.ANSWER)
    assert (ids(trace, "retriever"), ids(trace, "packer")) == (["r2", "r1", "r3"], ["r1", "r2"])
    retrieved = trace.output("retriever")
    assert isinstance(retrieved, Passages)
    assert retrieved.passages[0].tags == {"source": "r2.md"}
    assert trace.tags["session"] == "s1"


def test_phoenix_parquet(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(samples.phoenix_rows(samples.openinference())).set_index(
        "context.span_id", drop=False
    )
    for column in ("start_time", "end_time"):
        frame[column] = pandas.to_datetime(frame[column], format="ISO8601")
    frame.iloc[::-1].to_parquet(tmp_path / "log.parquet")  # newest first, as the server lists them
    trace = one(tmp_path / "log.parquet")
    assert (roles(trace), ids(trace, "ranker")) == (FULL, ["r1", "r2"])
    assert trace.steps[0].elapsed_s == pytest.approx(0.0005)


def test_phoenix_annotations_beside_the_spans(tmp_path: Path) -> None:
    written(tmp_path, samples.phoenix(samples.openinference()), "spans.json")
    written(
        tmp_path,
        [
            {
                "span_id": f"{1:016x}",
                "name": "correctness",
                "annotator_kind": "HUMAN",
                "result": {"label": "incorrect"},
            },
            {
                "span_id": f"{1:016x}",
                "name": "diagnose.blame",
                "annotator_kind": "CODE",
                "result": {"score": 0.5},
            },
        ],
        "annotations.json",
    )
    assert one(tmp_path).outcome == Outcome(score=0.0)


def test_phoenix_listings_without_attributes_say_what_to_export(tmp_path: Path) -> None:
    header = {"id": "1", "trace_id": "t", "project_id": "p", "spans": None}
    _, problems, _ = read(written(tmp_path, {"data": [header], "next_cursor": None}))
    assert "GET /v1/projects/NAME/spans" in problems[0]


MLFLOW: dict[str, Callable[[], Any]] = {
    "to_json": samples.mlflow,
    "laid out": lambda: json.dumps(samples.mlflow(), indent=2),
    "list": lambda: [samples.mlflow()],
    "cli": lambda: {"traces": [samples.mlflow()]},
    "rest get": lambda: {
        "trace": {"trace_info": samples.mlflow()["info"], "spans": samples.mlflow()["data"]["spans"]}
    },
    "frame": lambda: {
        "trace_id": samples.mlflow()["info"]["trace_id"],
        "trace": json.dumps(samples.mlflow()),
        "request": {"question": samples.QUESTION},
        "response": samples.ANSWER,
        "spans": samples.mlflow()["data"]["spans"],
        "assessments": samples.mlflow()["info"]["assessments"],
        "trace_metadata": {},
        "tags": {"tenant": "acme"},
    },
}


@pytest.mark.parametrize("export", MLFLOW)
def test_mlflow(tmp_path: Path, export: str) -> None:
    traces, problems, account = read(written(tmp_path, MLFLOW[export]()))
    assert problems == []
    (trace,) = traces
    assert (roles(trace), trace.query.text, answer(trace)) == (FULL, samples.QUESTION, samples.ANSWER)
    assert trace.trace_id == f"tr-{samples.TRACE_ID}"
    assert trace.gold is not None
    assert trace.gold.answers == ("the Po",)
    assert trace.outcome == Outcome(score=1.0)
    assert trace.tags == {"tenant": "acme"}
    assert any("'tone'" in what for what in account.noted)


def test_mlflow_listing_without_spans_keeps_question_and_label(tmp_path: Path) -> None:
    traces, _, account = read(
        written(tmp_path, {"traces": [samples.mlflow()["info"] | {"trace_location": {}}]})
    )
    assert traces[0].query.text == samples.QUESTION
    assert any("search_traces" in what for what in account.noted)


LANGFUSE: dict[str, tuple[str, Callable[[], Any]]] = {
    "download": ("log.json", samples.langfuse_ui),
    "api": ("log.json", lambda: {**samples.langfuse_ui()["trace"], "observations": samples.langfuse_rows()}),
    "lines": ("log.jsonl", samples.langfuse_rows),
    "snake lines": ("log.jsonl", lambda: samples.langfuse_rows(snake=True)),
    "list": ("log.json", samples.langfuse_rows),
    "v2 api": ("log.json", lambda: {"data": samples.langfuse_rows(), "meta": {"cursor": None}}),
    "csv": ("log.csv", lambda: csv_of(samples.langfuse_rows(snake=True), False)),
}


@pytest.mark.parametrize("export", LANGFUSE)
def test_langfuse(tmp_path: Path, export: str) -> None:
    name, build = LANGFUSE[export]
    trace = one(written(tmp_path, build(), name))
    assert (roles(trace), trace.query.text, answer(trace)) == (FULL, samples.QUESTION, samples.ANSWER)
    assert ids(trace, "ranker") == ["r1", "r2"]
    assert trace.steps[-1].usage == Usage(64, 3)
    if export in ("download", "api"):
        assert trace.outcome == Outcome(feedback=1.0)


def test_langfuse_download_without_texts_says_which_export_has_them(tmp_path: Path) -> None:
    bare = {
        "trace": {"id": "t", "name": "ask"},
        "observations": [{**row, "input": None, "output": None} for row in samples.langfuse_rows()],
    }
    _, problems, _ = read(written(tmp_path, bare))
    assert "export observations with their input and output" in problems[0]


LANGSMITH: dict[str, tuple[str, Callable[[], Any]]] = {
    "lines": ("log.jsonl", samples.langsmith),
    "batch": (
        "log.json",
        lambda: {
            "post": [{**run, "outputs": None, "end_time": None} for run in samples.langsmith()],
            "patch": [
                {
                    key: run[key]
                    for key in ("id", "trace_id", "parent_run_id", "dotted_order", "outputs", "end_time")
                }
                for run in samples.langsmith()
            ],
        },
    ),
    "bulk export": (
        "log.jsonl",
        lambda: [
            {**run, **{key: json.dumps(run[key]) for key in ("inputs", "outputs", "extra")}}
            for run in samples.langsmith()
        ],
    ),
    "nested": (
        "log.json",
        lambda: {
            **samples.langsmith()[0],
            "child_runs": [
                {**samples.langsmith()[1], "child_runs": samples.langsmith()[2:3]},
                *samples.langsmith()[3:],
            ],
        },
    ),
}


@pytest.mark.parametrize("export", LANGSMITH)
def test_langsmith(tmp_path: Path, export: str) -> None:
    name, build = LANGSMITH[export]
    trace = one(written(tmp_path, build(), name))
    assert (roles(trace), trace.query.text, answer(trace)) == (FULL, samples.QUESTION, samples.ANSWER)
    assert (ids(trace, "retriever"), ids(trace, "ranker")) == (["r2", "r1", "r3"], ["r1", "r2"])
    assert trace.steps[-1].name == "small"


EVALUATIONS: dict[str, tuple[Any, list[str]]] = {
    "ragas": (samples.RAGAS, ["retriever", "model"]),
    "ragchecker": (samples.RAGCHECKER, ["retriever", "model"]),
    "deepeval": (samples.DEEPEVAL, ["retriever", "model"]),
    "promptfoo": (samples.PROMPTFOO, ["packer", "model"]),
}


@pytest.mark.parametrize("tool", EVALUATIONS)
def test_results_of_evaluation_tools(tmp_path: Path, tool: str) -> None:
    content, expected = EVALUATIONS[tool]
    trace = one(written(tmp_path, content))
    assert (roles(trace), trace.query.text, answer(trace)) == (expected, samples.QUESTION, samples.ANSWER)
    assert trace.gold is not None
    assert trace.gold.answers[0].lower() in ("the po", "po")
    assert trace.provenance is not None
    assert trace.provenance.source == tool


def test_details_of_evaluation_tools(tmp_path: Path) -> None:
    ragas = one(written(tmp_path, samples.RAGAS))
    assert ids(ragas, "retriever") == ["r2", "r1"]
    assert ragas.gold is not None
    assert ragas.gold.passages == (GoldPassage("r1", samples.PO),)
    assert one(written(tmp_path, samples.DEEPEVAL)).outcome == Outcome(score=0.75)
    promptfoo = one(written(tmp_path, samples.PROMPTFOO))
    assert (promptfoo.trace_id, promptfoo.outcome) == ("3-0", Outcome(score=1.0))
    assert promptfoo.steps[-1].elapsed_s == 0.25


def test_ragas_rows_of_before(tmp_path: Path) -> None:
    row = {"question": "q?", "answer": "said", "contexts": ["a", "b"], "ground_truth": "gold"}
    trace = one(written(tmp_path, [row], "log.jsonl"))
    assert (answer(trace), trace.gold and trace.gold.answers) == ("said", ("gold",))


def test_a_deepeval_trace(tmp_path: Path) -> None:
    common = {"traceUuid": "t", "startTime": "2026-01-01T00:00:00Z", "endTime": "2026-01-01T00:00:01Z"}
    trace = one(
        written(
            tmp_path,
            {
                "uuid": "t",
                "baseSpans": [{"uuid": "1", "name": "ask", "input": "q?", "output": "a", **common}],
                "retrieverSpans": [
                    {
                        "uuid": "2",
                        "parentUuid": "1",
                        "name": "s",
                        "input": "q?",
                        "retrievalContext": ["x", "y"],
                        **common,
                    }
                ],
                "llmSpans": [
                    {
                        "uuid": "3",
                        "parentUuid": "1",
                        "name": "g",
                        "input": "x q?",
                        "output": "a",
                        "model": "m",
                        **common,
                    }
                ],
                "agentSpans": [],
                "toolSpans": [],
            },
        )
    )
    assert (trace.query.text, roles(trace)[0], answer(trace)) == ("q?", "retriever", "a")


def test_a_format_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--format: expected one of auto, "):
        read_log(tmp_path, format="xml")


def test_unknown_documents_name_their_keys(tmp_path: Path) -> None:
    traces, problems, _ = read(
        written(tmp_path, [{"level": "info", "msg": "hi"}, samples.RAGAS], "log.jsonl")
    )
    assert len(traces) == 1
    assert problems[0].endswith('found an object with "level", "msg"')


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = BytesIO(json.dumps(samples.otlp(samples.openinference())).encode())
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BufferedReader(raw)))  # type: ignore[arg-type]  # a RawIOBase in effect
    assert roles(one(Path("-"))) == FULL


def test_the_kept_samples_are_what_the_script_writes(root: Path) -> None:
    folder = root / "tests" / "traces" / "samples"
    assert {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()} == dict(samples.SAMPLES)


def test_bytes_that_are_no_text_cost_a_character_also_where_a_line_is_decoded_late(tmp_path: Path) -> None:
    """What a process says of itself, and lists, are decoded once somebody wants them."""
    sound = samples.otlp(samples.openinference())
    line = json.dumps(sound).encode().replace(b'"rivers"', b'"riv\xffers"')
    line = line.replace(
        b'"attributes": [{"key": "openinference',
        b'"attributes": [{"key": "tag.tags", "value": {"arrayValue": {"values": [{"stringValue": "a\xffb"}]}}},'
        b' {"key": "openinference',
    )
    path = tmp_path / "log.jsonl"
    path.write_bytes(line + b"\n")
    [trace] = list(read_log(path))
    assert isinstance(trace, Trace)
    assert trace.tags["project"] == "riv\ufffders", trace.tags
