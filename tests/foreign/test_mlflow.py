"""MLflow: a pipeline traced into a running server, read back, diagnosed, and given feedback there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diagnose.core.trace import Trace
from diagnose.traces.from_jsonl import read_traces
from tests.foreign.conftest import diagnose
from tests.foreign.handbook import DEMOTED, QUESTIONS
from tests.foreign.needs import needs
from tests.foreign.recorded_apps import labels, pipeline_file

pytestmark = needs("mlflow-skinny", "sqlalchemy", "alembic", "flask")
EXPERIMENT = "handbook"
ROLES = ("retriever", "ranker", "packer", "model")


@pytest.fixture(scope="module")
def server(mlflow_url: str) -> str:
    """The server's URL, once the pipeline's traces are in an experiment of it."""
    import mlflow

    mlflow.set_tracking_uri(mlflow_url)
    mlflow.set_experiment(EXPERIMENT)
    from tests.foreign.mlflow_app import ask

    answer_of: dict[str, str] = {}
    for question, answer, _ in QUESTIONS:
        ask(question)
        answer_of[str(mlflow.get_last_active_trace_id())] = answer
    mlflow.flush_trace_async_logging()
    for trace_id, answer in answer_of.items():
        mlflow.log_expectation(trace_id=trace_id, name="expected_response", value=answer)
    return mlflow_url


@pytest.fixture(scope="module")
def reported(server: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the server's traces (`traces.jsonl`) and their report (`out`)."""
    folder = tmp_path_factory.mktemp("round-trip")
    labels(folder)
    # The labels are the server's own: the expectations beside its traces.
    diagnose("convert", server, "--project", EXPERIMENT, "-o", "traces.jsonl", folder=folder)
    pipeline = pipeline_file(folder, {role: f"tests.foreign.mlflow_app:{role}" for role in ROLES})
    diagnose("run", "traces.jsonl", "-p", pipeline, "-o", "out", "--no-memo", folder=folder)
    return folder


def traces_in(path: Path) -> dict[str, Trace]:
    found = [trace for trace in read_traces(path) if isinstance(trace, Trace)]
    return {trace.query.text: trace for trace in found}


def feedback(trace_id: str) -> list[Any]:
    """What the server's own client says of a trace."""
    import mlflow

    assessments = mlflow.get_trace(trace_id).info.assessments
    return [one for one in assessments if one.name == "diagnose.blame"]


def test_every_trace_comes_back_with_its_stages_and_labels(reported: Path) -> None:
    traces = traces_in(reported / "traces.jsonl")
    for question, answer, _ in QUESTIONS:
        trace = traces[question]
        assert [step.role for step in trace.steps] == list(ROLES)
        assert trace.gold is not None
        assert trace.gold.answers == (answer,)
    report = json.loads((reported / "out" / "report.json").read_text())
    assert report["ranking"][0]["role"] == "ranker"
    assert all(seen["same"] == 1.0 for seen in report["fidelity"].values())


def test_verdicts_are_feedback_on_the_failing_traces(server: str, reported: Path) -> None:
    for _ in range(2):  # the second time replaces what the first one wrote
        said = diagnose("annotate", "out", "--to", server, folder=reported)
        assert f"{len(DEMOTED)} verdicts written to {server}" in said
    for question, trace in traces_in(reported / "traces.jsonl").items():
        found = feedback(trace.trace_id)
        gold = next(gold for asked, _, gold in QUESTIONS if asked == question)
        assert len(found) == (gold in DEMOTED), question
        for one in found:
            assert one.feedback.value == "ranker"
            assert (one.source.source_type, one.source.source_id) == ("CODE", "diagnose")
            assert "right once repaired: ranker" in one.rationale
            assert one.metadata["share.ranker"] == "1"
            assert one.metadata["confidence"] == "1"


def test_another_verdict_takes_the_place_of_the_first(server: str, reported: Path, tmp_path: Path) -> None:
    diagnose("annotate", "out", "--to", server, "--tool", "mlflow", folder=reported)
    first = json.loads((reported / "out" / "blame.jsonl").read_text().splitlines()[0])
    other = {**first, "verdict": "scorer", "mode": None, "shares": {}, "loss": 0.0, "minimal_repairs": []}
    (tmp_path / "blame.jsonl").write_text(json.dumps(other) + "\n")
    diagnose("annotate", tmp_path / "blame.jsonl", "--to", server, folder=tmp_path)
    found = feedback(first["trace_id"])
    assert [one.feedback.value for one in found] == ["scorer"]
    assert "share.ranker" not in found[0].metadata


def test_traces_that_the_server_has_not_are_named(server: str, reported: Path, tmp_path: Path) -> None:
    line = (reported / "out" / "blame.jsonl").read_text().splitlines()[0]
    known = json.loads(line)["trace_id"]
    (tmp_path / "blame.jsonl").write_text(f"{line}\n{line.replace(known, 'tr-' + '0' * 32)}\n")
    said = diagnose("annotate", tmp_path / "blame.jsonl", "--to", server, folder=tmp_path)
    assert "1 verdicts written" in said
    assert f"not there (1): tr-{'0' * 32}" in said


def test_a_run_may_annotate_at_once(server: str, reported: Path) -> None:
    command = ["run", "traces.jsonl", "-p", "pipeline.toml", "-o", "again", "--no-memo", "--annotate", server]
    assert f"{len(DEMOTED)} verdicts written to {server}" in diagnose(*command, folder=reported)
    failing = [
        json.loads(line)["trace_id"] for line in (reported / "again" / "blame.jsonl").read_text().splitlines()
    ]
    assert [[one.feedback.value for one in feedback(trace_id)] for trace_id in failing] == [["ranker"]] * 2


def test_one_command_reads_diagnoses_and_annotates(server: str, reported: Path) -> None:
    command = ["run", server, "--project", EXPERIMENT, "-p", "pipeline.toml", "-o", "direct", "--no-memo"]
    said = diagnose(*command, "--annotate", server, folder=reported)
    assert f"{len(DEMOTED)} verdicts written to {server}" in said
    assert (reported / "direct" / "blame.jsonl").read_bytes() == (
        reported / "out" / "blame.jsonl"
    ).read_bytes()


def test_what_search_traces_gives_is_read(server: str, reported: Path) -> None:
    import mlflow
    import pandas

    mlflow.set_tracking_uri(server)
    found = mlflow.search_traces(locations=_locations(), return_type="list")
    (reported / "list.json").write_text(json.dumps([json.loads(trace.to_json()) for trace in found]))
    frame = mlflow.search_traces(locations=_locations(), return_type="pandas")
    texts = frame.map(
        lambda value: json.dumps(value, default=str) if isinstance(value, dict | list) else value
    )
    texts.to_csv(reported / "frame.csv", index=False)
    texts.astype(str).to_parquet(reported / "frame.parquet")
    frame.to_json(reported / "frame.json", default_handler=str)
    known = traces_in(reported / "traces.jsonl")
    assert isinstance(frame, pandas.DataFrame)
    for name in ("list.json", "frame.csv", "frame.parquet", "frame.json"):
        diagnose("convert", name, "-o", "found.jsonl", folder=reported)
        again = traces_in(reported / "found.jsonl")
        assert {q: t.steps for q, t in again.items()} == {q: t.steps for q, t in known.items()}, name
        assert {q: t.gold for q, t in again.items()} == {q: t.gold for q, t in known.items()}, name


def _locations() -> list[str]:
    import mlflow

    experiment = mlflow.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    return [experiment.experiment_id]
