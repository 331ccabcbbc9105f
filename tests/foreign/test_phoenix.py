"""Phoenix: a pipeline traced into a running server, read back, diagnosed, and annotated there."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from diagnose.core.artifact import Context, Passages
from diagnose.core.stage import Role
from diagnose.core.trace import Trace
from diagnose.traces.from_jsonl import read_traces
from tests.foreign.conftest import diagnose
from tests.foreign.handbook import DEMOTED, QUESTIONS
from tests.foreign.needs import needs
from tests.foreign.recorded_apps import STAGES, instrumented, labels, pipeline_file

pytestmark = needs("arize-phoenix", "langchain-classic", "openinference-instrumentation-langchain")
PROJECT = "handbook"
ROLES: tuple[Role, ...] = ("retriever", "ranker", "packer", "model")


@pytest.fixture(scope="module")
def project(phoenix: str) -> str:
    """The server's URL, once the pipeline's spans are in a project of it."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource({"openinference.project.name": PROJECT}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{phoenix}/v1/traces")))
    with instrumented("langchain", provider) as ask:
        for question, _, _ in QUESTIONS:
            ask(question)
    provider.shutdown()
    return phoenix


@pytest.fixture(scope="module")
def reported(project: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the server's traces (`traces.jsonl`) and their report (`out`)."""
    folder = tmp_path_factory.mktemp("round-trip")
    gold = labels(folder)
    diagnose("convert", project, "--project", PROJECT, "--gold", gold, "-o", "traces.jsonl", folder=folder)
    pipeline = pipeline_file(folder, STAGES["langchain"])
    diagnose("run", "traces.jsonl", "-p", pipeline, "-o", "out", "--no-memo", folder=folder)
    return folder


def listed(output: object) -> list[tuple[str, str]]:
    """The ids and texts of passages."""
    assert isinstance(output, Passages | Context)
    return [(passage.id, passage.text) for passage in output.passages]


def traces_in(folder: Path) -> dict[str, Trace]:
    found = [trace for trace in read_traces(folder / "traces.jsonl") if isinstance(trace, Trace)]
    return {trace.query.text: trace for trace in found}


def test_every_trace_comes_back_with_its_stages(reported: Path) -> None:
    traces = traces_in(reported)
    assert set(traces) == {question for question, _, _ in QUESTIONS}
    for trace in traces.values():
        assert [step.role for step in trace.steps] == ["retriever", "ranker", "packer", "model"]
    report = json.loads((reported / "out" / "report.json").read_text())
    assert report["ranking"][0]["role"] == "ranker"
    assert all(seen["same"] == 1.0 for seen in report["fidelity"].values())


def test_verdicts_are_annotations_of_the_failing_traces(project: str, reported: Path) -> None:
    for _ in range(2):  # the second time replaces what the first one wrote
        said = diagnose("annotate", "out", "--to", project, folder=reported)
        assert f"{len(DEMOTED)} verdicts written to {project}" in said
    failing = {q: gold for q, _, gold in QUESTIONS if gold in DEMOTED}
    traces = traces_in(reported)
    found = []
    for question in failing:
        answer = httpx.get(
            f"{project}/v1/projects/{PROJECT}/trace_annotations",
            params={"trace_ids": traces[question].trace_id},
        )
        found += answer.raise_for_status().json()["data"]
    assert len(found) == len(DEMOTED)
    for annotation in found:
        assert (annotation["name"], annotation["annotator_kind"]) == ("diagnose.blame", "CODE")
        assert annotation["result"]["label"] == "ranker"
        assert annotation["result"]["score"] == 1.0
        assert "right once repaired: ranker" in annotation["result"]["explanation"]
        assert annotation["metadata"]["share.ranker"] == "1"
        assert annotation["metadata"]["mode"] == "cut"


def test_annotations_do_not_change_what_is_read(project: str, reported: Path) -> None:
    diagnose("annotate", "out", "--to", project, folder=reported)
    diagnose("convert", project, "--project", PROJECT, "-o", "again.jsonl", folder=reported)
    again = [t for t in read_traces(reported / "again.jsonl") if isinstance(t, Trace)]
    assert {t.trace_id: t.steps for t in again} == {t.trace_id: t.steps for t in traces_in(reported).values()}
    assert all(trace.outcome is None for trace in again)


def test_traces_that_the_server_has_not_are_named(project: str, reported: Path, tmp_path: Path) -> None:
    lines = (reported / "out" / "blame.jsonl").read_text().splitlines()
    known = json.loads(lines[0])["trace_id"]
    absent = [line.replace(known, f"{n:032x}") for n, line in enumerate(lines[:1] * 3, 1)]
    (tmp_path / "blame.jsonl").write_text("\n".join([lines[0], *absent]) + "\n")
    said = diagnose("annotate", tmp_path / "blame.jsonl", "--to", project, folder=tmp_path)
    assert "1 verdicts written" in said
    assert f"not there (3): {1:032x}, {2:032x}, {3:032x}" in said
    (tmp_path / "blame.jsonl").write_text("\n".join(absent) + "\n")
    said = diagnose("annotate", tmp_path / "blame.jsonl", "--to", project, folder=tmp_path, code=3)
    assert "has none of the 3 traces" in said


def test_the_client_reads_the_same_spans(project: str, reported: Path) -> None:
    from phoenix.client import Client

    spans = Client(base_url=project).spans.get_spans(project_identifier=PROJECT, limit=1000)
    (reported / "client.json").write_text(json.dumps(spans, default=str))
    diagnose("convert", "client.json", "-o", "client.jsonl", folder=reported)
    found = [t for t in read_traces(reported / "client.jsonl") if isinstance(t, Trace)]
    assert {t.trace_id: t.steps for t in found} == {t.trace_id: t.steps for t in traces_in(reported).values()}


def test_one_command_reads_diagnoses_and_annotates(project: str, reported: Path) -> None:
    command = ["run", project, "--project", PROJECT, "--gold", "gold.jsonl", "-p", "pipeline.toml"]
    said = diagnose(*command, "-o", "direct", "--no-memo", "--annotate", project, folder=reported)
    assert f"{len(DEMOTED)} verdicts written to {project}" in said
    assert (reported / "direct" / "blame.jsonl").read_bytes() == (
        reported / "out" / "blame.jsonl"
    ).read_bytes()
    notes = " ".join(json.loads((reported / "direct" / "report.json").read_text())["notes"])
    assert "log: read phoenix" in notes
    assert f"labels joined by question {len(QUESTIONS)}" in notes


def test_what_the_client_saves_of_a_data_frame_is_read(project: str, reported: Path) -> None:
    from phoenix.client import Client

    frame = Client(base_url=project).spans.get_spans_dataframe(project_identifier=PROJECT, limit=1000)
    frame.to_parquet(reported / "frame.parquet")
    frame.to_csv(reported / "frame.csv")
    frame.to_json(reported / "frame.json", orient="index")
    import pandas

    pandas.read_parquet(reported / "frame.parquet").to_csv(reported / "again.csv")
    for name in ("frame.parquet", "frame.csv", "frame.json", "again.csv"):
        diagnose("convert", name, "-o", "frame.jsonl", folder=reported)
        found = [t for t in read_traces(reported / "frame.jsonl") if isinstance(t, Trace)]
        for trace in found:
            known = traces_in(reported)[trace.query.text]
            assert [s.role for s in trace.steps] == [s.role for s in known.steps], name
            # The server rounds the scores of a data frame.
            for role in ROLES[:3]:
                assert listed(trace.output(role)) == listed(known.output(role)), (name, role)
            assert trace.output("model") == known.output("model"), name
        assert len(found) == len(QUESTIONS), name
