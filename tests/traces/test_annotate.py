"""Verdicts written back: as a file's annotation attributes, and what servers answer in bad cases."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnose.core.blame import Blame, Undecided
from diagnose.errors import StageFailed, UsageError
from diagnose.traces.annotate import annotate
from diagnose.traces.read import read_log
from diagnose.traces.to_jsonl import write_jsonl
from diagnose.traces.verdicts import LONGEST, verdicts_of
from tests.conftest import ROOT
from tests.stages.local_server import json_reply, local_server, reply

SPAN = "00f067aa0ba902b7"
CONVICTED = Blame(
    "a" * 32,
    "replayed",
    "ranker",
    mode="cut",
    shares={"retriever": 0.25, "ranker": 0.75},
    loss=1.0,
    residual=0.0,
    minimal_repairs=(("ranker",), ("retriever", "packer")),
    confidence=0.97,
    evidence="gold d3 at rank 7\nof 20 \x1b[31m",
)
UNDECIDED = Blame(
    f"{'b' * 32}/{SPAN}", "observed", "undecided", undecided=Undecided("observed-only", "give --pipeline")
)
BLAMES = [CONVICTED, UNDECIDED]


def test_what_a_verdict_says() -> None:
    convicted, undecided = verdicts_of(BLAMES)
    assert (convicted.trace_id, convicted.span_id, convicted.label, convicted.score) == (
        "a" * 32,
        None,
        "ranker",
        0.97,
    )
    assert convicted.explanation == (
        "ranker, cut; gold d3 at rank 7 of 20 \ufffd[31m; right once repaired: ranker or retriever and packer"
    )
    assert convicted.about == {
        "level": "replayed",
        "loss": "1",
        "share.retriever": "0.25",
        "share.ranker": "0.75",
        "mode": "cut",
        "residual": "0",
        "repairs": "ranker or retriever and packer",
    }
    assert (undecided.trace_id, undecided.span_id) == ("b" * 32, SPAN)
    assert (undecided.label, undecided.score) == ("undecided", None)
    assert undecided.explanation == (
        "undecided, observed-only; give --pipeline; the log alone, not replayed: no stage is convicted"
    )


@given(st.text(), st.text(max_size=5000))
def test_whatever_a_trace_says_a_verdict_is_one_bounded_line(trace_id: str, evidence: str) -> None:
    (verdict,) = verdicts_of([Blame(trace_id, "replayed", "model", evidence=evidence)])
    assert "\n" not in verdict.explanation
    assert len(verdict.explanation) <= LONGEST
    assert trace_id in (verdict.trace_id, f"{verdict.trace_id}/{verdict.span_id}")


def test_a_file_of_annotation_attributes(tmp_path: Path) -> None:
    target = tmp_path / "verdicts.jsonl"
    assert annotate(str(target), BLAMES).n == 2
    convicted, undecided = map(json.loads, target.read_text().splitlines())
    assert convicted["trace_id"] == "a" * 32
    assert "span_id" not in convicted
    assert convicted["attributes"] | {"trace.annotations.0.annotation.explanation": None} == {
        "trace.annotations.0.annotation.name": "diagnose.blame",
        "trace.annotations.0.annotation.label": "ranker",
        "trace.annotations.0.annotation.score": 0.97,
        "trace.annotations.0.annotation.explanation": None,
        "trace.annotations.0.annotation.annotator_kind": "CODE",
        "trace.annotations.0.annotation.identifier": "diagnose",
        "trace.annotations.0.annotation.metadata": json.dumps(
            next(verdicts_of([CONVICTED])).about, separators=(",", ":")
        ),
    }
    assert undecided["span_id"] == SPAN
    assert undecided["attributes"]["annotations.0.annotation.label"] == "undecided"
    assert "annotations.0.annotation.score" not in undecided["attributes"]
    before = target.read_bytes()
    annotate(str(target), BLAMES)
    assert target.read_bytes() == before
    with pytest.raises(UsageError, match="cannot be written"):
        annotate(str(tmp_path / "no" / "verdicts.jsonl"), BLAMES)


def test_annotations_of_many_traces_go_in_lots(tmp_path: Path) -> None:
    blames = [Blame(f"{n:032x}", "replayed", "model") for n in range(250)]
    with local_server() as server:
        server.answer = lambda asked: {"data": []}
        written = annotate(server.url, blames, "phoenix")
    assert (written.n, written.absent) == (250, ())
    assert [path for path, _, _ in server.asked] == ["/v1/trace_annotations?sync=true"] * 3
    assert [len(body["data"]) for _, _, body in server.asked] == [100, 100, 50]
    sent = [item["trace_id"] for _, _, body in server.asked for item in body["data"]]
    assert sent == [blame.trace_id for blame in blames]


def test_one_absent_trace_costs_the_others_nothing() -> None:
    blames = [Blame(f"{n:032x}", "replayed", "model") for n in range(40)]
    absent = {blames[7].trace_id, blames[31].trace_id}
    kept: list[str] = []
    with local_server() as server:

        def take(path: str, headers: dict[str, str], body: dict[str, list[dict[str, str]]]) -> object:
            ids = [item["trace_id"] for item in body["data"]]
            if absent & set(ids):
                return json_reply({"detail": "Traces with IDs do not exist"}, 404)
            kept.extend(ids)
            return json_reply({"data": []})

        server.take = take  # type: ignore[method-assign, assignment]
        written = annotate(server.url, blames, "phoenix")
    assert (written.n, set(written.absent)) == (38, absent)
    assert sorted(kept) == sorted({blame.trace_id for blame in blames} - absent)


def test_a_server_that_refuses_is_a_sentence() -> None:
    with local_server() as server:
        server.replies = [reply(401, b"no")]
        with pytest.raises(StageFailed, match=r"wants a key \(HTTP 401\): set PHOENIX_API_KEY"):
            annotate(server.url, BLAMES[:1], "phoenix")
        server.replies = [reply(422, b'{"detail": "bad name"}')]
        with pytest.raises(StageFailed, match="bad name"):
            annotate(server.url, BLAMES[:1], "phoenix")


def test_the_command_writes_and_reads_no_verdict_back(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write_jsonl(tmp_path / "out" / "blame.jsonl", BLAMES)
    command = [sys.executable, "-m", "diagnose", "annotate", "out", "--to", "-"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["trace_id"] for line in done.stdout.splitlines()] == ["a" * 32, "b" * 32]
    assert "2 verdicts written to -" in done.stderr
    (tmp_path / "out" / "blame.jsonl").write_text('{"schema": "diagnose.blame/1"}\n')
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 3
    assert "trace_id" in done.stderr


def test_our_own_verdicts_in_a_log_are_no_labels(tmp_path: Path) -> None:
    """A log that was annotated reads as it did before."""
    target = tmp_path / "verdicts.jsonl"
    annotate(str(target), [CONVICTED])
    attributes = json.loads(target.read_text())["attributes"]
    span = {
        "name": "rag",
        "context": {"trace_id": "a" * 32, "span_id": SPAN},
        "span_kind": "CHAIN",
        "parent_id": None,
        "attributes": {"input.value": "Why?", "output.value": "Because.", **attributes},
    }
    (tmp_path / "spans.json").write_text(json.dumps([span]))
    (trace,) = read_log(tmp_path / "spans.json")
    assert getattr(trace, "outcome", "no trace") is None
    assert getattr(trace, "gold", "no trace") is None
