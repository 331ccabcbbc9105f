"""`diagnose run` from end to end."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from diagnose.core.stage import Role
from diagnose.flow.trust import LOG_REPEAT
from diagnose.traces.record import LOG_REPEAT as RECORDED_REPEAT
from tests.cli.desks import OUTPUTS, command, files, logged, made, refused, started

DOWN = """
def search_down(query, corpus, top_k: int = 8):
    if "Cirrus" in query:
        raise ConnectionError("no index\\nat host 7")
    return retrieve(query, corpus, top_k)

def search_gone(query, corpus):
    raise ConnectionError("no index at all")
"""


def table(function: str, more: str = "") -> str:
    return f'use = "own:{function}"\ndeterministic = true\n{more}'


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIAGNOSE_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of five failures, all the ranker's."""
    return logged(tmp_path / "desk", most=5)


def run(log: Path, *options: object, replay: bool = True) -> tuple[Path, Result]:
    out = log.parent / "out"
    pipeline = ("-p", log.parent / "pipeline.toml") if replay else ()
    return out, command("run", log, *pipeline, "-o", out, *options)


def report_in(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "report.json").read_bytes())
    return found


def test_the_whole_line(log: Path) -> None:
    out, pipeline = log.parent / "out", log.parent / "pipeline.toml"
    done = command("run", log, "--pipeline", pipeline, "-o", out)
    assert done.exit_code == 0, done.stderr
    assert set(OUTPUTS) <= set(files(out))
    report = report_in(out)
    assert (report["n_traces"], report["n_failures"]) == (5, 5)
    blames = [json.loads(line) for line in (out / "blame.jsonl").read_text().splitlines()]
    assert {b["verdict"] for b in blames} == {"ranker"}
    assert {b["schema"] for b in blames} == {"diagnose.blame/1"}
    assert "Fix the ranker first" in done.stdout
    assert f"written to {out}/" in done.stderr
    assert "stage calls made now" in done.stderr


def test_the_report_can_be_shown_and_the_games_attributed_again(log: Path) -> None:
    out, pipeline = log.parent / "out", log.parent / "pipeline.toml"
    command("run", log, "-p", pipeline, "-o", out)
    shown = command("show", out, "q01")
    assert shown.exit_code == 0
    assert "Verdict: ranker" in shown.stdout
    again = command("attribute", out / "games.jsonl", "-o", log.parent / "again")
    assert again.exit_code == 0
    both = [(log.parent / name / "blame.jsonl").read_text().splitlines() for name in ("out", "again")]
    shares = [[json.loads(line)["shares"] for line in lines] for lines in both]
    assert shares[0] == shares[1]


def test_no_file_names_a_folder_of_the_machine(log: Path) -> None:
    with open(log, "a") as lines:
        lines.write("{broken\n")
    out, _ = run(log)
    assert report_in(out)["skipped"] == [
        'traces.jsonl:6: expected a JSON object, found broken JSON at column 2: "broken" '
        "(Expecting property name enclosed in double quotes)"
    ]
    for name, body in files(out).items():
        assert str(log.parent).encode() not in body, name
        assert b"/tmp" not in body, name


def test_without_a_pipeline_nobody_is_convicted(log: Path) -> None:
    out, _ = run(log, replay=False)
    report = report_in(out)
    assert report["levels"] == {"observed": 5}
    assert report["ranking"] == []
    assert report["funnel"] == {"ranker": 5}
    assert (out / "games.jsonl").read_bytes() == b""
    shown = command("show", out, "q00")
    assert shown.exit_code == 0
    assert "pay00" in shown.stdout


def test_stdin(log: Path) -> None:
    pipeline, out = log.parent / "pipeline.toml", log.parent / "out"
    done = command("run", "-", "-p", pipeline, "-o", out, stdin=log.read_bytes())
    assert done.exit_code == 0, done.stderr
    assert report_in(out)["n_failures"] == 5


def test_json_is_one_document_and_quiet_is_quiet(log: Path) -> None:
    out, _ = run(log, "--json", "--quiet")
    done = command("run", log, "-p", log.parent / "pipeline.toml", "-o", out, "--json", "--quiet")
    assert done.stdout_bytes == (out / "report.json").read_bytes()
    assert done.stderr == ""
    assert json.loads(done.stdout)["n_failures"] == 5
    assert command("run", log, "-o", out, "--quiet").output == ""


def test_one_bad_trace_does_not_cost_the_others(log: Path) -> None:
    lines = log.read_text().splitlines()
    log.write_text("\n".join([lines[0], '{"trace_id": 3}', *lines[1:], lines[0]]) + "\n")
    out, done = run(log)
    assert "left out: " in done.stderr
    assert "traces.jsonl:2" in done.stderr
    report = report_in(out)
    assert report["n_traces"] == 5
    assert len(report["skipped"]) >= 2
    refused(command("run", log, "-o", out, "--strict"), 3, "traces.jsonl:2", "expected", "found")


def test_queries_are_no_log(tmp_path: Path) -> None:
    made(tmp_path / "desk")
    refused(command("run", tmp_path / "desk" / "queries.jsonl"), 2, "diagnose record")


def test_a_log_without_failures(tmp_path: Path) -> None:
    log = logged(tmp_path / "desk", tables={}, most=3)
    out, done = run(log)
    assert done.exit_code == 0
    assert report_in(out)["n_failures"] == 0


def test_a_stage_that_is_down_for_one_query(tmp_path: Path) -> None:
    log = logged(tmp_path / "desk", code=DOWN, most=5)
    tables: dict[Role, str] = {"retriever": table("search_down"), "ranker": table("rank_worst_first")}
    made(tmp_path / "desk", tables, DOWN, most=5)
    out, done = run(log)
    assert done.exit_code == 0, done.stderr
    assert "not replayed (1): retriever" in done.stderr
    assert report_in(out)["undecided"]["reasons"] == {"not-replayable": 1}
    strict = command("run", log, "-p", log.parent / "pipeline.toml", "-o", out, "--strict")
    refused(strict, 5, "1 of 5 failures could not be replayed", "ConnectionError: no index")


def test_a_stage_that_is_down_altogether(tmp_path: Path) -> None:
    log = logged(tmp_path / "desk", code=DOWN, most=3)
    made(tmp_path / "desk", {"retriever": table("search_gone")}, DOWN, most=3)
    out, done = run(log)
    refused(done, 5, "3 of 3 failures could not be replayed", "stage retriever (own:search_gone)")
    assert report_in(out)["n_failures"] == 3


def test_a_pipeline_that_drifted(log: Path) -> None:
    made(log.parent, {}, most=5)
    _, done = run(log)
    refused(done, 4, "ranker gives something else in 100% of 5 replays", "Record the log again")


def test_every_failure_undecided_for_want_of_calls_has_its_own_code(tmp_path: Path) -> None:
    code = """
def guess(query, context, seed):
    return read(query, context) if seed % 3 else "Who knows?"
"""
    noisy: dict[Role, str] = {"ranker": table("rank_worst_first"), "model": 'use = "own:guess"'}
    log = logged(tmp_path / "desk", noisy, code, most=4)
    _, done = run(log, "--max-calls", 1, "--alpha", 0.0001)
    refused(done, 6, "every one of 4 failures", "more model calls should settle it", "--max-calls")
    corpus = log.parent / "corpus.jsonl"
    kept = [line for line in corpus.read_text().splitlines() if '"pay01"' not in line]
    corpus.write_text("\n".join(kept) + "\n")
    out, done = run(log, "--max-calls", 1, "--alpha", 0.0001, "--fidelity-floor", 0)
    refused(done, 6, "every one of 3 failures", "stays undecided", "--max-calls")
    assert report_in(out)["findings"]["corpus"] == ["q01"], "what needs no call is told all the same"


def test_right_answers_cannot_be_replayed_where_chance_may_break_them(tmp_path: Path) -> None:
    code = """
def guess(query, context, seed):
    return read(query, context) if seed % 3 else "Who knows?"
"""
    noisy: dict[Role, str] = {"ranker": table("rank_worst_first"), "model": 'use = "own:guess"'}
    _, done = run(logged(tmp_path / "desk", noisy, code, most=4), "--passing", 2)
    refused(done, 2, "--passing 2", "the model is not")


def test_a_replay_draws_other_seeds_than_the_log() -> None:
    assert RECORDED_REPEAT == LOG_REPEAT


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/nowhere/report"])
def test_a_folder_that_cannot_be_written_is_told_of_before_any_work(
    log: Path, tmp_path: Path, place: str
) -> None:
    (tmp_path / "file").write_text("no folder")
    done = command("run", log, "-p", log.parent / "pipeline.toml", "-o", tmp_path / place)
    refused(done, 2, "the report folder cannot be written", "give another with -o")
    assert "stage calls made now" not in done.stderr


def test_an_unfinished_report_is_no_report(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`report.json` is written last: a folder that has one is whole."""
    import diagnose.report.to_markdown

    out, _ = run(log)

    def full(report: object) -> str:
        raise OSError(28, "No space left on device", "report.md")

    monkeypatch.setattr(diagnose.report.to_markdown, "markdown_report", full)
    _, done = run(log)
    refused(done, 74, "No space left on device", "make room")
    assert not (out / "report.json").exists()
    assert not [name for name in files(out) if name.endswith(".tmp")]


# ---- as a program of its own


def test_a_reader_that_goes_away_is_no_error(log: Path) -> None:
    out = log.parent / "out"
    command("run", log, "-p", log.parent / "pipeline.toml", "-o", out)
    for arguments in (("show", out), ("show", out, "q00"), ("show", out, "--json"), ("check", log, "--json")):
        with started(*arguments) as process:
            assert process.stdout is not None and process.stderr is not None
            process.stdout.close()
            talk = process.stderr.read()
        assert (process.returncode, talk) == (0, b""), arguments


def test_talk_that_nobody_reads_changes_nothing(log: Path) -> None:
    with started("run", log, "-p", log.parent / "pipeline.toml", "-o", log.parent / "out") as process:
        assert process.stdout is not None and process.stderr is not None
        process.stderr.close()
        assert b"ranker" in process.stdout.read()
    assert process.returncode == 0


def test_no_color(log: Path) -> None:
    out = log.parent / "out"
    command("run", log, "-p", log.parent / "pipeline.toml", "-o", out)
    coloured = started("show", out, FORCE_COLOR="1", NO_COLOR="", TERM="xterm-256color")
    plain = started("show", out, FORCE_COLOR="1", NO_COLOR="1", TERM="xterm-256color")
    assert b"\x1b[3" in coloured.communicate(timeout=60)[0]
    assert b"\x1b[3" not in plain.communicate(timeout=60)[0]


def test_a_hanging_stage_does_not_keep_the_program(tmp_path: Path) -> None:
    code = """
import time

def hang(query, context):
    time.sleep(600)
"""
    pipeline = made(tmp_path / "desk", {"model": table("hang", "timeout_s = 0.05")}, code, most=1)
    process = started("record", tmp_path / "desk" / "queries.jsonl", "-p", pipeline)
    try:
        _, talk = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert process.returncode == 5
    assert b"gave nothing within its timeout_s of 0.05 seconds" in talk


def test_processes_change_no_byte(log: Path) -> None:
    """The fixture's model is a function, which stays here; `tests/replay/test_processes.py` has those that move."""
    out, _ = run(log, "--jobs", 1)
    one = {name: (out / name).read_bytes() for name in files(out)}
    out, done = run(log, "--jobs", 2, "--no-memo")
    assert done.exit_code == 0, done.stderr
    assert {name: (out / name).read_bytes() for name in files(out)} == one


def test_ray_that_is_not_installed_is_named(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "ray" else found(name, *rest)
    )
    _, done = run(log, "--engine", "ray")
    assert done.exit_code == 2
    assert "ray is not installed: run  pip install 'diagnose-blame[ray]'" in done.stderr
    _, done = run(log, "--address", "10.0.0.1:6379")
    assert done.exit_code == 2 and "--address names a Ray cluster: say --engine ray as well" in done.stderr
