"""Calls made ahead change nothing but when they are made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from diagnose.core.artifact import Answer, Output, Query
from diagnose.core.stage import Given
from diagnose.replay.ahead import Call
from diagnose.replay.memo import Memo
from diagnose.replay.run import Broken, Meter, Runner
from tests.replay.local_model import calls, made, made_calls, model_of


def outcome(runner: Runner, call: Call) -> Output | str:
    """What a replay gets of a call."""
    try:
        return runner.run(call.stage, call.given, Meter(), call.repeat)
    except Broken as broken:
        return broken.failure.reason


def test_each_call_is_made_once_in_the_order_of_prompts_and_found_afterwards(tmp_path: Path) -> None:
    pipeline = made(tmp_path)
    asked = calls(pipeline, ["c 3", "a 1", "b 2", "a 1", "refuse 4"])
    plain = [outcome(Runner(pipeline, Memo()), call) for call in asked]
    (tmp_path / "calls").unlink()
    runner = Runner(pipeline, Memo())
    ticks: list[tuple[int, int]] = []
    runner.ahead(asked, lambda done, total: ticks.append((done, total)))
    assert [query for _, _, query in made_calls(tmp_path)] == ["a 1", "b 2", "c 3", "refuse 4"]
    assert [outcome(runner, call) for call in asked] == plain
    assert len(made_calls(tmp_path)) == 4
    assert runner.executed == {"model": 4}
    assert ticks == [(1, 4), (2, 4), (3, 4), (4, 4)]
    runner.ahead(asked)
    assert len(made_calls(tmp_path)) == 4


def test_no_more_model_runs_than_are_allowed(tmp_path: Path) -> None:
    pipeline = made(tmp_path)
    runner = Runner(pipeline, Memo())
    runner.allowance = 2
    asked = calls(pipeline, ["c", "a", "b"])
    runner.ahead(asked)
    assert sorted(query for _, _, query in made_calls(tmp_path)) == ["a", "c"]
    assert [type(outcome(runner, call)) for call in asked] == [Answer, Answer, str]


def test_none_is_begun_after_a_stop(tmp_path: Path) -> None:
    pipeline = made(tmp_path)
    runner = Runner(pipeline, Memo(), stop=lambda: (tmp_path / "calls").exists())
    runner.ahead(calls(pipeline, ["a", "b", "c"]))
    assert len(made_calls(tmp_path)) == 1


def test_a_stage_that_offers_batch_is_asked_for_many_at_once(tmp_path: Path) -> None:
    seen: list[int] = []

    def run_batch(givens: list[Given]) -> list[Output]:
        seen.append(len(givens))
        if any("refuse" in given.query for given in givens):
            raise ValueError
        return [Answer(given.query) for given in givens]

    def never(given: Given, seed: int | None) -> Output:
        raise AssertionError

    pipeline = made(tmp_path)
    stage = replace(model_of(pipeline), prompt_of=None, run_batch=run_batch, run=never)  # type: ignore[arg-type]
    runner = Runner(pipeline, Memo())
    asked = [Call(stage, Given(str(i), Query(str(i)))) for i in range(300)]
    runner.ahead(asked)
    assert seen == [256, 44]
    assert outcome(runner, asked[7]) == Answer("7")


def test_a_full_disk_is_raised_where_it_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = made(tmp_path)
    runner = Runner(pipeline, Memo())

    def full(key: str, output: Output) -> None:
        raise OSError("full")

    monkeypatch.setattr(runner.memo, "put", full)
    with pytest.raises(OSError, match="full"):
        runner.ahead(calls(pipeline, ["a", "b", "c"]))
    assert len(made_calls(tmp_path)) == 1
