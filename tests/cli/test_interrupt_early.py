"""Ctrl-C where nothing is kept: while the program loads, and in commands that make no stage runs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

LOADING = """
import sys, types

class Loading(types.ModuleType):
    def __getattr__(self, name):
        raise KeyboardInterrupt

sys.modules["diagnose.cli"] = Loading("diagnose.cli")
from diagnose.__main__ import main
main()
"""
LINE = json.dumps({"trace_id": "t", "query": {"text": "What is the fee?"}, "steps": []})
PATIENCE_S = 60.0


def test_ctrl_c_while_the_program_loads_is_a_sentence() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADING], capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "error: interrupted before anything was begun\n"


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_conversion_that_is_interrupted_leaves_no_file_and_promises_none(
    sent: signal.Signals, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    asked = [sys.executable, "-m", "diagnose", "convert", "-", "-o", str(out)]
    with subprocess.Popen(
        asked, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None and process.stderr is not None
        for i in range(20_000):  # more than is read ahead, and no end to it
            process.stdin.write(LINE.replace('"t"', f'"t{i}"') + "\n")
        process.stdin.flush()
        until = time.monotonic() + PATIENCE_S
        while not list(tmp_path.glob(".*.tmp")) and time.monotonic() < until:
            time.sleep(0.05)
        assert list(tmp_path.glob(".*.tmp"))
        process.send_signal(sent)
        said = process.stderr.read()
        process.stdin.close()
        assert process.wait(PATIENCE_S) == 130
    assert "no file is left half written, run the same command again" in said
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []
