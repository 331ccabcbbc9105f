"""`diagnose check` from end to end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.desks import command, logged, made, refused

BROKEN = [
    '{"trace_id": "a", "query": {"text": "x"}, "steps": [{"role": "model", "output": {"text": 3}}]}',
    '{"trace_id": "b", "query": {"text": "x"}, "steps": [{"role": "cook", "output": {"text": "x"}}]}',
    '{"trace_id": "c", "query": {"text": "x"}, "outcome": {"score": 7}}',
    '{"trace_id": "d", "query": {"text": "x"}}',
    '{"trace_id": "d", "query": {"text": "x"}}',
]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIAGNOSE_CACHE_DIR", str(tmp_path / "cache"))


def test_a_sound_log(tmp_path: Path) -> None:
    log = logged(tmp_path / "desk", most=3)
    done = command("check", log)
    assert done.exit_code == 0
    assert "3 traces of 3 lines" in done.stdout
    assert "retriever+ranker+packer+model: 3" in done.stdout
    assert "observed: where the evidence was lost" in done.stdout
    assert done.stderr == ""


def test_queries_are_told_from_a_log(tmp_path: Path) -> None:
    made(tmp_path / "desk")
    assert "diagnose record" in command("check", tmp_path / "desk" / "queries.jsonl").stdout


def test_every_problem_is_listed_not_only_the_first(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text("\n".join(BROKEN) + "\n")
    done = command("check", tmp_path / "log.jsonl")
    assert done.exit_code == 3
    for line, field in (
        (1, "steps[0].output.text"),
        (2, "steps[0].role"),
        (3, "outcome.score"),
        (5, "trace_id"),
    ):
        assert f"log.jsonl:{line} {field}: expected " in done.stdout.replace("\n", " ")
    assert "1 traces of 5 lines" in done.stdout


def test_json_is_one_document(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text("\n".join(BROKEN) + "\n")
    done = command("check", tmp_path / "log.jsonl", "--json")
    document = json.loads(done.stdout)
    assert done.exit_code == 3
    assert document["n_problems"] == 4
    assert document["n_traces"] == 1
    assert {"source", "line", "field", "expected", "found"} == set(document["problems"][0])


def test_quiet_answers_by_its_code_alone(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(BROKEN[0] + "\n")
    done = command("check", tmp_path / "log.jsonl", "--quiet")
    assert (done.exit_code, done.output) == (3, "")


def test_stdin(tmp_path: Path) -> None:
    done = command("check", "-", stdin=(BROKEN[3] + "\n").encode())
    assert done.exit_code == 0
    assert "stdin: 1 traces of 1 lines" in done.stdout


def test_hostile_text_does_not_reach_the_terminal(tmp_path: Path) -> None:
    evil = json.dumps(
        {"trace_id": "\x1b[2J\u202e", "query": {"text": "x"}, "outcome": {"score": "\x1b]0;x\x07"}}
    )
    (tmp_path / "log.jsonl").write_text(evil + "\n" + json.dumps({"trace_id": "\x1b[2J"}) + "\n")
    done = command("check", tmp_path / "log.jsonl")
    assert done.exit_code == 3
    assert not set(done.output) & {"\x1b", "\x07", "\u202e"}


def test_markup_is_shown_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text('{"trace_id": "a", "query": "[bold]x[/bold]"}\n')
    assert "[bold]x[/bold]" in command("check", tmp_path / "log.jsonl").stdout


def test_a_missing_file(tmp_path: Path) -> None:
    refused(command("check", tmp_path / "no.jsonl"), 3, "no.jsonl: no such file")
