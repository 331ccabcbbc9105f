"""The real logs kept beside the repository: what comes out of each."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.logs import shown
from tests.traces.reading import answer, ids, read, roles

FULL = ["retriever", "ranker", "packer", "model"]
LOGS: dict[str, tuple[int, list[str], int]] = {
    "phoenix/rest-spans.json": (4, FULL, 0),
    "phoenix/rest-spans-otlpv1.json": (4, FULL, 0),
    "phoenix/client-get-spans.json": (4, FULL, 0),
    "phoenix/client-spans-dataframe.jsonl": (4, FULL, 0),
    "phoenix/otel-console-exporter.json": (4, FULL, 0),
    "phoenix/otlp-file-exporter.jsonl": (4, FULL, 0),
    "phoenix/rest-traces.json": (0, [], 4),
    "phoenix/rest-traces-with-spans.json": (0, [], 4),
    "mlflow/trace-to_json-sqlite.json": (1, FULL, 0),
    "mlflow/search_traces-list-sqlite.json": (2, FULL, 0),
    "mlflow/rest-traces-search.json": (2, ["model"], 0),
    "openinference/langchain-openinference-otlp.jsonl": (3, FULL, 0),
    "openinference/llamaindex-openinference-otlp.jsonl": (4, FULL, 0),
    "langfuse/framework-llamaindex-2025-06-05.json": (1, ["model"], 0),
    "langsmith/runs-batch-wire-0.json": (1, FULL, 0),
    "otlp/opentelemetry-proto-examples-trace.json": (0, [], 1),
    "ragas/evaluation_dataset.jsonl": (2, ["retriever", "model"], 0),
    "ragas/evaluation_dataset.csv": (2, ["retriever", "model"], 0),
}
"""How many traces, the richest one's stages, how many problems."""


@pytest.mark.parametrize("name", LOGS)
def test_real_logs(shared_data: Path, name: str) -> None:
    n_traces, richest, n_problems = LOGS[name]
    traces, problems, _ = read(shared_data / "trace_samples" / name)
    assert (len(traces), len(problems)) == (n_traces, n_problems)
    assert max((roles(trace) for trace in traces), key=len, default=[]) == richest


def test_langchain_ids_come_out_of_the_output(shared_data: Path) -> None:
    log = shared_data / "trace_samples" / "openinference" / "langchain-openinference-otlp.jsonl"
    trace = read(log)[0][0]
    assert (ids(trace, "retriever"), ids(trace, "ranker"), ids(trace, "packer")) == (
        ["d3", "d2", "d1"], ["d1", "d2"], ["d1", "d2"],
    )  # fmt: skip
    assert [step.name for step in trace.steps] == [
        "BM25Retriever", "ContextualCompressionRetriever", "format_docs", "FakeListChatModel",
    ]  # fmt: skip


def test_all_exports_of_one_server_are_the_same_traces(shared_data: Path) -> None:
    traces, _, account = read(shared_data / "trace_samples" / "phoenix")
    assert len(traces) == 4
    assert account.noted["spans logged more than once were merged"].n == 80
    assert sorted(answer(t) for t in traces if t.steps) == ["I don't know.", "Paris", "Paris"]


def test_the_documents_show_what_comes_out(shared_data: Path) -> None:
    assert shared_data / "trace_samples" == shown.LOGS
    found = shown.TABLE.search(shown.PAGE.read_text(encoding="utf-8"))
    assert found is not None
    assert found[0] == shown.table(), "python -m benchmarks.logs.shown --write"
