"""`diagnose attribute` from end to end: games written by hand or by another tool."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.desks import OUTPUTS, command, files, refused

BY_HAND = """\
{"trace_id": "a", "roles": ["model", "retriever"], "worth": {"": 0, "retriever": 1, "model": 0, "model+retriever": 1}}
{"trace_id": "b", "roles": ["retriever", "model"], "worth": {"": 0, "retriever": 0, "model": 1, "retriever+model": 1}}
{"trace_id": "c", "roles": ["retriever", "model"], "worth": {"": 0, "retriever": 0, "model": 0, "retriever+model": 1}}
{"trace_id": "d", "roles": ["retriever", "model"], "worth": {"": 1, "retriever": 1, "model": 1, "retriever+model": 1}}
{"trace_id": "e", "roles": ["retriever", "model"], "worth": {"": 0, "retriever": 0, "model": 0, "retriever+model": 0}}
"""


def blames(folder: Path) -> dict[str, dict[str, object]]:
    lines = (folder / "blame.jsonl").read_text().splitlines()
    return {blame["trace_id"]: blame for blame in map(json.loads, lines)}


def attributed(tmp_path: Path, *options: object, text: str = BY_HAND) -> Path:
    (tmp_path / "games.jsonl").write_text(text)
    out = tmp_path / "out"
    done = command("attribute", tmp_path / "games.jsonl", "-o", out, *options)
    assert done.exit_code == 0, done.stderr
    return out


def test_games_by_hand(tmp_path: Path) -> None:
    out = attributed(tmp_path)
    found = blames(out)
    assert {i: b["verdict"] for i, b in found.items()} == {
        "a": "retriever",
        "b": "model",
        "c": "retriever",
        "e": "undecided",
    }
    assert found["c"]["shares"] == {"retriever": 0.5, "model": 0.5}
    assert found["c"]["minimal_repairs"] == [["retriever", "model"]]
    assert found["c"]["interactions"] == {"retriever+model": 1.0}
    assert found["e"]["undecided"]["reason"] == "no-loss"  # type: ignore[index]
    report = json.loads((out / "report.json").read_bytes())
    assert (report["n_traces"], report["n_failures"], report["score"]) == (5, 4, 0.2)
    assert set(OUTPUTS) <= set(files(out))


def test_the_log_may_be_larger_than_the_table(tmp_path: Path) -> None:
    report = json.loads((attributed(tmp_path, "--traces", 10) / "report.json").read_bytes())
    assert (report["n_traces"], report["score"]) == (10, 0.6)


def test_the_pass_mark(tmp_path: Path) -> None:
    half = '{"trace_id": "a", "roles": ["model"], "worth": {"": 0.6, "model": 1}}\n'
    assert blames(attributed(tmp_path, text=half)) == {}
    assert list(blames(attributed(tmp_path, "--pass", 0.7, text=half))) == ["a"]


def test_two_runs_give_the_same_bytes(tmp_path: Path) -> None:
    first = files(attributed(tmp_path))
    assert files(attributed(tmp_path)) == first
    assert files(attributed(tmp_path, "--seed", 1)) != first


def test_stdin_json_and_quiet(tmp_path: Path) -> None:
    done = command("attribute", "-", "-o", tmp_path / "out", "--json", "--quiet", stdin=BY_HAND.encode())
    assert json.loads(done.stdout)["n_failures"] == 4
    assert done.stderr == ""


def test_a_table_without_failures_can_be_shown(tmp_path: Path) -> None:
    out = attributed(tmp_path, text=BY_HAND.splitlines()[3] + "\n")
    assert command("show", out).exit_code == 0
    refused(command("show", out, "d"), 2, '"d" is not among its 0 failures')


def test_a_hole_costs_no_other_game(tmp_path: Path) -> None:
    holed = '{"trace_id": "x", "roles": ["retriever", "model"], "worth": {"": 0, "model": 1}}\n'
    (tmp_path / "games.jsonl").write_text(holed + BY_HAND)
    done = command("attribute", tmp_path / "games.jsonl", "-o", tmp_path / "out")
    assert done.exit_code == 0
    assert 'games.jsonl:1 worth: expected all 4 coalitions, found none of "retriever"' in done.stderr
    assert json.loads((tmp_path / "out" / "report.json").read_bytes())["skipped"][0].startswith(
        "games.jsonl:1"
    )
    strict = command("attribute", tmp_path / "games.jsonl", "-o", tmp_path / "out", "--strict")
    refused(strict, 3, "games.jsonl:1 worth")


def test_nothing_usable(tmp_path: Path) -> None:
    (tmp_path / "games.jsonl").write_text('{"trace_id": "x", "roles": ["cook"], "worth": {}}\n')
    done = command("attribute", tmp_path / "games.jsonl", "-o", tmp_path / "out")
    refused(done, 3, "no usable game", "roles", '"cook"')


def test_worths_that_no_arithmetic_can_add_up(tmp_path: Path) -> None:
    (tmp_path / "games.jsonl").write_text(
        '{"trace_id": "x", "roles": ["model"], "worth": {"": 0, "model": 1e300}}\n'
    )
    done = command("attribute", tmp_path / "games.jsonl", "-o", tmp_path / "out")
    refused(done, 3, "1e+300")
