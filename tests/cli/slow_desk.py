"""A desk whose model is slow and writes down every call, and commands that are interrupted while it works."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from diagnose.core.stage import Role
from tests.cli.desks import logged, started

SLOW = """
import os
import time

def read_slowly(query, context):
    with open(__file__ + ".calls", "a") as file:
        file.write("<")
    time.sleep(float(os.environ.get("SLOW_S", "0")))
    answer = read(query, context)
    with open(__file__ + ".calls", "a") as file:
        file.write(">")
    return answer

def guess_slowly(query, context, seed):
    import hashlib
    drawn = hashlib.sha256(f"{query}/{seed}".encode()).digest()[0]
    return read_slowly(query, context) if drawn < 190 else read_slowly(query, context) + " or not"
"""
STEADY: dict[Role, str] = {
    "ranker": 'use = "own:rank_worst_first"\ndeterministic = true',
    "model": 'use = "own:read_slowly"\ndeterministic = true',
}
NOISY: dict[Role, str] = {**STEADY, "model": 'use = "own:guess_slowly"'}


class SlowDesk:
    """A desk in a folder with its log; `calls` is how often its model was called."""

    def __init__(self, folder: Path, most: int = 8, tables: dict[Role, str] = STEADY, more: str = "") -> None:
        self.folder = folder
        self.log = logged(folder, tables, SLOW + more, most)
        self.pipeline = folder / "pipeline.toml"
        self.forget()

    @property
    def notes(self) -> str:
        path = self.folder / "own.py.calls"
        return path.read_text() if path.exists() else ""

    @property
    def calls(self) -> int:
        return self.notes.count("<")

    @property
    def broken_off(self) -> int:
        """Calls that were begun and never came to their end."""
        return self.notes.count("<") - self.notes.count(">")

    def forget(self) -> None:
        (self.folder / "own.py.calls").write_text("")

    def start(self, *arguments: object, cache: Path, slow_s: float = 0.04) -> subprocess.Popen[bytes]:
        """A command under way."""
        return started(*arguments, DIAGNOSE_CACHE_DIR=str(cache), SLOW_S=str(slow_s), COLUMNS="200")

    def interrupted(
        self, *arguments: object, cache: Path, after: int, number: int = signal.SIGINT, slow_s: float = 0.04
    ) -> tuple[int, str]:
        """The exit code and the talk of a command that is sent a signal once the model was called so often."""
        process = self.start(*arguments, cache=cache, slow_s=slow_s)
        waited(self, process, after)
        process.send_signal(number)
        return ended(process)


def waited(desk: SlowDesk, process: subprocess.Popen[bytes], calls: int, at_most_s: float = 60.0) -> None:
    """Waits until the model was called so often, or the command is over."""
    deadline = time.monotonic() + at_most_s
    while desk.calls < calls and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.002)


def interrupted_twice(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    """A process that gets a second signal once it has heeded the first: its exit code and what it said."""
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    while b"what is under way is finished first" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    return ended(process)


def ended(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    """The exit code and the talk of a command; it is killed where it hangs."""
    try:
        _, talk = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        os.kill(process.pid, signal.SIGKILL)
        raise
    return process.returncode, talk.decode()
