"""How many requests an endpoint is asked at once: less when it is too much, more again, and never none."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from diagnose.errors import StageFailed
from diagnose.stages.at_once import AtOnce
from diagnose.stages.endpoint import Endpoint, Waiting
from tests.stages.local_server import LocalServer, json_reply, local_server


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with local_server() as server:
        yield server


def rounds(at_once: AtOnce, seconds: list[float], busy: bool = False) -> list[float]:
    """The bound after each round of replies that take so long."""
    bounds = []
    for elapsed_s in seconds:
        numbers = range(at_once._asked + 1, at_once._asked + 1 + int(max(8, at_once.bound)))
        at_once._asked = numbers[-1]
        for number in numbers:
            at_once.learn(number, elapsed_s, busy)
        bounds.append(at_once.bound)
    return bounds


def test_busy_halves_once_a_round_and_time_brings_it_back() -> None:
    at_once = AtOnce(64)
    assert rounds(at_once, [1.0] * 3, busy=True) == [32.0, 16.0, 8.0]
    assert rounds(at_once, [1.0] * 20, busy=True)[-1] == 1.0
    assert max(rounds(at_once, [1.0] * 200)) == 64.0


def test_a_sudden_crawl_lowers_it_and_a_lasting_one_does_not_keep_it_low() -> None:
    at_once = AtOnce(64)
    rounds(at_once, [0.05] * 5)
    crawl = rounds(at_once, [1.0] * 3)
    assert crawl[-1] < 48.0
    assert rounds(at_once, [1.0] * 60)[-1] == 64.0


def test_slower_by_the_minute_is_no_reason_to_ask_less() -> None:
    at_once = AtOnce(64)
    assert min(rounds(at_once, [0.05 * 1.15**i for i in range(60)])) == 64.0


def test_long_and_short_answers_in_turn_are_no_crawl() -> None:
    at_once, draw = AtOnce(16), random.Random(1)
    for number in range(2000):
        at_once._asked = number
        at_once.learn(number, draw.lognormvariate(0.0, 1.0), busy=False)
    assert at_once.bound > 12.0


def test_a_server_that_bears_four_at_once_is_found_out(server: LocalServer) -> None:
    """It says 429 to a fifth; nothing is lost, and soon little is refused."""
    refused = [0]
    take = server.take

    def taken(path: str, headers: dict[str, str], body: object) -> object:
        take(path, headers, body)
        if server._at_once > 4:
            refused[0] += 1
            return json_reply({}, 429)
        return slow

    def slow(handler: BaseHTTPRequestHandler, over: threading.Event) -> None:
        time.sleep(0.01)
        json_reply({"a": 1})(handler, over)

    server.take = taken  # type: ignore[method-assign,assignment]
    server.answer = json.dumps
    waiting = Waiting(jitter=lambda: 0.02)
    endpoint = Endpoint(f"{server.url}/x", None, "", retries=10, concurrency=32, waiting=waiting)
    try:
        assert endpoint.post_all([{"n": n} for n in range(400)]) == [b'{"a": 1}'] * 400
        first, refused[0] = refused[0], 0
        assert endpoint.post_all([{"n": n} for n in range(400)]) == [b'{"a": 1}'] * 400
    finally:
        endpoint.close()
    assert 0 < refused[0] < 200
    assert first > 0


def test_one_that_comes_to_a_halt_ends_in_bounded_time(server: LocalServer) -> None:
    """Each reply takes longer than the last, until none comes in time: every call has an end, and few of them wait."""
    n = [0]

    def slower(body: object) -> object:
        n[0] += 1
        server.over.wait(0.0005 * 1.2 ** min(n[0], 60))
        return body

    server.answer = slower
    endpoint = Endpoint(f"{server.url}/x", None, "", request_timeout_s=0.3, retries=0, concurrency=8)
    with pytest.raises(StageFailed, match="did not reply within 0"):
        endpoint.post_all([{"n": i} for i in range(400)])
    endpoint.close()
    assert len(server.asked) < 150
    assert endpoint._at_once.bound >= 1.0 and endpoint._at_once.under_way == 0


def test_one_that_gets_slower_all_the_time_is_asked_to_the_end(server: LocalServer) -> None:
    """Each reply takes longer than the one before, by the end forty times as long: every call is made once and gets
    its own answer."""
    take = server.take

    def taken(path: str, headers: dict[str, str], body: object) -> object:
        ready, n = take(path, headers, body), len(server.asked)

        def write(handler: BaseHTTPRequestHandler, over: threading.Event) -> None:
            over.wait(0.001 * 40 ** (n / 300))
            ready(handler, over)

        return write

    server.take = taken  # type: ignore[method-assign,assignment]
    server.answer = lambda body: body
    endpoint = Endpoint(f"{server.url}/x", None, "", retries=0, concurrency=16)
    try:
        found = endpoint.post_all([{"n": n} for n in range(300)])
    finally:
        endpoint.close()
    assert [json.loads(one) for one in found] == [{"n": n} for n in range(300)]
    assert len(server.asked) == 300
    assert 1 < server.most_at_once <= 16
    assert endpoint._at_once.under_way == 0
