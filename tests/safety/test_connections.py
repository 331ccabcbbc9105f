"""Nothing is sent anywhere that the pipeline file does not name: the main commands with the network denied."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.desks import made
from tests.conftest import ROOT
from tests.stages.local_server import LocalServer, local_server

pytestmark = pytest.mark.slow
MODEL = 'use = "openai-chat"\nbase_url = "{url}"\nmodel = "small"\ndeterministic = true'
LINE = [
    "record desk/queries.jsonl -p desk/pipeline.toml -o traces.jsonl --no-timing",
    "check traces.jsonl",
    "convert traces.jsonl -o again.jsonl",
    "run traces.jsonl -p desk/pipeline.toml -o reports/a",
    "run traces.jsonl -o reports/observed",
    "attribute reports/a/games.jsonl -o reports/b",
    "show reports/a",
    "show reports/a q01",
    "compare reports/a reports/a -o compared.html",
    "compare desk/pipeline.toml desk/other.toml --traces desk/queries.jsonl --queries 2",
    "gate reports/a --baseline reports/a -o gate.xml -o gate.sarif",
    "trust traces.jsonl -p desk/pipeline.toml --fault lose-gold --queries 3",
    "annotate reports/a --to annotations.jsonl",
    "explain metrics",
    "demo --no-model -o reports/demo",
    "budget traces.jsonl -p desk/pipeline.toml --sweep stages.packer.budget_tokens=40,80 -o reports/budget",
    "run traces.jsonl -p desk/pipeline.toml -o reports/c --sweep stages.packer.budget_tokens=40 --baseline reports/a",
    "show reports/a -o again.html",
    "show reports/a -o failures.csv",
    "explain trace --json",
    "gate reports/a --update-baseline",
]
SEEN_BY_THE_KERNEL = (*range(5), 9, *range(11, 17))
"""Commands that are watched once more from outside: those that load libraries or ask the endpoint."""


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with local_server() as server:
        server.answer = lambda body: {"choices": [{"message": {"content": "Nobody knows."}}]}
        yield server


@pytest.fixture
def folder(tmp_path: Path, server: LocalServer) -> Path:
    pipeline = made(tmp_path / "desk", {"model": MODEL.format(url=server.url)}, most=11)
    other = pipeline.read_text().replace("small", "smaller")
    (tmp_path / "desk" / "other.toml").write_text(other)
    return tmp_path


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Of a user who has set nothing; a home of its own, in which nothing is cached yet."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return kept | {"HOME": str(folder), "PYTHONPATH": str(ROOT), "OPENAI_API_KEY": "sk-planted-key-1"} | more


def done(line: str, folder: Path, env: dict[str, str], *before: str) -> None:
    command = [*before, sys.executable, "-m", "diagnose", *line.split()]
    found = subprocess.run(command, cwd=folder, env=env, capture_output=True, timeout=240)
    assert found.returncode in (0, 1, 6), (line, found.returncode, found.stderr.decode())


@pytest.mark.parametrize("line", [LINE], ids=["all commands"])
def test_python_code_reaches_for_nobody_else(line: list[str], folder: Path, server: LocalServer) -> None:
    """Every connection, name look-up and datagram of Python code, as the interpreter itself reports them."""
    hook = folder / "hook"
    hook.mkdir()
    shutil.copy(ROOT / "tests" / "safety" / "watched.py", hook / "sitecustomize.py")
    notes = folder / "notes"
    env = environment(folder, WATCHED=str(notes), PYTHONPATH=f"{hook}:{ROOT}")
    for one in line:
        done(one, folder, env)
    found = notes.read_text().splitlines()
    assert [note for note in found if note.startswith("ELSEWHERE")] == []
    assert any(note.startswith("here socket.connect 127.0.0.1") for note in found), (
        "the hook sees the endpoint"
    )
    assert len(server.asked) > 4


def test_the_hook_sees_and_refuses_what_goes_elsewhere(folder: Path) -> None:
    hook = folder / "hook"
    hook.mkdir()
    shutil.copy(ROOT / "tests" / "safety" / "watched.py", hook / "sitecustomize.py")
    env = environment(folder, WATCHED=str(folder / "notes"), PYTHONPATH=str(hook))
    code = "import socket; socket.create_connection(('192.0.2.1', 80), 1)"
    found = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True)
    assert b"the network is denied" in found.stderr
    assert "ELSEWHERE" in (folder / "notes").read_text()


STRACE = shutil.which("strace")
ADDRESS = re.compile(r'sin6?_(?:port|addr)=.*?(?:inet_addr\("([\d.]+)"\)|inet_pton\(AF_INET6, "([^"]+)")')


@pytest.mark.skipif(STRACE is None, reason="needs strace, which sees libraries written in C too")
def test_no_library_reaches_for_anybody_else(folder: Path, server: LocalServer) -> None:
    """Every connect and sendto of the process and its children, as the kernel sees them."""
    trace = folder / "calls"
    env = environment(folder)
    tracer = (str(STRACE), "-f", "-A", "-o", str(trace), "-e", "trace=connect,sendto,sendmsg,sendmmsg")
    for one in (LINE[i] for i in SEEN_BY_THE_KERNEL):
        done(one, folder, env, *tracer)
    calls = trace.read_text(errors="replace")
    reached = {a or b for a, b in ADDRESS.findall(calls)}
    assert reached == {"127.0.0.1"}, sorted(reached)


def test_a_home_without_a_network_is_enough(folder: Path) -> None:
    """In a network of its own, which has no way out and no loopback either."""
    bare = ("unshare", "--net", "--map-root-user")
    if shutil.which("unshare") is None or subprocess.run([*bare, "true"], capture_output=True).returncode:
        pytest.skip("needs unshare, and the right to make a network of one's own")
    own = made(folder / "own", most=3)
    env = environment(folder)
    done(f"record own/queries.jsonl -p {own} -o own.jsonl", folder, env, *bare)
    done(f"run own.jsonl -p {own} -o reports/own", folder, env, *bare)
    assert json.loads((folder / "reports" / "own" / "report.json").read_bytes())["n_traces"] == 3
