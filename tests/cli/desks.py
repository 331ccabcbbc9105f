"""Commands on a small desk: called in this process where that is enough, started as a program where it is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner, Result

from diagnose.cli import app
from diagnose.core.stage import Role
from tests.conftest import ROOT
from tests.planted.desk import FOUR, WORST_FIRST, write_desk

OUTPUTS = ("report.json", "report.md", "blame.jsonl", "games.jsonl", "replays.jsonl", "outcomes.jsonl")


def command(*arguments: object, stdin: bytes | None = None) -> Result:
    """A command, in this process."""
    return CliRunner().invoke(app, [str(a) for a in arguments], input=stdin)


def started(*arguments: object, cwd: Path | None = None, **environment: str) -> subprocess.Popen[bytes]:
    """A command as a program of its own, its output in pipes."""
    return subprocess.Popen(
        [sys.executable, "-m", "diagnose", *(str(a) for a in arguments)],
        cwd=cwd or ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A test run started in the background passes on that SIGINT is ignored; a terminal does not.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  # no threads here
    )


def made(folder: Path, tables: dict[Role, str] | None = None, code: str = "", most: int = 15) -> Path:
    """A desk in a folder, with tables (a ranker with a sign error unless given) and further code of the user's."""
    pipeline = write_desk(folder, FOUR, WORST_FIRST if tables is None else tables, most)
    if code:
        (folder / "own.py").write_text((folder / "own.py").read_text() + "\n\n" + code)
    return pipeline


def logged(folder: Path, tables: dict[Role, str] | None = None, code: str = "", most: int = 15) -> Path:
    """The log of a desk, made by `diagnose record`."""
    pipeline = made(folder, tables, code, most)
    done = command(
        "record", folder / "queries.jsonl", "-p", pipeline, "-o", folder / "traces.jsonl", "--no-timing"
    )
    assert done.exit_code == 0, done.stderr
    return folder / "traces.jsonl"


def files(folder: Path) -> dict[str, bytes]:
    """Every file of a report folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def refused(done: Result, code: int, *says: str) -> None:
    """Checks that a command ended with this code, one clear sentence and no traceback."""
    assert done.exit_code == code, (done.exit_code, done.stderr, done.exception)
    assert "Traceback" not in done.stderr
    for text in says:
        assert text in done.stderr, done.stderr
