"""A bad endpoint in the middle of work: what it says is told once, and the rest of the log is kept."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diagnose.core.artifact import Answer
from diagnose.core.trace import Trace
from diagnose.traces.from_jsonl import read_traces
from tests.conftest import ROOT
from tests.house.console import run
from tests.stages.local_server import (
    LocalServer,
    Reply,
    broken_off,
    dripping,
    json_reply,
    local_server,
    reply,
)

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
PAGES = {f"d{n}": f"Item {n} is kept on shelf {n * 7}." for n in range(6)}
PIPELINE = """
[pipeline]
corpus = "corpus.jsonl"
[stages.retriever]
use = "rank-bm25"
top_k = 2
[stages.packer]
use = "rank-order"
[stages.model]
use = "openai-chat"
base_url = "{url}"
model = "small"
retries = 0
request_timeout_s = 1.0
deterministic = true
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with local_server() as server:
        yield server


@pytest.fixture
def folder(server: LocalServer, tmp_path: Path) -> Path:
    rows = [{"id": name, "text": text} for name, text in PAGES.items()]
    (tmp_path / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    queries = [
        {
            "trace_id": f"t{n}",
            "query": {"text": f"Where is item {n} kept?"},
            "gold": {"answers": [f"shelf {n * 7}"]},
        }
        for n in range(6)
    ]
    (tmp_path / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in queries))
    (tmp_path / "pipeline.toml").write_text(PIPELINE.format(url=server.url))
    return tmp_path


def answering(server: LocalServer, bad: dict[int, Reply], wrong: bool = False) -> None:
    """Good answers (or wrong ones), but for the questions about these items."""

    def take(path: str, headers: dict[str, str], body: Any) -> Reply:
        asked = body["messages"][-1]["content"]
        n = int(asked.partition("Where is item ")[2][0])
        text = "nowhere" if wrong else f"shelf {n * 7}"
        return bad.get(n) or json_reply({"choices": [{"message": {"content": text}}]})

    server.take = take  # type: ignore[method-assign]


BAD: dict[int, Reply] = {
    1: reply(200, b"<html>Sign in", content_type="text/html"),
    2: json_reply({"error": "slow down"}, 429),
    3: broken_off(b'{"choices": [', 900),
    4: dripping(b"HTTP/1.1 200 OK\r\n\r\n", b" "),
}
SAID = (
    "it sent a web page",
    "answered 429",
    "broke off",
    "did not reply within 1 seconds (request_timeout_s)",
)


def test_what_fails_costs_no_other_query(server: LocalServer, folder: Path) -> None:
    answering(server, BAD)
    command = "diagnose record queries.jsonl -p pipeline.toml -o traces.jsonl --no-memo"
    code, _, talk = run(command, folder, ENVIRONMENT)
    assert code == 5
    assert "recorded 2 of 6 queries" in talk
    for said in SAID:
        assert said in talk
    assert "Traceback" not in talk
    kept = [trace for trace in read_traces(folder / "traces.jsonl") if isinstance(trace, Trace)]
    assert [trace.output("model") for trace in kept] == [Answer("shelf 0"), Answer("shelf 35")]


def test_what_fails_in_a_replay_leaves_that_failure_undecided(server: LocalServer, folder: Path) -> None:
    answering(server, {}, wrong=True)
    command = "diagnose record queries.jsonl -p pipeline.toml -o traces.jsonl --no-memo"
    assert run(command, folder, ENVIRONMENT)[0] == 0
    answering(server, BAD, wrong=True)
    command = "diagnose run traces.jsonl -p pipeline.toml -o out --no-memo"
    code, _, talk = run(command, folder, ENVIRONMENT)
    assert code == 0, talk
    lines = (folder / "out" / "blame.jsonl").read_text().splitlines()
    blames = {blame["trace_id"]: blame for blame in map(json.loads, lines)}
    assert len(blames) == 6
    for n, said in zip(BAD, SAID, strict=True):
        assert blames[f"t{n}"]["undecided"]["reason"] == "not-replayable"
        assert said in blames[f"t{n}"]["undecided"]["detail"]
    assert {blames[name]["verdict"] for name in ("t0", "t5")} == {"model"}
    assert all(said in talk for said in SAID)


def test_where_nothing_can_be_replayed_the_reason_is_the_result(server: LocalServer, folder: Path) -> None:
    answering(server, {}, wrong=True)
    command = "diagnose record queries.jsonl -p pipeline.toml -o traces.jsonl --no-memo"
    assert run(command, folder, ENVIRONMENT)[0] == 0
    answering(server, dict.fromkeys(range(6), json_reply({"error": "no"}, 401)))
    command = "diagnose run traces.jsonl -p pipeline.toml -o out --no-memo --quiet"
    code, _, talk = run(command, folder, ENVIRONMENT)
    assert code == 5
    assert "answered 401 (is OPENAI_API_KEY set, and right?)" in talk


def test_failures_are_made_up_for_at_the_end(server: LocalServer, folder: Path) -> None:
    """With --retry-errors a run that met a bad hour ends in the bytes of one that did not."""
    answering(server, {}, wrong=True)
    command = "diagnose record queries.jsonl -p pipeline.toml -o traces.jsonl --no-memo"
    assert run(command, folder, ENVIRONMENT)[0] == 0
    command = "diagnose run traces.jsonl -p pipeline.toml -o reports/out --no-memo"
    assert run(command, folder, ENVIRONMENT)[0] == 0
    expected = {path.name: path.read_bytes() for path in (folder / "reports" / "out").iterdir()}
    once = iter([True] * 4)

    def take(path: str, headers: dict[str, str], body: Any) -> Reply:
        server.asked.append((path, headers, body))
        text = {"choices": [{"message": {"content": "nowhere"}}]}
        return json_reply({}, 503) if next(once, False) else json_reply(text)

    server.take = take  # type: ignore[method-assign]
    code, _, talk = run(f"{command} --retry-errors", folder, ENVIRONMENT)
    assert code == 0, talk
    assert "stage calls that failed once more" in talk
    assert {path.name: path.read_bytes() for path in (folder / "reports" / "out").iterdir()} == expected
