"""Interrupted work: what was done is kept, said to be partial, and gone on with to the same bytes."""

from __future__ import annotations

import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.desks import command, files, refused
from tests.cli.slow_desk import NOISY, SlowDesk, ended, interrupted_twice, waited

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DIAGNOSE_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def desk(tmp_path: Path) -> SlowDesk:
    return SlowDesk(tmp_path / "desk")


def run_of(desk: SlowDesk, out: Path, *more: object) -> tuple[object, ...]:
    return ("run", desk.log, "-p", desk.pipeline, "-o", out, *more)


def whole(desk: SlowDesk, *more: object) -> tuple[dict[str, bytes], int]:
    """The files of a run that nobody interrupts, and the calls it takes."""
    desk.forget()
    done = command(*run_of(desk, desk.folder / "out", "--no-memo", *more))
    assert done.exit_code == 0, done.stderr
    calls = desk.calls
    desk.forget()
    return files(desk.folder / "out"), calls


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_ends_in_a_partial_report_and_resume_in_the_whole_one(
    desk: SlowDesk, tmp_path: Path, cache: Path, number: int
) -> None:
    expected, calls = whole(desk)
    out = tmp_path / "half" / "out"
    code, talk = desk.interrupted(*run_of(desk, out), cache=cache, after=calls - 5, number=number)
    assert code == 130, talk
    assert "what is under way is finished first" in talk
    assert "holds a partial report; the same command with --resume finishes it" in talk
    assert "Traceback" not in talk
    assert desk.broken_off == 0, "the call under way was finished"
    check_partial(out)
    before = desk.calls
    done = command(*run_of(desk, out, "--resume"))
    assert done.exit_code == 0, done.stderr
    assert files(out) == expected
    assert before < calls
    assert desk.calls == calls, "no call was made twice, and none was left out"


def check_partial(out: Path) -> None:
    """The report says in every form that it is partial, and no gate takes it."""
    report = json.loads((out / "report.json").read_bytes())
    left = report["undecided"]["reasons"]["interrupted"]
    assert report["partial"] is True
    assert 0 < left <= report["n_failures"] == 8
    said = f"Partial report, interrupted after {8 - left} of 8 failures"
    assert report["headline"].startswith(said)
    assert (out / "report.md").read_text().count(said)
    assert said in (out / "report.html").read_text()
    shown = command("show", out, "--width", 200)
    assert said in " ".join(shown.stdout.split())
    assert {p.stat().st_mode & 0o077 for p in out.iterdir()} == {0}
    refused(command("gate", out, "--baseline", out), 3, "a partial report", "--resume")
    refused(command("compare", out, out), 3, "a partial report")


def test_stopped_before_any_failure_was_decided(desk: SlowDesk, tmp_path: Path, cache: Path) -> None:
    expected, calls = whole(desk)
    out = tmp_path / "half" / "out"
    code, talk = desk.interrupted(*run_of(desk, out), cache=cache, after=1)
    assert code == 130, talk
    report = json.loads((out / "report.json").read_bytes())
    assert report["undecided"]["reasons"] == {"interrupted": 8}
    assert report["ranking"] == []
    assert command(*run_of(desk, out, "--resume")).exit_code == 0
    assert files(out) == expected
    assert desk.calls == calls


def test_noisy_runs_are_gone_on_with_as_well(tmp_path: Path, cache: Path) -> None:
    desk = SlowDesk(tmp_path / "desk", 6, NOISY)
    expected, calls = whole(desk, "--alpha", 0.05)
    out = tmp_path / "half" / "out"
    for after in (3, calls // 2, calls - 2):
        code, talk = desk.interrupted(*run_of(desk, out, "--alpha", 0.05), cache=cache, after=after)
        assert code == 130, talk
        assert json.loads((out / "report.json").read_bytes())["partial"] is True
    done = command(*run_of(desk, out, "--alpha", 0.05, "--resume"))
    assert done.exit_code == 0, done.stderr
    assert files(out) == expected
    assert desk.calls == calls


def test_the_second_signal_quits(desk: SlowDesk, tmp_path: Path, cache: Path) -> None:
    out = tmp_path / "half" / "out"
    process = desk.start(*run_of(desk, out), cache=cache, slow_s=20.0)
    waited(desk, process, 1)
    code, talk = interrupted_twice(process)
    assert code == 130, talk
    assert "Traceback" not in talk
    assert not (out / "report.json").exists()


def test_killed_outright_it_repeats_the_call_that_was_under_way(
    desk: SlowDesk, tmp_path: Path, cache: Path
) -> None:
    expected, calls = whole(desk)
    out = tmp_path / "half" / "out"
    code, _ = desk.interrupted(*run_of(desk, out), cache=cache, after=5, number=signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert not (out / "report.json").exists()
    assert (out / "unfinished.json").exists()
    assert command(*run_of(desk, out, "--resume")).exit_code == 0
    assert files(out) == expected
    assert calls <= desk.calls <= calls + 1


def test_resume_goes_on_with_the_same_run_only(desk: SlowDesk, tmp_path: Path, cache: Path) -> None:
    out = tmp_path / "half" / "out"
    desk.interrupted(*run_of(desk, out), cache=cache, after=2)
    for more, names in (
        (("--seed", 5), "another seed"),
        (("--passing", 2, "--no-probe"), "another passing, another probe"),
        (("--metric", "exact"), "another metric"),
    ):
        refused(command(*run_of(desk, out, "--resume", *more)), 2, "was begun with", names)
    refused(command(*run_of(desk, out, "--resume", "--no-memo")), 2, "leave --no-memo out")
    own = desk.pipeline.read_text()
    desk.pipeline.write_text(own.replace("rank_worst_first", "rank"))
    refused(command(*run_of(desk, out, "--resume")), 2, "another the ranker")
    desk.pipeline.write_text(own)
    assert command(*run_of(desk, out, "--seed", 5)).exit_code == 0, "begun anew"
    done = command(*run_of(desk, out, "--resume"))
    assert done.exit_code == 0
    assert "holds no unfinished run" in done.stderr


# ---- record


def record_of(desk: SlowDesk, out: Path, *more: object) -> tuple[object, ...]:
    return ("record", desk.folder / "queries.jsonl", "-p", desk.pipeline, "-o", out, *more)


def afresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A memo that does not know the desk's own log."""
    monkeypatch.setenv("DIAGNOSE_CACHE_DIR", str(tmp_path / "fresh"))
    return tmp_path / "fresh"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("timing", ["--timing", "--no-timing"])
def test_a_log_in_the_making_is_gone_on_with(
    desk: SlowDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, timing: str
) -> None:
    """With times, too, where no memo helps: what was timed is kept."""
    out = tmp_path / "made.jsonl"
    cache = afresh(tmp_path, monkeypatch)
    arguments = record_of(desk, out, timing)
    code, talk = desk.interrupted(*arguments, cache=cache, after=4, number=number)
    assert code == (130 if number == signal.SIGINT else -signal.SIGKILL), talk
    assert not out.exists()
    part = tmp_path / "made.jsonl.part"
    assert part.stat().st_mode & 0o077 == 0
    kept = len(part.read_text().splitlines()) - 1
    assert kept >= 3
    done = command(*arguments, "--resume")
    assert done.exit_code == 0, done.stderr
    assert f"going on with made.jsonl.part: {kept} traces are there" in done.stderr
    assert 8 <= desk.calls <= 9
    assert [json.loads(line)["trace_id"] for line in out.read_text().splitlines()] == [
        f"q{i:02}" for i in range(8)
    ]
    assert not part.exists()
    if timing == "--no-timing":
        assert out.read_bytes() == desk.log.read_bytes()


def test_a_log_is_gone_on_with_by_the_same_pipeline_only(desk: SlowDesk, tmp_path: Path, cache: Path) -> None:
    out = tmp_path / "made.jsonl"
    desk.interrupted(*record_of(desk, out), cache=cache, after=4)
    part = tmp_path / "made.jsonl.part"
    kept = len(part.read_text().splitlines()) - 1
    part.write_bytes(part.read_bytes()[:-30])
    refused(command(*record_of(desk, out, "--resume", "--seed", 3)), 2, "another seed")
    done = command(*record_of(desk, out, "--resume"))
    assert f"{kept - 1} traces are there" in done.stderr, "a line that is broken off is made again"
    assert len(out.read_text().splitlines()) == 8


# ---- killed: what was done is there


def test_a_run_that_is_killed_leaves_a_line_for_each_failure_that_was_done(
    desk: SlowDesk, tmp_path: Path, cache: Path
) -> None:
    expected, calls = whole(desk)
    out = tmp_path / "half" / "out"
    process = desk.start(*run_of(desk, out), cache=cache, slow_s=0.2)
    waited(desk, process, calls - 2)
    process.kill()
    process.communicate()
    assert not (out / "report.json").exists()
    for name in ("blame.jsonl", "games.jsonl"):
        kept = (out / f"{name}.part").read_bytes().splitlines()
        assert 0 < len(kept) < len(expected[name].splitlines())
        assert set(kept) <= set(expected[name].splitlines())
    assert command(*run_of(desk, out, "--resume")).exit_code == 0
    assert files(out) == expected, "and nothing of it is left over"


def test_what_is_to_be_redacted_is_not_kept_before_it_is(desk: SlowDesk, tmp_path: Path, cache: Path) -> None:
    out = tmp_path / "half" / "out"
    process = desk.start(*run_of(desk, out, "--redact"), cache=cache, slow_s=0.1)
    waited(desk, process, 6)
    process.kill()
    process.communicate()
    assert list(out.glob("*.part")) == []


# ---- two at once, and a disk that is full


def test_two_runs_at_once_on_one_memo(desk: SlowDesk, tmp_path: Path, cache: Path) -> None:
    expected, _ = whole(desk)
    outs = [tmp_path / name / "out" for name in "ab"]
    both = [desk.start(*run_of(desk, out), cache=cache, slow_s=0.01) for out in outs]
    assert [ended(process)[0] for process in both] == [0, 0]
    assert [files(out) for out in outs] == [expected, expected]
    with closing(sqlite3.connect(cache / "memo.sqlite")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_two_that_find_one_damaged_memo(desk: SlowDesk, tmp_path: Path, cache: Path) -> None:
    cache.mkdir(exist_ok=True)
    (cache / "memo.sqlite").write_bytes(b"no database" * 1000)
    both = [desk.start(*run_of(desk, tmp_path / n / "out"), cache=cache, slow_s=0.01) for n in "abcd"]
    assert [ended(process)[0] for process in both] == [0, 0, 0, 0]
    with closing(sqlite3.connect(cache / "memo.sqlite")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_file_that_may_not_grow_ends_the_run_and_room_finishes_it(
    desk: SlowDesk, tmp_path: Path, cache: Path
) -> None:
    expected, calls = whole(desk)
    out = tmp_path / "half" / "out"
    most = 60_000
    process = subprocess.Popen(
        [sys.executable, "-m", "diagnose", *map(str, run_of(desk, out))],
        env={**os.environ, "SLOW_S": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),  # noqa: PLW1509
    )
    code, talk = ended(process)
    assert code == 74, talk
    assert "make room and give the same command again" in talk
    assert "Traceback" not in talk
    check_goes_on(desk, out, expected, calls)


def check_goes_on(desk: SlowDesk, out: Path, expected: dict[str, bytes], calls: int) -> None:
    assert not (out / "report.json").exists()
    done = command(*run_of(desk, out, "--resume"))
    assert done.exit_code == 0, done.stderr
    assert files(out) == expected
    assert calls <= desk.calls <= calls + 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own that holds 200 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "none", place], capture_output=True)
    if made.returncode:
        pytest.skip(f"no file system can be mounted here: {made.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("room", [8_000, 60_000, 120_000])
def test_a_full_disk_ends_the_run_and_room_finishes_it(
    desk: SlowDesk, tmp_path: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """Wherever it fills up: in the memo or in the report."""
    expected, calls = whole(desk)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(200 * 1024 - room))
    monkeypatch.setenv("DIAGNOSE_CACHE_DIR", str(small_disk / "cache"))
    out = small_disk / "out"
    code, talk = ended(desk.start(*run_of(desk, out), cache=small_disk / "cache", slow_s=0.0))
    assert code == 74, talk
    assert "make room" in talk
    assert not list(small_disk.rglob("*.tmp"))
    ballast.unlink()
    subprocess.run(["mount", "-o", "remount,size=8m", small_disk], check=True)
    check_goes_on(desk, out, expected, calls)
