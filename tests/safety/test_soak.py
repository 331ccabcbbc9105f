"""Hours of a bad endpoint, compressed in time: waits are counted, not waited."""

from __future__ import annotations

import json
import os
import random
import sys
from collections import Counter
from http.server import BaseHTTPRequestHandler
from threading import Event
from typing import Any

import pytest

from diagnose.errors import StageFailed
from diagnose.stages.breaker import NotAsked
from diagnose.stages.endpoint import LONGEST_WAIT_S, Endpoint, Waiting
from tests.stages.local_server import Reply, broken_off, json_reply, local_server, reply

TORTURE = bool(os.environ.get("DIAGNOSE_TORTURE"))
HOURS = 4.0 if TORTURE else 0.2
RETRIES = 4

pytestmark = pytest.mark.slow


def gone(handler: BaseHTTPRequestHandler, over: Event) -> None:
    """The connection is closed without a word."""
    handler.close_connection = True
    handler.connection.shutdown(2)


def weather(draw: random.Random, bad: float, body: Any) -> tuple[str, Reply]:
    """What the endpoint does this time: the right answer, or one of many wrongs."""
    if draw.random() >= bad:
        return "good", json_reply({"n": body["n"]})
    wrongs: list[tuple[str, Reply]] = [
        ("429", json_reply({}, 429)),
        ("429 after", json_reply({}, 429, retry_after=str(draw.randint(1, 60)))),
        ("500", json_reply({}, 500)),
        ("502", reply(502, b"<html>bad gateway")),
        ("529", json_reply({}, 529)),
        ("gone", gone),
        ("broken off", broken_off(b'{"n": ', 99)),
        ("truncated", reply(200, b'{"n": 1')),
        ("page", reply(200, b"<html>Sign in")),
        ("empty", reply(200)),
        ("schema", json_reply({"m": 3})),
        ("redirect", reply(302, location="http://127.0.0.1:1/")),
        ("key", json_reply({}, 401)),
    ]
    # In a foul hour it is not there at all.
    return draw.choice(wrongs[:6] if bad == 1.0 else wrongs)


def test_hours_of_bad_weather() -> None:
    draw, waited, seen, ends = random.Random(4), [0.0], Counter[str](), Counter[str]()
    bad = 0.7

    def sleep(seconds: float) -> None:
        assert 0.0 <= seconds <= LONGEST_WAIT_S
        waited[0] += seconds

    with local_server() as server:

        def take(path: str, headers: dict[str, str], body: Any) -> Reply:
            kind, made = weather(draw, bad, body)
            seen[kind] += 1
            return made

        server.take = take  # type: ignore[method-assign]
        endpoint = Endpoint(
            f"{server.url}/x", None, "K", retries=RETRIES, waiting=Waiting(sleep, draw.random)
        )
        n = 0
        while waited[0] < HOURS * 3600:
            n += 1
            # Fair and foul hours take turns; in the foul ones the breaker opens.
            bad = 1.0 if n // 60 % 2 else 0.5
            before = sum(seen.values())
            try:
                answer = endpoint.read(endpoint.post({"n": n}), dict[str, int], "answer")
            except NotAsked:
                ends["not asked"] += 1
            except StageFailed:
                ends["failed"] += 1
            else:
                assert answer in ({"n": n}, {"m": 3}), "an answer is that of this very call"
                ends["answered"] += 1
            assert sum(seen.values()) - before <= 1 + RETRIES
        endpoint.close()
    assert len(seen) == 14 and min(ends["answered"], ends["failed"], ends["not asked"]) > 0
    told = {"simulated_hours": round(waited[0] / 3600, 1), "calls": n, "requests": sum(seen.values()), **ends}
    sys.stderr.write(f"\n{json.dumps(told)}\n")
