"""Killed at random moments: nothing is corrupted, nothing lost, and at most the call under way is made again."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cli.desks import command, files
from tests.cli.slow_desk import SlowDesk, ended, waited

TORTURE = bool(os.environ.get("DIAGNOSE_TORTURE"))
KILLS = 50 if TORTURE else 6
SLOW_S = 0.25
"""Seconds of a model call: most of a run's life is then in its calls."""
SEED = 17

pytestmark = pytest.mark.slow


class Life(NamedTuple):
    """When a whole run came to what, in seconds: its first call after the start, then the last call's end and the
    last write after that first call."""

    first_s: float
    called_s: float
    over_s: float


def lived(desk: SlowDesk, process: subprocess.Popen[bytes], calls: int) -> Life:
    """Follows a run that nobody disturbs."""
    started = time.monotonic()
    waited(desk, process, 1, 300.0)
    first = time.monotonic()
    while desk.notes.count(">") < calls and process.poll() is None:
        time.sleep(0.002)
    called = time.monotonic()
    assert ended(process)[0] == 0
    return Life(first - started, called - first, time.monotonic() - first)


def moments(draw: random.Random, n: int, life: Life, calls: int) -> list[tuple[int, float]]:
    """When to kill: after how many calls have begun (more than there are: after the last one's end), and how many
    seconds later. Of ten moments one is before the first call, one after the last, and eight are spread over the
    calls: one at random in each of as many equal parts of them, so that a busy machine spreads them as evenly."""
    few = max(1, n // 10)
    early = [(0, draw.uniform(0.05, life.first_s)) for _ in range(few)]
    late = [(calls + 1, draw.uniform(0.0, max(0.05, life.over_s - life.called_s))) for _ in range(few)]
    middle = n - 2 * few
    places = [(i + draw.random()) / middle * calls for i in range(middle)]
    between = [(int(place) + 1, place % 1 * life.called_s / calls) for place in places]
    return [*early, *between, *late]


def test_killed_at_random_moments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = SlowDesk(tmp_path / "desk", most=6)
    arguments = ("run", desk.log, "-p", desk.pipeline, "-o")
    whole = tmp_path / "whole" / "out"
    monkeypatch.setenv("DIAGNOSE_CACHE_DIR", str(tmp_path / "counted"))
    assert command(*arguments, tmp_path / "counted" / "out").exit_code == 0
    calls = desk.calls
    desk.forget()
    process = desk.start(*arguments, whole, cache=tmp_path / "whole", slow_s=SLOW_S)
    life, expected = lived(desk, process, calls), files(whole)
    assert expected == files(tmp_path / "counted" / "out")
    told = []
    for i, (begun, wait_s) in enumerate(moments(random.Random(SEED), KILLS, life, calls)):
        desk.forget()
        cache, out = tmp_path / f"cache{i}", tmp_path / f"killed{i}" / "out"
        process = desk.start(*arguments, out, cache=cache, slow_s=SLOW_S)
        waited(desk, process, min(begun, calls), 300.0)
        while begun > calls and desk.broken_off and process.poll() is None:
            time.sleep(0.002)
        time.sleep(wait_s)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        before, broken_off = desk.calls, desk.broken_off
        had_ended = (out / "report.json").exists() and not (out / "unfinished.json").exists()
        check_nothing_is_half(out, expected)
        monkeypatch.setenv("DIAGNOSE_CACHE_DIR", str(cache))
        resumed = time.monotonic()
        done = command(*arguments, out, "--resume")
        assert done.exit_code == 0, done.stderr
        assert files(out) == expected
        with closing(sqlite3.connect(cache / "memo.sqlite")) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        repeated = desk.calls - calls
        assert 0 <= repeated <= broken_off <= 1, "at most the call under way is made again"
        told.append(Kill(before, broken_off, had_ended, repeated, time.monotonic() - resumed))
    say(told, calls)


class Kill(NamedTuple):
    """What a kill came to: calls begun before it, whether one was under way, whether the run had ended, calls made
    again, and seconds to resume."""

    before: int
    broken_off: int
    had_ended: bool
    repeated: int
    resume_s: float


def check_nothing_is_half(out: Path, expected: dict[str, bytes]) -> None:
    """What has its final name is whole, and a report that is there is the whole one."""
    if not out.exists():
        return
    there = {p.name: p.read_bytes() for p in out.iterdir() if not p.name.endswith(".tmp")}
    for name, body in there.items():
        assert body == expected.get(name, body), name
    if "report.json" in there:
        assert set(expected) <= set(there)
        json.loads(there["report.json"])
    for left in out.glob("*.tmp"):
        left.unlink()


def say(told: list[Kill], calls: int) -> None:
    """The figures of docs/reliability.md."""
    during = [k for k in told if k.before > 0 and (k.before < calls or k.broken_off)]
    parts = [0] * 4
    for kill in during:
        parts[min(3, (kill.before - 1) * 4 // calls)] += 1
    figures = {
        "kills": len(told),
        "before the first call": sum(k.before == 0 for k in told),
        "by quarter of the calls": parts,
        "after the last call": sum(k.before >= calls and not k.broken_off for k in told),
        "of these after the last write": sum(k.had_ended for k in told),
        "in the middle of a call": sum(k.broken_off for k in told),
        "calls of a run": calls,
        "calls repeated": sum(k.repeated for k in told),
        "median seconds to resume": round(sorted(k.resume_s for k in told)[len(told) // 2], 2),
    }
    sys.stderr.write(f"\n{json.dumps(figures)}\n")
