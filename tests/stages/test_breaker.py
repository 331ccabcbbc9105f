"""An endpoint that is down is left alone, and found again; and one with a wrong certificate is refused."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from diagnose.errors import StageFailed
from diagnose.stages.breaker import BREAK_AFTER, PROBE_EVERY, NotAsked
from diagnose.stages.endpoint import Endpoint, Waiting
from diagnose.stages.failure import TimedOut
from tests.stages.local_server import LocalServer, Reply, json_reply, local_server, silence


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with local_server() as server:
        yield server


@pytest.fixture
def endpoint(server: LocalServer) -> Iterator[Endpoint]:
    waiting = Waiting(lambda s: None, lambda: 0.0)
    made = Endpoint(f"{server.url}/x", None, "SOME_KEY", request_timeout_s=5.0, retries=0, waiting=waiting)
    yield made
    made.close()


def gone(handler: BaseHTTPRequestHandler, over: threading.Event) -> None:
    """The connection is closed without a word."""
    handler.close_connection = True
    handler.connection.shutdown(2)


def failing(endpoint: Endpoint, n: int) -> list[type[StageFailed]]:
    kinds = []
    for _ in range(n):
        with pytest.raises(StageFailed) as caught:
            endpoint.post({})
        kinds.append(type(caught.value))
    return kinds


@pytest.mark.parametrize(
    "bad",
    [json_reply({}, 503), json_reply({}, 401), json_reply({}, 429), gone],
    ids=["503", "401", "429", "gone"],
)
def test_many_failures_in_a_row_cost_few_calls(server: LocalServer, endpoint: Endpoint, bad: Reply) -> None:
    server.replies = [bad] * 200
    kinds = failing(endpoint, 100)
    assert kinds[:BREAK_AFTER] == [StageFailed] * BREAK_AFTER
    assert len(server.asked) == BREAK_AFTER + (100 - BREAK_AFTER) // PROBE_EVERY
    assert kinds.count(NotAsked) == 100 - len(server.asked)


def test_one_that_hangs_costs_its_deadline_a_few_times_only(server: LocalServer, endpoint: Endpoint) -> None:
    hasty = replace(endpoint, request_timeout_s=0.05)
    server.replies = [silence] * 100
    kinds = failing(hasty, 60)
    assert kinds.count(TimedOut) == BREAK_AFTER + (60 - BREAK_AFTER) // PROBE_EVERY
    assert kinds.count(NotAsked) == 60 - kinds.count(TimedOut)
    hasty.close()


def test_once_it_answers_it_is_asked_again(server: LocalServer, endpoint: Endpoint) -> None:
    server.replies = [json_reply({}, 503)] * BREAK_AFTER + [json_reply({})] * 50
    failing(endpoint, BREAK_AFTER + PROBE_EVERY - 1)
    assert [endpoint.post({}) for _ in range(20)] == [b"{}"] * 20


def test_what_is_wrong_with_the_request_is_no_failure_of_the_endpoint(
    server: LocalServer, endpoint: Endpoint
) -> None:
    server.replies = [json_reply({}, 400)] * 50
    assert set(failing(endpoint, 30)) == {StageFailed}
    assert len(server.asked) == 30


def test_a_connection_that_was_idle_too_long_is_no_failure(server: LocalServer, endpoint: Endpoint) -> None:
    """Servers close idle connections; the request that meets one closed is made again."""
    server.replies = [json_reply({}), gone, json_reply({"a": 1})]
    patient = replace(endpoint, retries=2)
    assert patient.post({}) == b"{}"
    assert patient.post({}) == b'{"a": 1}'
    server.replies = [gone] * 10
    with pytest.raises(StageFailed, match="it closed the connection without a reply, 3 times"):
        patient.post({})
    patient.close()


@pytest.fixture
def self_signed(tmp_path: Path) -> Iterator[str]:
    """An https server whose certificate nobody vouches for."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
         "-keyout", key, "-out", certificate], capture_output=True,
    )  # fmt: skip
    if made.returncode:
        pytest.skip(f"no certificate can be made here: {made.stderr.decode()[-200:]}")

    class Quiet(HTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            pass  # the client hangs up: that is what the test is about

    server = Quiet(("127.0.0.1", 0), BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"https://localhost:{server.server_port}/x"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_certificate_that_nobody_vouches_for_is_refused(self_signed: str) -> None:
    endpoint = Endpoint(self_signed, "sk-planted-key", "SOME_KEY", request_timeout_s=5.0)
    with pytest.raises(StageFailed, match="certificate verify failed") as caught:
        endpoint.post({})
    assert "sk-planted" not in str(caught.value)
    endpoint.close()
