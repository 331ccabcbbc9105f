"""LangChain, LlamaIndex and Haystack, recorded by their real instrumentations, converted, replayed, diagnosed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from diagnose.core.artifact import Passages
from diagnose.core.stage import Role
from diagnose.core.trace import Trace
from diagnose.traces.from_jsonl import read_traces
from diagnose.traces.saved import read_blames
from tests.foreign.conftest import diagnose
from tests.foreign.handbook import DEMOTED, QUESTIONS
from tests.foreign.needs import needs
from tests.foreign.recorded_apps import STAGES, labels, otlp_file, pipeline_file

FRAMEWORKS = [
    pytest.param(
        "langchain",
        marks=needs("langchain-core", "langchain-classic", "openinference-instrumentation-langchain"),
    ),
    pytest.param("llamaindex", marks=needs("llama-index-core", "openinference-instrumentation-llama-index")),
    pytest.param("haystack", marks=needs("haystack-ai", "openinference-instrumentation-haystack")),
]


STAGES_OF_PASSAGES: tuple[Role, ...] = ("retriever", "ranker")


def listed(output: object) -> list[tuple[str, str]]:
    """The ids and texts of passages."""
    assert isinstance(output, Passages)
    return [(passage.id, passage.text) for passage in output.passages]


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders with a converted log, by framework; filled as they are asked for."""
    return {}


def log_of(framework: str, logs: dict[str, Path], folder: Path) -> Path:
    """The folder in which a framework's pipeline was recorded and its log converted, once."""
    if framework not in logs:
        folder.mkdir(exist_ok=True)
        gold = labels(folder)
        otlp_file(framework, folder / "spans.json")
        diagnose("convert", "spans.json", "--gold", gold, "-o", "traces.jsonl", folder=folder)
        logs[framework] = folder
    return logs[framework]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_every_stage_is_read_off_the_spans(framework: str, logs: dict[str, Path], tmp_path: Path) -> None:
    folder = log_of(framework, logs, tmp_path)
    traces = [trace for trace in read_traces(folder / "traces.jsonl") if isinstance(trace, Trace)]
    assert [trace.query.text for trace in traces] == [question for question, _, _ in QUESTIONS]
    for trace in traces:
        assert [step.role for step in trace.steps] == ["retriever", "ranker", "packer", "model"]
        assert trace.gold is not None


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_stage_at_fault_is_found(framework: str, logs: dict[str, Path], tmp_path: Path) -> None:
    folder = log_of(framework, logs, tmp_path)
    pipeline = pipeline_file(folder, STAGES[framework])
    diagnose("run", "traces.jsonl", "-p", pipeline, "-o", "out", "--no-memo", folder=folder)
    report = json.loads((folder / "out" / "report.json").read_text())
    assert (report["n_traces"], report["n_failures"]) == (len(QUESTIONS), len(DEMOTED))
    assert report["fidelity"] == {
        role: {"n": 2, "same": 1.0, "drifted": 0.0, "unstable": 0.0} for role in STAGES[framework]
    }
    assert report["ranking"][0]["role"] == "ranker"
    assert report["triage"]["blames"] == {"model": 2}
    blames = list(read_blames(folder / "out" / "blame.jsonl"))
    assert [getattr(blame, "verdict", None) for blame in blames] == ["ranker", "ranker"]
    assert [getattr(blame, "mode", None) for blame in blames] == ["cut", "cut"]
    assert [getattr(blame, "minimal_repairs", None) for blame in blames] == [(("ranker",),)] * 2


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_spans_can_be_run_as_they_are(framework: str, logs: dict[str, Path], tmp_path: Path) -> None:
    folder = log_of(framework, logs, tmp_path)
    pipeline = pipeline_file(folder, STAGES[framework])
    for source, out in (("traces.jsonl", "of-traces"), ("spans.json", "of-spans")):
        command = ["run", source, "--gold", "gold.jsonl", "-p", pipeline, "-o", out, "--no-memo"]
        diagnose(*command, folder=folder)
    blames = [(folder / out / "blame.jsonl").read_bytes() for out in ("of-traces", "of-spans")]
    assert blames[0] == blames[1]
    notes = " ".join(json.loads((folder / "of-spans" / "report.json").read_text())["notes"])
    assert "log: ids of passages come from" in notes


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_stages_that_cannot_be_run_are_taken_from_the_log(
    framework: str, logs: dict[str, Path], tmp_path: Path
) -> None:
    folder = log_of(framework, logs, tmp_path)
    recorded = dict.fromkeys(("retriever", "ranker"), '{ use = "recorded" }')
    pipeline = pipeline_file(folder, {**STAGES[framework], **recorded}, "recorded.toml")
    diagnose("run", "traces.jsonl", "-p", pipeline, "-o", "recorded", "--no-memo", folder=folder)
    report = json.loads((folder / "recorded" / "report.json").read_text())
    assert [ranked["verdicts"] for ranked in report["ranking"] if ranked["role"] == "ranker"] == [2]
    notes = " ".join(report["notes"])
    assert "not run, the log stands in: retriever, ranker" in notes
    assert "where a repaired stage changes what the ranker gets" in notes


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_same_pipeline_records_what_it_logged(
    framework: str, logs: dict[str, Path], tmp_path: Path
) -> None:
    folder = log_of(framework, logs, tmp_path)
    pipeline = pipeline_file(folder, STAGES[framework], "again.toml")
    diagnose(
        *("record", "traces.jsonl", "-p", pipeline, "-o", "again.jsonl", "--no-timing", "--no-memo"),
        folder=folder,
    )
    logged = [t for t in read_traces(folder / "traces.jsonl") if isinstance(t, Trace)]
    again = [t for t in read_traces(folder / "again.jsonl") if isinstance(t, Trace)]
    assert len(again) == len(logged)
    for one, other in zip(logged, again, strict=True):
        for role in STAGES_OF_PASSAGES:
            assert listed(one.output(role)) == listed(other.output(role)), role
        texts = [getattr(t.output("model"), "text", None) for t in (one, other)]
        assert texts[0] == texts[1]
