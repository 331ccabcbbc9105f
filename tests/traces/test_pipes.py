"""Logs that can be read once only: named pipes, as a shell makes of `<(zcat …)`, and packed standard input."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from diagnose.core.trace import Trace
from diagnose.traces.read import read_log
from tests.cli.desks import command
from tests.conftest import ROOT

OWN = "".join(
    json.dumps({"trace_id": f"q{i}", "query": {"text": "Why? " * 40}, "steps": []}) + "\n" for i in range(400)
).encode()


def piped(path: Path, body: bytes) -> Path:
    """A pipe with a writer at its other end."""
    os.mkfifo(path)
    threading.Thread(target=path.write_bytes, args=(body,), daemon=True).start()
    return path


@pytest.mark.parametrize("packed", [False, True])
def test_of_a_pipe_nothing_is_lost_in_looking_what_it_is(packed: bool, tmp_path: Path) -> None:
    path = piped(tmp_path / "log.jsonl", gzip.compress(OWN) if packed else OWN)
    found = list(read_log(path))
    assert [t.trace_id for t in found if isinstance(t, Trace)] == [f"q{i}" for i in range(400)]
    assert len(found) == 400


@pytest.mark.parametrize(
    "name, arguments", [("check", ()), ("convert", ("-o", "out.jsonl")), ("run", ("-o", "out"))]
)
def test_commands_read_a_pipe_as_they_read_a_file(
    name: str, arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    log = tmp_path / "file.jsonl"
    log.write_bytes(OWN)
    expected = command(name, log, *arguments)
    done = command(name, piped(tmp_path / "fifo.jsonl", OWN), *arguments)
    assert done.exit_code == expected.exit_code
    assert done.stderr.replace("fifo.jsonl", "file.jsonl") == expected.stderr
    assert done.stdout.replace("fifo.jsonl", "file.jsonl") == expected.stdout


def test_standard_input_may_be_packed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "diagnose", "convert", "-", "-q"],
        input=gzip.compress(OWN),
        capture_output=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 400
