"""The examples of docs/pipelines.md that need a framework."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from diagnose.core.artifact import Answer
from diagnose.core.trace import Trace
from diagnose.traces.from_jsonl import read_traces
from tests.foreign.conftest import diagnose
from tests.foreign.needs import needs
from tests.stages.example_files import example_files

QUESTION = {"trace_id": "t1", "query": {"text": "How long does leave last?"}}


@pytest.mark.parametrize(
    "name, answer",
    [
        pytest.param("langchain", "Sixteen weeks.", marks=needs("langchain-core", "langchain-classic")),
        pytest.param("llamaindex", None, marks=needs("llama-index-core")),
        pytest.param("haystack", "Leave lasts sixteen weeks.", marks=needs("haystack-ai")),
    ],
)
def test_an_example_records_every_stage(name: str, answer: str | None, tmp_path: Path) -> None:
    example_files(tmp_path)
    folder = tmp_path / name
    (folder / "queries.jsonl").write_text(json.dumps(QUESTION) + "\n")
    diagnose(
        "record", "queries.jsonl", "-p", "pipeline.toml", "-o", "traces.jsonl", "--no-memo", folder=folder
    )
    (trace,) = read_traces(folder / "traces.jsonl")
    assert isinstance(trace, Trace)
    assert [step.role for step in trace.steps] == ["retriever", "ranker", "packer", "model"]
    said = trace.output("model")
    assert isinstance(said, Answer)
    assert said.text if answer is None else said.text == answer
