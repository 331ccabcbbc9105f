"""Killed at random moments: nothing is corrupted, nothing lost, and at most the call under way is made again."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.desks import command, files
from tests.cli.slow_desk import SlowDesk, ended

TORTURE = bool(os.environ.get("DIAGNOSE_TORTURE"))
KILLS = 50 if TORTURE else 5
SEED = 17

pytestmark = pytest.mark.slow


def test_killed_at_random_moments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = SlowDesk(tmp_path / "desk", most=6)
    monkeypatch.setenv("DIAGNOSE_CACHE_DIR", str(tmp_path / "whole"))
    whole = tmp_path / "whole" / "out"
    arguments = ("run", desk.log, "-p", desk.pipeline, "-o")
    started = time.monotonic()
    assert ended(desk.start(*arguments, whole, cache=tmp_path / "whole"))[0] == 0
    took_s, calls, expected = time.monotonic() - started, desk.calls, files(whole)
    draw, told = random.Random(SEED), []
    for i in range(KILLS):
        desk.forget()
        cache, out = tmp_path / f"cache{i}", tmp_path / f"killed{i}" / "out"
        process = desk.start(*arguments, out, cache=cache)
        time.sleep(draw.uniform(0.1, took_s))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        before, broken_off = desk.calls, desk.broken_off
        check_nothing_is_half(out, expected)
        monkeypatch.setenv("DIAGNOSE_CACHE_DIR", str(cache))
        resumed = time.monotonic()
        done = command(*arguments, out, "--resume")
        assert done.exit_code == 0, done.stderr
        assert files(out) == expected
        with closing(sqlite3.connect(cache / "memo.sqlite")) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert calls <= desk.calls <= calls + 1, "at most the call under way is made again"
        told.append((before, broken_off, desk.calls - calls, time.monotonic() - resumed))
    say(told, calls)


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


def say(told: list[tuple[int, int, int, float]], calls: int) -> None:
    """The figures of docs/reliability.md."""
    begun = [before for before, *_ in told]
    kinds = {"before the first call": begun.count(0), "after the last": sum(n >= calls for n in begun)}
    figures = {
        "kills": len(told),
        **kinds,
        "in the middle of a call": sum(broken_off for _, broken_off, *_ in told),
        "calls repeated": sum(repeated for *_, repeated, _ in told),
        "median seconds to resume": round(sorted(s for *_, s in told)[len(told) // 2], 2),
    }
    sys.stderr.write(f"\n{json.dumps(figures)}\n")
