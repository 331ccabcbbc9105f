from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from diagnose.cli import app
from diagnose.core.blame import Blame, Undecided
from diagnose.core.report import Findings
from diagnose.report.to_json import json_report
from diagnose.traces.to_jsonl import encode_line, write_jsonl
from tests.report.made_report import REPLAYED
from tests.report.made_trace import CUT, CUT_BLAME, CUT_GAME

LABEL_BLAME = Blame("q050 b", "replayed", "corpus", evidence="the corpus does not hold d7")
ODD = "\x1b]0;owned\x07"
ODD_BLAME = Blame(ODD, "replayed", "undecided", undecided=Undecided("no-label"))

Show = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A report folder of three failures, one of them with a game and replays."""
    report = msgspec.structs.replace(REPLAYED, findings=Findings(corpus=("q050 b",)), fragile=("q003",))
    (tmp_path / "report.json").write_bytes(json_report(report))
    write_jsonl(tmp_path / "blame.jsonl", [LABEL_BLAME, CUT_BLAME, ODD_BLAME])
    write_jsonl(tmp_path / "games.jsonl", [CUT_GAME])
    write_jsonl(tmp_path / "replays.jsonl", [CUT])
    return tmp_path


def show(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["show", *map(str, arguments)])


def test_the_report(folder: Path) -> None:
    for named in (folder, folder / "report.json"):
        done = show(named)
        assert done.exit_code == 0
        assert done.stdout.startswith("Fix the ranker first")
        assert "Which stage is to blame" in done.stdout
        assert done.stderr == ""


def test_the_report_as_json_is_the_file(folder: Path) -> None:
    done = show(folder, "--json")
    assert done.stdout_bytes == (folder / "report.json").read_bytes()


def test_width(folder: Path) -> None:
    for width in (60, 80, 140):
        for arguments in ((folder,), (folder, "q017")):
            done = show(*arguments, "--width", width)
            longest = max(len(line) for line in done.stdout.splitlines() if str(folder) not in line)
            assert min(width, 120) - 20 <= longest <= width, arguments


def test_a_trace(folder: Path) -> None:
    done = show(folder, "q017")
    assert done.exit_code == 0
    assert "Verdict: ranker (cut)" in done.stdout
    assert "cut: It was given the gold and does not pass it on." in done.stdout
    assert "What mends it: Raise top_n" in done.stdout
    assert "ranker tfidf  CONVICTED  LOST HERE" in done.stdout
    assert "smallest repair" in done.stdout
    assert "diagnose run traces.jsonl --pipeline pipeline.toml -o reports/handbook" in done.stdout
    assert f"diagnose show {folder} q017".split()[-1] in done.stdout.splitlines()[-1]


def test_the_command_can_be_pasted(folder: Path) -> None:
    assert show(folder, "q050 b").stdout.replace("\n", "").endswith("'q050 b'")


def test_a_trace_as_json(folder: Path) -> None:
    document = json.loads(show(folder, "q017", "--json").stdout)
    assert document == {
        "blame": json.loads(encode_line(CUT_BLAME)),
        "game": json.loads(encode_line(CUT_GAME)),
        "case": json.loads(encode_line(CUT)),
    }
    document = json.loads(show(folder, "q050 b", "--json").stdout)
    assert document["blame"]["verdict"] == "corpus"
    assert document["game"] is document["case"] is None


def test_without_replays_and_games(folder: Path) -> None:
    (folder / "replays.jsonl").unlink()
    (folder / "games.jsonl").unlink()
    done = show(folder, "q017")
    assert done.exit_code == 0
    assert "No replay of this trace was kept" in done.stdout
    assert "Where the evidence was" in done.stdout


@pytest.mark.parametrize("trace_id, hint", [("q17", '"q017"'), ("q050", '"q050 b"'), ("Q017", '"q017"')])
def test_an_unknown_trace_with_near_matches(folder: Path, trace_id: str, hint: str) -> None:
    done = show(folder, trace_id)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert f'"{trace_id}" is not among its 31 failures; did you mean {hint}' in done.stderr


def test_an_unknown_trace_without(folder: Path) -> None:
    done = show(folder, "zzz" * 1000)
    assert done.exit_code == 2
    assert 'is not among its 31 failures; they are "q050 b", "q017", ' in done.stderr
    assert "\x1b" not in done.stderr
    assert len(done.stderr) < 600 + len(str(folder))


def test_a_fragile_trace_is_told_apart(folder: Path) -> None:
    assert "its answer is right, though fragile" in show(folder, "q003").stderr


def test_a_trace_with_a_hostile_id(folder: Path) -> None:
    done = show(folder, ODD)
    assert done.exit_code == 0
    assert "\x1b" not in done.stdout
    assert "\x07" not in done.stdout


def test_no_report(tmp_path: Path) -> None:
    done = show(tmp_path)
    assert done.exit_code == 3
    assert "report.json: no such file; expected a folder or a report.json" in done.stderr


def test_no_blame_beside_the_report(folder: Path) -> None:
    (folder / "blame.jsonl").unlink()
    done = show(folder, "q017")
    assert done.exit_code == 3
    assert "no blame.jsonl beside the report" in done.stderr
    assert show(folder).exit_code == 0


def test_a_broken_line_is_told_of(folder: Path) -> None:
    with open(folder / "replays.jsonl", "wb") as file:
        file.write(b'{"trace_id": "q017"\n')
    done = show(folder, "q017")
    assert done.exit_code == 0
    assert "left out: " in done.stderr
    assert "replays.jsonl:1" in done.stderr
    assert "No replay of this trace was kept" in done.stdout
