"""`diagnose record` from end to end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from diagnose.core.stage import Role
from diagnose.core.trace import Trace
from diagnose.traces.from_jsonl import read_traces
from tests.cli.desks import command, made, refused

CODE = """
def read_or_fail(query, context):
    if "Cirrus" in query:
        raise RuntimeError("out of order")
    return read(query, context)

def nonsense(query, context):
    return 42 if "Borealis" in query else read(query, context)
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIAGNOSE_CACHE_DIR", str(tmp_path / "cache"))


def model(function: str) -> dict[Role, str]:
    return {"model": f'use = "own:{function}"\ndeterministic = true'}


def read(path: Path) -> list[Trace]:
    traces = list(read_traces(path))
    assert all(isinstance(t, Trace) for t in traces)
    return traces  # type: ignore[return-value]


def test_every_step_is_logged_with_its_score(tmp_path: Path) -> None:
    pipeline, log = made(tmp_path / "desk", most=3), tmp_path / "log.jsonl"
    done = command("record", tmp_path / "desk" / "queries.jsonl", "-p", pipeline, "-o", log)
    assert done.exit_code == 0, done.stderr
    assert done.stdout == ""
    assert "recorded 3 of 3 queries" in done.stderr
    for trace in read(log):
        assert [s.role for s in trace.steps] == ["retriever", "ranker", "packer", "model"]
        assert [s.name for s in trace.steps][1] == "own:rank_worst_first"
        assert trace.outcome is not None
        assert trace.outcome.score == 0.0
        assert all(s.elapsed_s is not None and s.elapsed_s >= 0 for s in trace.steps)
        assert trace.tags == {"third": "first"}
        assert trace.gold is not None
    assert command("check", log).exit_code == 0


def test_without_times_two_recordings_have_the_same_bytes(tmp_path: Path) -> None:
    pipeline, asked = made(tmp_path / "desk", most=3), tmp_path / "desk" / "queries.jsonl"
    first = command("record", asked, "-p", pipeline, "--no-timing")
    again = command("record", asked, "-p", pipeline, "--no-timing", "--quiet")
    assert first.stdout_bytes == again.stdout_bytes != b""
    assert again.stderr == ""
    assert b"elapsed_s" not in first.stdout_bytes
    timed = command("record", asked, "-p", pipeline)
    assert b"elapsed_s" in timed.stdout_bytes


def test_queries_from_stdin_to_stdout(tmp_path: Path) -> None:
    pipeline, asked = made(tmp_path / "desk", most=2), tmp_path / "desk" / "queries.jsonl"
    done = command("record", "-", "-p", pipeline, stdin=asked.read_bytes())
    assert done.exit_code == 0
    assert [json.loads(line)["trace_id"] for line in done.stdout.splitlines()] == ["q00", "q01"]


def test_an_unlabelled_query_has_no_score(tmp_path: Path) -> None:
    pipeline = made(tmp_path / "desk", most=1)
    line = b'{"trace_id": "x", "query": {"text": "When?"}}\n'
    done = command("record", "-", "-p", pipeline, stdin=line)
    assert "outcome" not in json.loads(done.stdout)


def test_a_query_that_a_stage_fails_on_costs_no_other(tmp_path: Path) -> None:
    pipeline, log = made(tmp_path / "desk", model("read_or_fail"), CODE, most=4), tmp_path / "log.jsonl"
    done = command("record", tmp_path / "desk" / "queries.jsonl", "-p", pipeline, "-o", log)
    refused(
        done,
        5,
        "recorded 3 of 4 queries",
        "not recorded (1)",
        "stage model (own:read_or_fail)",
        "out of order",
    )
    assert [t.trace_id for t in read(log)] == ["q00", "q01", "q03"]


def test_strict_stops_at_the_first_and_leaves_no_file(tmp_path: Path) -> None:
    pipeline, log = made(tmp_path / "desk", model("read_or_fail"), CODE, most=4), tmp_path / "log.jsonl"
    done = command("record", tmp_path / "desk" / "queries.jsonl", "-p", pipeline, "-o", log, "--strict")
    refused(done, 5, "RuntimeError: out of order")
    assert not log.exists()


def test_nonsense_is_named_with_what_was_expected(tmp_path: Path) -> None:
    pipeline = made(tmp_path / "desk", model("nonsense"), CODE, most=2)
    done = command("record", tmp_path / "desk" / "queries.jsonl", "-p", pipeline, "--strict")
    refused(done, 5, "stage model (own:nonsense)", "returned 42", "expected an answer")


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    pipeline = made(tmp_path / "desk", most=1)
    done = command(
        "record", tmp_path / "desk" / "queries.jsonl", "-p", pipeline, "-o", tmp_path / "no" / "log.jsonl"
    )
    refused(done, 2, "cannot be written")


def test_a_bad_query_costs_no_other(tmp_path: Path) -> None:
    pipeline, asked = made(tmp_path / "desk", most=2), tmp_path / "desk" / "queries.jsonl"
    asked.write_text('{"trace_id": "bad"}\n' + asked.read_text())
    done = command("record", asked, "-p", pipeline)
    assert done.exit_code == 0
    assert "left out: " in done.stderr
    assert "queries.jsonl:1 query: expected" in done.stderr
    assert len(done.stdout.splitlines()) == 2
    refused(command("record", asked, "-p", pipeline, "--strict"), 3, "queries.jsonl:1 query")
