"""Whatever a replay asks of an endpoint is asked for many failures at once, and comes to the same as one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from diagnose.core.artifact import Output
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import Given, Stage
from diagnose.flow import Found, Settings, replayed
from diagnose.flow.together import made_together
from diagnose.replay.memo import Memo
from diagnose.replay.run import Meter, Runner
from diagnose.score.table import Scorer
from tests.flow.test_together import answered, failures, pipeline_of, told
from tests.replay.local_model import calls, made, made_calls
from tests.stages.local_server import LocalServer, local_server

ROUTER = """[stages.router]
use = "rules"
default = "narrow"
rules = []
[routes.narrow]
retriever.top_k = 1
cost = 1
[routes.wide]
retriever.top_k = 12
cost = 3
[stages.retriever]"""
VERIFIER = """[stages.verifier]
use = "http"
url = "{url}"
concurrency = 8
deterministic = true
[score]"""


class Counting(Runner):
    """A runner that keeps which calls were made as they came, by role; second looks are not counted."""

    def __init__(self, pipeline: Pipeline) -> None:
        super().__init__(pipeline, Memo())
        self.alone: list[str] = []

    def call(self, stage: Stage, given: Given, repeat: int, key: str = "") -> Output:
        if key:
            self.alone.append(stage.role)
        return super().call(stage, given, repeat, key)


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with local_server() as server:
        yield server


def both(pipeline: Pipeline, **settings: Any) -> tuple[Found, Counting]:
    """What replays with calls made together find out, held against replays that make one after another; and the runner
    of the former."""
    scorer = Scorer.from_settings(pipeline.score, pipeline.abstention)
    asked = Settings(fidelity_floor=0.0, **settings)
    runner = Counting(pipeline)
    together = replayed(failures(), runner, scorer, asked)
    apart = Counting(one_by_one(pipeline))
    assert told(together) == told(replayed(failures(), apart, scorer, asked))
    assert "model" in apart.alone
    return together, runner


def one_by_one(pipeline: Pipeline) -> Pipeline:
    """The pipeline with stages that take no two calls at once."""
    routes = {
        name: {role: replace(stage, run_each=None, run_batch=None) for role, stage in stages.items()}
        for name, stages in pipeline.routes.items()
    }
    stages = tuple(replace(stage, run_each=None, run_batch=None) for stage in pipeline.stages)
    return replace(pipeline, stages=stages, routes=routes)


def changed(folder: Path, server: LocalServer, before: str, after: str) -> Pipeline:
    """The pipeline of the tests with something of its file replaced."""
    from diagnose.stages.load import load_pipeline

    pipeline_of(folder, server.url)
    file = folder / "pipeline.toml"
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after.replace("{url}", server.url)))
    return load_pipeline(file)


def test_how_a_model_fails_is_asked_together(tmp_path: Path, server: LocalServer) -> None:
    server.answer = lambda asked: {"text": "nothing of the sort"}
    together, runner = both(pipeline_of(tmp_path, server.url))
    assert sum(blame.verdict == "model" for blame in together.blames) > 2
    assert any(not asked["context"]["text"] for _, _, asked in server.asked)
    assert "model" not in runner.alone


def test_probes_of_a_model_that_gives_several_answers_are_asked_together(
    tmp_path: Path, server: LocalServer
) -> None:
    server.answer = lambda asked: {"text": "nothing of the sort"}
    together, runner = both(pipeline_of(tmp_path, server.url, more=""))
    assert sum(blame.verdict == "model" for blame in together.blames) > 2
    assert "model" not in runner.alone


def test_prompts_that_a_verdict_hangs_on_are_run_together(tmp_path: Path, server: LocalServer) -> None:
    server.answer = answered
    together, runner = both(pipeline_of(tmp_path, server.url), verdict_only=True)
    assert max(blame.runs.model for blame in together.blames) > 1
    assert "model" not in runner.alone


def test_routes_are_tried_together(tmp_path: Path, server: LocalServer) -> None:
    server.answer = answered
    together, runner = both(changed(tmp_path, server, "[stages.retriever]", ROUTER))
    assert any(blame.verdict == "router" for blame in together.blames)
    assert "model" not in runner.alone


def test_drafts_are_verified_together(tmp_path: Path, server: LocalServer) -> None:
    def said(asked: Any) -> object:
        return {"accept": "fee" not in asked["query"]} if "answer" in asked else answered(asked)

    server.answer = said
    together, runner = both(changed(tmp_path, server, "[score]", VERIFIER), counter_check=False)
    assert all("verifier" in game.roles for game in together.games)
    assert not {"model", "verifier"} & set(runner.alone)


def test_what_else_would_have_helped_is_asked_together(tmp_path: Path, server: LocalServer) -> None:
    server.answer = answered
    together, runner = both(pipeline_of(tmp_path, server.url), workarounds=True)
    assert any(blame.workarounds for blame in together.blames)
    assert "model" not in runner.alone


def test_work_that_is_begun_anew_counts_once(tmp_path: Path) -> None:
    """Each item wants two calls, one after the other, and the first again: two runs and an answer of the memo."""
    pipeline = made(tmp_path)
    runner = Runner(pipeline, Memo())
    meters = [Meter(), Meter()]

    def work(place: int) -> list[Output]:
        with meters[place].whole():
            asked = calls(pipeline, [f"a {place}", f"b {place}", f"a {place}"])
            return [runner.run(call.stage, call.given, meters[place]) for call in asked]

    found = made_together(runner, [0, 1], work)
    plain = Runner(pipeline, Memo())
    assert found == [
        [
            plain.run(call.stage, call.given, Meter())
            for call in calls(pipeline, [f"a {n}", f"b {n}", f"a {n}"])
        ]
        for n in (0, 1)
    ]
    assert [query for _, _, query in made_calls(tmp_path)][:4] == ["a 0", "a 1", "b 0", "b 1"]
    assert [(m.runs.model, m.runs.memo_hits) for m in meters] == [(2, 1), (2, 1)]


def test_calls_that_cannot_be_made_together_are_made_as_ever(tmp_path: Path) -> None:
    """A batch that fails leaves its calls to whoever asks for them."""
    from diagnose.errors import StageFailed

    def run_batch(givens: list[Given]) -> list[Output]:
        raise StageFailed("no batch today")

    pipeline = made(tmp_path)
    stages = tuple(replace(s, prompt_of=None, run_batch=run_batch) for s in pipeline.stages)  # type: ignore[arg-type]
    pipeline = replace(pipeline, stages=stages)
    runner = Runner(pipeline, Memo())
    asked = calls(pipeline, ["a", "b"])
    found = made_together(runner, asked, lambda call: runner.run(call.stage, call.given, Meter()))
    assert found == [runner.run(call.stage, call.given, Meter()) for call in asked]
    assert [query for _, _, query in made_calls(tmp_path)] == ["a", "b"]


def test_nothing_is_begun_after_a_stop(tmp_path: Path) -> None:
    from diagnose.replay.run import Stopped

    pipeline = made(tmp_path)
    runner = Runner(pipeline, Memo(), stop=lambda: (tmp_path / "calls").exists())
    asked = calls(pipeline, ["a", "b", "c"])
    with pytest.raises(Stopped):
        made_together(runner, asked, lambda call: runner.run(call.stage, call.given, Meter()))
    assert len(made_calls(tmp_path)) == 1
