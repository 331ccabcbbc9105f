"""Many calls at once to an endpoint, and one after another: the same results, fewer seconds, no call more."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from diagnose.ablate.spread import Effort
from diagnose.core.artifact import Query
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import Given
from diagnose.core.trace import Trace
from diagnose.flow import Found, Settings, replayed
from diagnose.replay.ahead import Call
from diagnose.replay.memo import Memo
from diagnose.replay.run import Broken, Meter, Runner
from diagnose.score.table import Scorer
from diagnose.stages.load import load_pipeline
from diagnose.traces.read import read_log
from tests.conftest import ROOT
from tests.stages.local_server import LocalServer, Reply, local_server

DESK = ROOT / "fixtures" / "contract-desk"
FAILURES = 8
MODEL = """[stages.model]
use = "http"
url = "{url}"
concurrency = 8
{more}
"""


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with local_server() as server:
        yield server


def answered(asked: Any) -> object:
    """A model of sorts: the sentence of the context that has most words of the query."""
    words = set(asked["query"].lower().split())
    sentences = asked["context"]["text"].split(". ")
    return {"text": max(sentences, key=lambda s: (len(words & set(s.lower().split())), s))}


def slow(server: LocalServer, wait_s: Callable[[Any], float]) -> None:
    """The server waits before it replies, and not for one request after another."""

    def take(path: str, headers: dict[str, str], body: Any) -> Reply:
        ready = kept(path, headers, body)

        def write(handler: BaseHTTPRequestHandler, over: threading.Event) -> None:
            over.wait(wait_s(body))
            ready(handler, over)

        return write

    kept, server.take = server.take, take  # type: ignore[method-assign]


def pipeline_of(folder: Path, url: str, more: str = "deterministic = true") -> Pipeline:
    text = (DESK / "pipeline-extract.toml").read_text()
    before, _, rest = text.partition("[stages.model]")
    after = rest[rest.index("\n[") :] if "\n[" in rest else ""
    before = before.replace('"corpus.jsonl"', f'"{DESK / "corpus.jsonl"}"')
    (folder / "pipeline.toml").write_text(before + MODEL.format(url=url, more=more) + after)
    return load_pipeline(folder / "pipeline.toml")


def failures() -> list[Trace]:
    log = [item for item in read_log(DESK / "traces.jsonl") if isinstance(item, Trace)]
    return [t for t in log if t.outcome and t.outcome.score is not None and t.outcome.score < 0.5][:FAILURES]


def found(pipeline: Pipeline, together: bool, **settings: Any) -> Found:
    if not together:
        apart = [replace(s, run_each=None, run_batch=None) for s in pipeline.stages]
        pipeline = replace(pipeline, stages=tuple(apart))
    scorer = Scorer.from_settings(pipeline.score, pipeline.abstention)
    return replayed(failures(), Runner(pipeline, Memo()), scorer, Settings(fidelity_floor=0.0, **settings))


def told(found: Found) -> list[object]:
    """All that a run found out."""
    made = (found.blames, found.games, found.cases, found.compared, found.notes, found.fragile)
    return [*(list(one) for one in made), found.executed]


@pytest.mark.parametrize(
    "more, settings",
    [
        ("deterministic = true", {}),
        ("deterministic = true", {"verdict_only": True}),
        ("", {}),
    ],
    ids=["deterministic", "verdicts only", "repeated"],
)
def test_calls_at_once_change_nothing(
    tmp_path: Path, server: LocalServer, more: str, settings: dict[str, Any]
) -> None:
    server.answer = answered
    slow(server, lambda asked: 0.02)
    pipeline = pipeline_of(tmp_path, server.url, more)
    together = found(pipeline, together=True, **settings)
    most, asked = server.most_at_once, len(server.asked)
    apart = found(pipeline, together=False, **settings)
    assert told(together) == told(apart)
    assert len(apart.blames) == FAILURES
    assert most > 1
    assert len(server.asked) == 2 * asked


def test_a_bound_on_calls_is_kept_to_the_call(tmp_path: Path, server: LocalServer) -> None:
    server.answer = answered
    pipeline = pipeline_of(tmp_path, server.url)
    together = found(pipeline, together=True, effort=Effort(max_calls=7))
    asked = len(server.asked)
    assert told(together) == told(found(pipeline, together=False, effort=Effort(max_calls=7)))
    assert len(server.asked) == 2 * asked


def test_a_call_that_waits_for_its_turn_is_not_late(tmp_path: Path, server: LocalServer) -> None:
    """`timeout_s` counts from when it is let through."""
    server.answer = lambda asked: {"text": asked["query"]}
    slow(server, lambda asked: 0.1)
    pipeline = pipeline_of(tmp_path, server.url, "deterministic = true\ntimeout_s = 1.2")
    stage = pipeline.stage("model")
    assert stage is not None
    endpoint = stage.run_each.__closure__  # type: ignore[union-attr]
    [narrow] = [c.cell_contents for c in endpoint or () if hasattr(c.cell_contents, "_at_once")]
    narrow._at_once.bound = 1.0
    narrow._at_once.most = 1
    runner = Runner(pipeline, Memo())
    calls = [Call(stage, Given(str(n), Query(str(n)))) for n in range(15)]
    runner.ahead(calls)
    assert runner.forget_failures() == 0


def test_one_that_is_late_fails_alone(tmp_path: Path, server: LocalServer) -> None:
    server.answer = lambda asked: {"text": "a"}
    slow(server, lambda asked: 30.0 if asked["query"] == "2" else 0.0)
    pipeline = pipeline_of(tmp_path, server.url, "deterministic = true\ntimeout_s = 2.0")
    stage = pipeline.stage("model")
    assert stage is not None
    runner = Runner(pipeline, Memo())
    calls = [Call(stage, Given(str(n), Query(str(n)))) for n in range(4)]
    runner.ahead(calls)
    for n, call in enumerate(calls):
        if n != 2:
            runner.run(stage, call.given, Meter())
    with pytest.raises(Broken) as caught:
        runner.run(stage, calls[2].given, Meter())
    assert caught.value.failure.kind == "timeout"
