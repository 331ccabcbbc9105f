"""Every way out of a tool gives the same trace: stages, passages with their texts, answer and labels."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diagnose.core.artifact import Context
from diagnose.core.trace import GoldPassage, Outcome, Usage
from tests.traces import made_exports as exports
from tests.traces import sample_logs as samples
from tests.traces.made_exports import Files, lines, table
from tests.traces.reading import answer, ids, notes, one, read, roles, texts, written

FULL = ["retriever", "ranker", "packer", "model"]
RETRIEVED = [text for _, text, _ in samples.FOUND]


def _file(name: str, build: Callable[[], Any]) -> Callable[[], Files]:
    def files() -> Files:
        content = build()
        return {name: content if isinstance(content, str) else json.dumps(content)}

    return files


SPANS: dict[str, Callable[[], Files]] = {
    "langfuse-ui-json": _file("log.json", exports.langfuse_ui_rows),
    "langfuse-ui-laid-out": _file("log.json", lambda: json.dumps(exports.langfuse_ui_rows(), indent=2)),
    "langfuse-ui-jsonl": _file("log.jsonl", lambda: lines(exports.langfuse_ui_rows())),
    "langfuse-ui-csv": _file("log.csv", lambda: table(exports.langfuse_ui_rows())),
    "langfuse-blob-jsonl": _file("log.jsonl", lambda: lines(exports.langfuse_blob())),
    "langfuse-blob-csv": _file("log.csv", lambda: table(exports.langfuse_blob())),
    "langfuse-api-v2": _file(
        "log.json",
        lambda: {"data": [exports.texts_of(r) for r in samples.langfuse_rows()], "meta": {"cursor": "next"}},
    ),
    "langfuse-download": _file("log.json", exports.langfuse_download),
    "langfuse-download-laid-out": _file(
        "log.json", lambda: json.dumps(exports.langfuse_download(), indent=2)
    ),
    "langsmith-list": _file("log.json", samples.langsmith),
    "langsmith-query": _file("log.json", lambda: {"runs": samples.langsmith(), "cursors": {"next": None}}),
    "langsmith-csv": _file("log.csv", lambda: table(samples.langsmith())),
    "langsmith-csv-python": _file("log.csv", lambda: table(samples.langsmith(), repr)),
    "langsmith-batches": _file("log.jsonl", lambda: lines(exports.langsmith_batches())),
    "langsmith-functions": _file("log.jsonl", lambda: lines(exports.langsmith_wrapped())),
    "mlflow2-to_json": _file("log.json", exports.mlflow_2),
    "mlflow2-artifact": _file("traces.json", lambda: exports.mlflow_2()["data"]),
    "mlflow2-frame-csv": _file("log.csv", lambda: table([exports.mlflow_2_row()])),
    "mlflow2-frame-csv-python": _file("log.csv", lambda: table([exports.mlflow_2_row()], repr)),
    "mlflow3-artifact": _file("traces.json", lambda: {"spans": samples.mlflow()["data"]["spans"]}),
    "mlflow3-frame-csv": _file("log.csv", lambda: table([exports.mlflow_3_row()])),
    "mlflow3-frame-csv-python": _file("log.csv", lambda: table([exports.mlflow_3_row()], repr)),
    "mlflow3-frame-trace-printed": _file(
        "log.csv", lambda: table([{**exports.mlflow_3_row(), "trace": "Trace(trace_id=tr-1)"}])
    ),
    "mlflow3-frame-by-column": _file(
        "log.json", lambda: {name: {"0": value} for name, value in exports.mlflow_3_row().items()}
    ),
    "mlflow3-frame-by-row": _file(
        "log.json", lambda: {exports.mlflow_3_row().pop("trace_id"): exports.mlflow_3_row()}
    ),
    "mlflow3-rest-get": _file("log.json", lambda: {"trace": exports.mlflow_rest()}),
    "mlflow3-rest-batch": _file("log.json", lambda: {"traces": [exports.mlflow_rest()]}),
    "phoenix-frame-csv-json": _file("log.csv", lambda: table(samples.phoenix_rows(samples.openinference()))),
    "phoenix-frame-csv-numpy": _file(
        "log.csv", lambda: table(samples.phoenix_rows(samples.openinference()), exports.numpy_shown)
    ),
    "phoenix-flattened-csv": _file("log.csv", lambda: table(exports.phoenix_flat())),
    "phoenix-flattened-lines": _file("log.jsonl", lambda: lines(exports.phoenix_flat())),
    "phoenix-no-kind-column": _file(
        "log.csv",
        lambda: table([{k: v for k, v in row.items() if k != "span_kind"} for row in exports.phoenix_flat()]),
    ),
    "phoenix-frame-by-row": _file(
        "log.json",
        lambda: {row.pop("context.span_id"): row for row in samples.phoenix_rows(samples.openinference())},
    ),
    "phoenix-nested": _file("log.jsonl", lambda: lines(exports.phoenix_nested())),
    "phoenix-attributes-text": _file("log.jsonl", lambda: lines(exports.phoenix_nested(json.dumps))),
    "phoenix-attributes-column": _file("log.csv", lambda: table(exports.phoenix_column(json.dumps))),
    "phoenix-attributes-column-python": _file("log.csv", lambda: table(exports.phoenix_column(repr))),
    "phoenix-px-trace": _file(
        "log.json", lambda: {"traceId": samples.TRACE_ID, "spans": samples.phoenix(samples.openinference())}
    ),
    "otlp-base64": _file("log.json", exports.otlp_base64),
    "otlp-base64-lines": _file("log.jsonl", lambda: lines([exports.otlp_base64()])),
    "tempo": _file("log.json", lambda: {"batches": samples.otlp(samples.openinference())["resourceSpans"]}),
    "tempo-v2": _file("log.json", lambda: {"trace": samples.otlp(samples.openinference())}),
    "jaeger": _file("log.json", exports.jaeger),
    "jaeger-laid-out": _file("log.json", lambda: json.dumps(exports.jaeger(), indent=1)),
}
"""Exports of the whole pipeline."""


def written_files(folder: Path, files: Files) -> Path:
    for name, text in files.items():
        written(folder, text, name)
    return folder


@pytest.mark.parametrize("export", SPANS)
def test_every_stage_with_its_passages(tmp_path: Path, export: str) -> None:
    trace = one(written_files(tmp_path, SPANS[export]()))
    assert (roles(trace), trace.query.text, answer(trace)) == (FULL, samples.QUESTION, samples.ANSWER)
    assert (ids(trace, "retriever"), texts(trace, "retriever")) == (["r2", "r1", "r3"], RETRIEVED)
    assert (ids(trace, "ranker"), ids(trace, "packer")) == (["r1", "r2"], ["r1", "r2"])
    context = trace.output("packer")
    assert isinstance(context, Context)
    assert context.text == samples.CONTEXT


@pytest.mark.parametrize("export", ["mlflow3-frame-csv", "mlflow3-frame-trace-printed", "mlflow3-rest-batch"])
def test_labels_of_mlflow_come_along(tmp_path: Path, export: str) -> None:
    trace = one(written_files(tmp_path, SPANS[export]()))
    assert trace.gold is not None
    assert (trace.gold.answers, trace.outcome) == (("the Po",), Outcome(score=1.0))


FRAMES: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "langfuse": exports.langfuse_blob,
    "langsmith": lambda: [exports.texts_of(row) for row in samples.langsmith()],
    "mlflow 2": lambda: [exports.texts_of(exports.mlflow_2_row())],
    "mlflow 3": lambda: [exports.texts_of(exports.mlflow_3_row())],
    "phoenix": lambda: samples.phoenix_rows(samples.openinference()),
    "phoenix texts": lambda: [exports.texts_of(r) for r in samples.phoenix_rows(samples.openinference())],
    "phoenix flat": exports.phoenix_flat,
}


@pytest.mark.parametrize("frame", FRAMES)
def test_parquet_holds_the_same(tmp_path: Path, frame: str) -> None:
    pandas = pytest.importorskip("pandas")
    pandas.DataFrame(FRAMES[frame]()).to_parquet(tmp_path / "log.parquet")
    trace = one(tmp_path / "log.parquet")
    assert (roles(trace), answer(trace)) == (FULL, samples.ANSWER)
    assert (ids(trace, "ranker"), texts(trace, "retriever")) == (["r1", "r2"], RETRIEVED)


# ---- what stands beside the spans


def test_langfuse_traces_and_scores_join_their_observations(tmp_path: Path) -> None:
    for folder, rows in (
        ("traces", [exports.langfuse_trace() | {"scores": None}]),
        ("observations", exports.langfuse_blob()),
        ("scores", exports.langfuse_scores()),
    ):
        (tmp_path / folder).mkdir()
        written(tmp_path / folder, rows, "part.jsonl")
    trace = one(tmp_path)
    assert (roles(trace), trace.outcome, trace.tags["session"]) == (FULL, Outcome(score=0.0), "s1")


def test_scores_beside_a_downloaded_trace(tmp_path: Path) -> None:
    trace = one(written(tmp_path, exports.langfuse_download()))
    assert trace.outcome == Outcome(score=0.0, feedback=1.0)


@pytest.mark.parametrize("layout", ["log.json", "log.jsonl", "log.csv"])
def test_a_table_of_langfuse_traces_has_answers_and_no_labels(tmp_path: Path, layout: str) -> None:
    rows = [exports.langfuse_trace()]
    content = table(rows) if layout.endswith("csv") else rows
    traces, problems, account = read(written(tmp_path, content, layout))
    assert problems == []
    assert (roles(traces[0]), answer(traces[0]), traces[0].gold) == (["model"], samples.ANSWER, None)
    assert traces[0].outcome == Outcome(score=0.0)
    assert "without their spans" in notes(account)


GENAI: dict[str, Callable[[], Files]] = {
    "structured attributes": lambda: {"log.json": json.dumps(exports.genai_structured())},
    "event of the span": exports.genai_details_in_span,
    "log record with the details": exports.genai_details_in_logs,
    "log records of messages": exports.genai_in_logs,
}


@pytest.mark.parametrize("where", GENAI)
def test_genai_content_wherever_it_stands(tmp_path: Path, where: str) -> None:
    traces, problems, account = read(written_files(tmp_path, GENAI[where]()))
    assert problems == []
    (trace,) = traces
    assert (roles(trace), answer(trace)) == (["retriever", "packer", "model"], samples.ANSWER)
    assert (ids(trace, "retriever"), ids(trace, "packer")) == (["r2", "r1", "r3"], ["r1", "r2"])
    if where == "log records of messages":
        assert "log records that hold no message" in notes(account)
    assert "merged" not in notes(account)


def test_metrics_beside_spans_are_passed_over(tmp_path: Path) -> None:
    log = [{"resourceMetrics": []}, samples.otlp(samples.openinference())]
    traces, problems, account = read(written(tmp_path, log, "log.jsonl"))
    assert (len(traces), problems) == (1, [])
    assert "metrics: passed over" in notes(account)


def test_vercel_calls_are_models(tmp_path: Path) -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": samples.PROMPT}]}]
    call = {
        "ai.operationId": "ai.generateText.doGenerate",
        "ai.model.id": "small",
        "ai.prompt.messages": json.dumps(messages),
        "ai.response.text": samples.ANSWER,
        "ai.usage.promptTokens": 64,
        "ai.usage.completionTokens": 3,
    }
    outer = {"ai.operationId": "ai.generateText", "ai.response.text": samples.ANSWER}
    spans = [samples.span(5, "call", call, parent=4), samples.span(4, "generate", outer, parent=None)]
    step = one(written(tmp_path, samples.otlp(spans))).steps[-1]
    assert (step.role, step.name, step.usage) == ("model", "small", Usage(64, 3))


# ---- evaluations

RAGAS_1 = {
    "question": samples.QUESTION,
    "contexts": [samples.ARNO, samples.PO],
    "answer": samples.ANSWER,
    "ground_truth": "the Po",
}
RAGAS_2 = {k: v for k, v in samples.RAGAS.items() if not k.endswith("_ids")}
ANOTHER = {"question": "why?", "contexts": ["because"], "answer": "so", "ground_truth": "so"}

EVALUATED: dict[str, tuple[str, Callable[[], Any], list[str]]] = {
    "ragas1-csv": ("log.csv", lambda: table([RAGAS_1], repr), ["retriever", "model"]),
    "ragas1-csv-numpy": ("log.csv", lambda: table([RAGAS_1], exports.numpy_shown), ["retriever", "model"]),
    "ragas1-ground-truths": (
        "log.jsonl",
        lambda: [{**RAGAS_1, "ground_truth": None, "ground_truths": ["the Po"]}],
        ["retriever", "model"],
    ),
    "ragas1-lists": ("log.json", lambda: {k: [v] for k, v in RAGAS_1.items()}, ["retriever", "model"]),
    "ragas1-by-column": (
        "log.json",
        lambda: {k: {"0": v} for k, v in RAGAS_1.items()},
        ["retriever", "model"],
    ),
    "ragas2-csv": ("log.csv", lambda: table([RAGAS_2], repr), ["retriever", "model"]),
    "ragas2-csv-numpy": ("log.csv", lambda: table([RAGAS_2], exports.numpy_shown), ["retriever", "model"]),
    "ragas2-lists": ("log.json", lambda: {k: [v] for k, v in RAGAS_2.items()}, ["retriever", "model"]),
    "ragas2-samples": ("log.json", lambda: {"samples": [RAGAS_2]}, ["retriever", "model"]),
    "ragchecker-results": ("log.json", exports.ragchecker_results, ["retriever", "model"]),
    "ragchecker-list": ("log.json", lambda: exports.ragchecker_results()["results"], ["retriever", "model"]),
    "deepeval-list": ("log.json", lambda: [exports.deepeval_case()], ["retriever", "model"]),
    "deepeval-csv": ("log.csv", lambda: table([exports.deepeval_joined()]), ["retriever", "model"]),
    "deepeval-lines": ("log.jsonl", lambda: [exports.deepeval_joined()], ["retriever", "model"]),
    "deepeval-results": ("log.json", exports.deepeval_results, ["retriever", "model"]),
    "deepeval-run": (
        "log.json",
        lambda: {"testRunData": {"testCases": samples.DEEPEVAL["testCases"], "conversationalTestCases": []}},
        ["retriever", "model"],
    ),
    "promptfoo-lines": ("log.jsonl", lambda: [exports.promptfoo_result()], ["packer", "model"]),
    "promptfoo-list-of-contexts": (
        "log.jsonl",
        lambda: [
            exports.promptfoo_result(
                vars={
                    "question": samples.QUESTION,
                    "context": [samples.ARNO, samples.PO],
                    "reference": "the Po",
                }
            )
        ],
        ["retriever", "packer", "model"],
    ),
    "promptfoo-metadata": (
        "log.jsonl",
        lambda: [
            exports.promptfoo_result(
                vars={"query": samples.QUESTION, "reference": "the Po"},
                metadata={"context": [samples.ARNO, samples.PO]},
            )
        ],
        ["retriever", "packer", "model"],
    ),
    "promptfoo-output-object": (
        "log.jsonl",
        lambda: [
            exports.promptfoo_result(
                vars={"query": samples.QUESTION, "reference": "the Po"},
                response={"output": {"answer": samples.ANSWER, "context": samples.CONTEXT}},
            )
        ],
        ["packer", "model"],
    ),
    "promptfoo-table": (
        "log.json",
        lambda: {"table": exports.promptfoo_table(), "id": "e"},
        ["packer", "model"],
    ),
    "promptfoo-v2": (
        "log.json",
        lambda: {
            "evalId": "e",
            "results": {
                "version": 2,
                "results": [exports.promptfoo_result()],
                "table": exports.promptfoo_table(),
            },
        },
        ["packer", "model"],
    ),
    "promptfoo-csv": (
        "log.csv",
        lambda: table(
            [
                {
                    "query": samples.QUESTION,
                    "context": samples.CONTEXT,
                    "reference": "the Po",
                    "[openai:small] Answer {{query}}": f"[PASS] {samples.ANSWER}",
                }
            ]
        ),
        ["packer", "model"],
    ),
    "databricks": (
        "log.jsonl",
        lambda: [
            {
                "request": samples.QUESTION,
                "response": samples.ANSWER,
                "expected_response": "the Po",
                "retrieved_context": [{"doc_uri": "r1", "content": samples.PO}],
            }
        ],
        ["retriever", "model"],
    ),
    "langsmith-experiment": (
        "log.csv",
        lambda: table(
            [
                {
                    "inputs.question": samples.QUESTION,
                    "outputs.answer": samples.ANSWER,
                    "outputs.contexts": [samples.ARNO, samples.PO],
                    "reference.answer": "the Po",
                    "feedback.correctness": 1,
                    "example_id": "e1",
                }
            ]
        ),
        ["retriever", "model"],
    ),
    "mlflow-evaluation": (
        "log.csv",
        lambda: table(
            [
                {
                    "inputs/question": samples.QUESTION,
                    "outputs/response": samples.ANSWER,
                    "expectations/expected_response": "the Po",
                }
            ]
        ),
        ["model"],
    ),
    "semicolons": ("log.csv", lambda: table([RAGAS_1], repr, ";"), ["retriever", "model"]),
    "chat": (
        "log.jsonl",
        lambda: [
            {
                "messages": [
                    {"role": "user", "content": samples.QUESTION},
                    {"role": "assistant", "content": samples.ANSWER},
                ],
                "reference": "the Po",
            }
        ],
        ["model"],
    ),
    "own-results": (
        "log.jsonl",
        lambda: [
            {
                "question": samples.QUESTION,
                "response": samples.ANSWER,
                "results": [{"id": "r1", "text": samples.PO}],
                "reference": "the Po",
            }
        ],
        ["retriever", "model"],
    ),
}


@pytest.mark.parametrize("export", EVALUATED)
def test_results_of_evaluations(tmp_path: Path, export: str) -> None:
    name, build, expected = EVALUATED[export]
    trace = one(written(tmp_path, build(), name))
    assert (roles(trace), trace.query.text, answer(trace)) == (expected, samples.QUESTION, samples.ANSWER)
    assert trace.gold is not None
    assert trace.gold.answers == ("the Po",)
    if "retriever" in expected:
        assert set(texts(trace, "retriever")) in ({samples.ARNO, samples.PO}, {samples.PO})


def test_gold_passages_of_a_joined_case(tmp_path: Path) -> None:
    row = exports.deepeval_joined() | {"context": f"{samples.PO}|{samples.ARNO}"}
    gold = one(written(tmp_path, table([row]), "log.csv")).gold
    assert gold is not None
    assert gold.passages == (GoldPassage(text=samples.PO), GoldPassage(text=samples.ARNO))


def test_an_example_of_a_dataset_is_a_label(tmp_path: Path) -> None:
    row = {"id": "e1", "inputs": {"question": samples.QUESTION}, "outputs": {"answer": "the Po"}}
    trace = one(written(tmp_path, [row], "log.jsonl"))
    assert trace.steps == ()
    assert trace.gold is not None
    assert trace.gold.answers == ("the Po",)


@pytest.mark.parametrize("layout", ["one line", "a column each", "envelope", "two files"])
def test_rows_without_ids_are_all_kept(tmp_path: Path, layout: str) -> None:
    rows = [RAGAS_1, ANOTHER, {**ANOTHER, "question": "how?"}]
    if layout == "two files":
        for folder in ("a", "b"):
            (tmp_path / folder).mkdir()
            written(tmp_path / folder, rows, "log.jsonl")
        path = tmp_path
    elif layout == "a column each":
        path = written(
            tmp_path, {name: {str(i): row[name] for i, row in enumerate(rows)} for name in RAGAS_1}
        )
    else:
        path = written(tmp_path, rows if layout == "one line" else {"samples": rows})
    traces, problems, _ = read(path)
    assert problems == []
    assert len({trace.trace_id for trace in traces}) == (6 if layout == "two files" else 3)
    assert not any("/" in trace.trace_id for trace in traces), "no folder of the machine"


def test_bytes_of_another_encoding_in_a_table_are_noted(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes("question,response\nWo fließt der Po?,Turin\n".encode("latin-1"))
    traces, _, account = read(path)
    assert traces[0].query.text == "Wo flie\ufffdt der Po?"
    assert "bytes that are no UTF-8" in notes(account)
