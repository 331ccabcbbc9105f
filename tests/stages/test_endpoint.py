"""Endpoints that misbehave: a clear message, in bounded time and memory."""

from __future__ import annotations

import gzip
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from diagnose.errors import StageFailed, UsageError
from diagnose.stages.endpoint import LONGEST_REPLY, STEADY_FAILURES, Endpoint, Waiting, address
from diagnose.stages.failure import TimedOut
from tests.stages.local_server import (
    LocalServer,
    Reply,
    broken_off,
    dripping,
    json_reply,
    local_server,
    reply,
    silence,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with local_server() as server:
        yield server


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def endpoint(server: LocalServer, waits: list[float]) -> Iterator[Endpoint]:
    waiting = Waiting(waits.append, lambda: 0.5, lambda: NOW)
    made = Endpoint(f"{server.url}/x", None, "SOME_KEY", request_timeout_s=5.0, waiting=waiting)
    yield made
    made.close()


def no_http(handler: BaseHTTPRequestHandler, over: threading.Event) -> None:
    """What another kind of server says."""
    handler.close_connection = True
    handler.wfile.write(b"220 mail.example.com ESMTP\r\n")


def failure(endpoint: Endpoint, kind: type[StageFailed] = StageFailed) -> str:
    """What a request fails with; one line."""
    with pytest.raises(kind) as caught:
        endpoint.read(endpoint.post({}), dict[str, object], "answer")
    message = str(caught.value)
    assert message.startswith(endpoint.url)
    assert "\n" not in message
    return message


def test_busy_servers_are_asked_again_after_the_wait_they_name(
    server: LocalServer, endpoint: Endpoint, waits: list[float]
) -> None:
    server.replies = [
        json_reply({}, 429, retry_after="2"),
        json_reply({}, 503, retry_after="Thu, 01 Jan 2026 00:00:09 GMT"),
        json_reply({}, 500),
        json_reply({}, 502, retry_after="soon"),
        json_reply({"a": 1}),
    ]
    assert endpoint.post({}) == b'{"a": 1}'
    assert waits == [2.0, 9.0, 1.0, 2.0]
    assert len(server.asked) == 5


def test_busy_for_ever(server: LocalServer, endpoint: Endpoint, waits: list[float]) -> None:
    server.replies = [json_reply({"error": "slow down"}, 429) for _ in range(100)]
    assert 'answered 429 to each of 5 tries: "{"error": "slow down"}"' in failure(endpoint)
    assert waits == [0.25, 0.5, 1.0, 2.0]
    for _ in range(STEADY_FAILURES - 1):
        failure(endpoint)
    # From here on hope is given up: a log of thousands of queries is not to wait for each of them.
    asked, waited = len(server.asked), len(waits)
    assert "answered 429: " in failure(endpoint)
    assert (len(server.asked), len(waits)) == (asked + 1, waited)
    server.replies = [json_reply({}), json_reply({}, 429), json_reply({})]
    assert endpoint.post({}) == b"{}"
    assert endpoint.post({}) == b"{}", "once it answers, retries are worth it again"


def test_a_wait_that_is_too_long_is_not_waited(
    server: LocalServer, endpoint: Endpoint, waits: list[float]
) -> None:
    server.replies = [json_reply({}, 429, retry_after="3600")]
    assert "answered 429 and asks to wait 3600 seconds" in failure(endpoint)
    assert waits == []


@pytest.mark.parametrize(
    "answer, expected",
    [
        (reply(200, b"<!doctype html><title>Sign in", content_type="text/html"), "it sent a web page, "),
        (reply(200, b'{"a": [1, 2'), "sent no answer: DecodeError"),
        (reply(200, b""), "sent no answer: DecodeError"),
        (reply(200, b'{"a": "\xff"}'), "sent no answer: "),
        (reply(200, b"[" * 100_000), "sent no answer: "),
        (reply(204), "sent no answer: "),
        (json_reply({"error": "no"}, 401), "answered 401 (is SOME_KEY set, and right?)"),
        (json_reply({"error": "no"}, 403), "answered 403 (is SOME_KEY set, and right?)"),
        (reply(404, b"<h1>Not Found</h1>"), "answered 404 (is base_url right?): "),
        (json_reply({"error": {"message": "bad model"}}, 400), "bad model"),
        (
            reply(302, location="http://127.0.0.1:1/login"),
            'answered 302, a redirect to "http://127.0.0.1:1/login"',
        ),
        (reply(307), "answered 307, a redirect, which is not followed: set base_url to its aim"),
        (reply(200, gzip.compress(b"{}"), content_encoding="gzip"), "in an encoding that was not asked for"),
        (broken_off(b'{"choices": [', 5000), "broke off: ClientPayloadError"),
        (broken_off(b"", 10), "broke off: "),
        (no_http, "broke off: ClientResponseError: 400"),
    ],
)
def test_every_bad_answer_is_a_sentence(
    server: LocalServer, endpoint: Endpoint, answer: Reply, expected: str
) -> None:
    server.replies = [answer]
    assert expected in failure(endpoint)
    assert len(server.asked) == 1


def test_a_complaint_of_many_lines_is_clipped(server: LocalServer, endpoint: Endpoint) -> None:
    server.replies = [reply(400, b"\x1b[31mline\n" * 100_000)]
    message = failure(endpoint)
    assert len(message) < 400
    assert "\x1b" not in message


def test_an_answer_without_end_is_not_read_to_it(server: LocalServer, endpoint: Endpoint) -> None:
    server.replies = [dripping(HEAD + b"\r\n", b"x" * 2**20, wait_s=0.0)]
    tracemalloc.start()
    message = failure(endpoint)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "answered with more than 8 MB, which was not read on" in message
    assert peak < 4 * LONGEST_REPLY


@pytest.mark.parametrize(
    "drip",
    [
        dripping(HEAD + b"\r\n", b" "),
        dripping(HEAD, b"X-Slow: 1\r\n"),
        dripping(b"HTTP/1.1 200 O", b"K"),
        silence,
    ],
    ids=["body", "headers", "status line", "silence"],
)
def test_a_drip_ends_at_the_deadline(server: LocalServer, endpoint: Endpoint, drip: Reply) -> None:
    server.replies = [drip]
    impatient = replace(endpoint, request_timeout_s=0.3)
    try:
        message = failure(impatient, TimedOut)
    finally:
        impatient.close()
    assert "did not reply within 0.3 seconds (request_timeout_s)" in message


def test_nobody_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        gone = Endpoint(f"http://127.0.0.1:{unused.getsockname()[1]}/x", None, "")
        assert "cannot be reached: ClientConnectorError" in failure(gone)
        gone.close()


def test_one_bad_answer_of_many_costs_the_others_nothing(server: LocalServer, endpoint: Endpoint) -> None:
    server.replies = [json_reply({"n": n}) if n != 3 else reply(400) for n in range(6)]
    one = replace(endpoint, concurrency=1)
    with pytest.raises(StageFailed, match="answered 400"):
        one.post_all([{"n": n} for n in range(6)])
    assert len(server.asked) >= 4
    server.replies = [json_reply({})]
    assert one.post({}) == b"{}"
    one.close()


@pytest.mark.parametrize(
    "url, message",
    [
        ("ftp://host", "expected an http:// or https:// address"),
        ("localhost:8080", "expected an http:// or https:// address"),
        ("https://user:secret@host/v1", "expected no user, password or query"),
        ("https://host/v1?key=secret", "expected no user, password or query"),
        ("http://[", "base_url"),
    ],
)
def test_addresses_that_cannot_be(url: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        address(url, "/rerank")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url, ending, expected",
    [
        ("http://host:1", "/rerank", "http://host:1/v1/rerank"),
        ("http://host:1/", "/rerank", "http://host:1/v1/rerank"),
        ("https://host/v2/", "/rerank", "https://host/v2/rerank"),
        ("https://host/v2/rerank", "/rerank", "https://host/v2/rerank"),
        ("https://host/retrieve", "", "https://host/retrieve"),
        ("https://host", "", "https://host"),
    ],
)
def test_addresses(url: str, ending: str, expected: str) -> None:
    assert address(url, ending) == expected


def test_at_most_so_many_requests_at_once(server: LocalServer, endpoint: Endpoint) -> None:
    def answer(asked: Any) -> object:
        server.over.wait(0.02)
        return asked

    server.answer = answer
    narrow = replace(endpoint, concurrency=2)
    try:
        replies = narrow.post_all([{"n": n} for n in range(12)])
    finally:
        narrow.close()
    assert replies == [b'{"n": %d}' % n for n in range(12)]
    assert server.most_at_once <= 2
