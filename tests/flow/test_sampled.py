"""Pipelines that are not deterministic: what is said of the repeats. (Verdicts: `tests/planted/test_noise.py`.)"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from diagnose.core.artifact import Answer, Output
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import Given, Stage
from diagnose.errors import UsageError
from diagnose.flow import Settings, reported
from diagnose.stages.faults import FAULTS, Around, faulty
from tests.planted.desk import desk, diagnosed, gold_of, log_of, scorer_of, with_faults


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return desk(tmp_path_factory.mktemp("desk"))


def with_model(pipeline: Pipeline, **changed: object) -> Pipeline:
    stages = (replace(s, **changed) if s.role == "model" else s for s in pipeline.stages)  # type: ignore[arg-type]
    return replace(pipeline, stages=tuple(stages))


def noisy(pipeline: Pipeline, rate: float) -> Pipeline:
    around = Around(gold_of, rate)
    stages = (faulty(s, FAULTS["flaky"], around) if s.role == "model" else s for s in pipeline.stages)
    return replace(pipeline, stages=tuple(stages))


def test_a_model_that_ignores_its_seed_is_named(healthy: Pipeline) -> None:
    n = 0

    def deaf(given: Given, seed: int | None) -> Output:
        nonlocal n
        n += 1
        return Answer(f"answer {n}")

    pipeline = with_model(healthy, run=deaf, deterministic=False, seeded=True, fingerprint="deaf")
    found = diagnosed(pipeline, log_of(pipeline)[:3])
    assert any("different answers under one seed" in note for note in found.notes)


def test_right_answers_are_not_replayed_where_chance_may_break_them(healthy: Pipeline) -> None:
    flaky = noisy(with_faults(healthy, FAULTS["inverted"]), 0.2)
    with pytest.raises(UsageError, match=r"--passing 3: .* the model is not"):
        diagnosed(flaky, log_of(flaky), Settings(passing=3))


def test_a_model_that_heeds_it_is_not(healthy: Pipeline) -> None:
    flaky = noisy(healthy, 0.75)
    assert diagnosed(flaky, log_of(flaky)).notes == ()


def test_a_model_that_is_steady_but_does_not_say_so_gets_the_same_verdicts(healthy: Pipeline) -> None:
    inverted = with_faults(healthy, FAULTS["inverted"])
    quiet = with_model(inverted, deterministic=False, fingerprint="quiet")
    log = log_of(inverted)
    found = diagnosed(quiet, log)
    assert [b.verdict for b in found.blames] == ["ranker"] * 15
    assert all(b.confidence is not None and b.confidence >= 0.99 for b in found.blames)
    assert [b.mode for b in found.blames] == [b.mode for b in diagnosed(inverted, log).blames]


def test_cases_show_a_wrong_replay_and_a_right_one(healthy: Pipeline) -> None:
    flaky = noisy(with_faults(healthy, FAULTS["inverted"]), 0.2)
    found = diagnosed(flaky, log_of(flaky))
    mended = {b.trace_id for b in found.blames if ("ranker",) in b.minimal_repairs}
    assert len(mended) >= 10
    for case in (c for c in found.cases if c.trace_id in mended):
        shown = {r.coalition: r for r in case.replays}
        assert "ranker" in shown
        assert shown["ranker"].score is not None
        assert shown["ranker"].score > 0.5
        assert shown[""].answer != shown["ranker"].answer


def test_the_same_seed_gives_the_same_blame_and_another_may_not(healthy: Pipeline) -> None:
    flaky = noisy(with_faults(healthy, FAULTS["reordered"]), 0.4)
    log = log_of(flaky)
    once, again = diagnosed(flaky, log), diagnosed(flaky, log)
    assert (once.blames, once.games) == (again.blames, again.games)
    assert diagnosed(flaky, log, Settings(seed=9)).games != once.games


def test_every_game_is_a_game_of_expectations(healthy: Pipeline) -> None:
    flaky = noisy(with_faults(healthy, FAULTS["inverted"]), 0.3)
    for game in diagnosed(flaky, log_of(flaky)).games:
        assert all(0.0 <= worth <= 1.0 for worth in game.worth.values())
        assert game.worth["ranker"] > game.worth[""]
        assert game.worth["retriever"] == game.worth[""]


def test_a_stage_of_its_own_does_not_get_lost() -> None:
    """Guard of the helper: only the model is changed."""
    stage = Stage("ranker", "r", lambda given, seed: Answer(""), "1")
    pipeline = Pipeline("p", (stage,))
    assert with_model(pipeline, fingerprint="2").stages == (stage,)


def test_ablations_tell_how_a_model_fails_that_may_answer_otherwise(healthy: Pipeline) -> None:
    right = next(s.run for s in healthy.stages if s.role == "model")

    def overwhelmed(given: Given, seed: int | None) -> Output:
        alone = given.context is not None and len(given.context.passages) == 1
        return right(given, seed) if alone else Answer("no idea at all")

    pipeline = with_model(healthy, run=overwhelmed, deterministic=False, fingerprint="overwhelmed")
    log = log_of(pipeline)[:4]
    told, bare = diagnosed(pipeline, log), diagnosed(pipeline, log, Settings(probe=False))
    assert [b.verdict for b in told.blames] == [b.verdict for b in bare.blames] == ["model"] * 4
    assert all("right with gold alone, wrong as soon" in (b.evidence or "") for b in told.blames)
    assert not any("right with gold alone" in (b.evidence or "") for b in bare.blames)
    assert all(t.runs.model > b.runs.model for t, b in zip(told.blames, bare.blames, strict=True))


def test_every_trace_of_a_noisy_log_tells_something_of_the_others(healthy: Pipeline) -> None:
    flaky = noisy(with_faults(healthy, FAULTS["inverted"]), 0.35)
    log = log_of(flaky)
    found = diagnosed(flaky, log)
    assert found.swayed is not None
    assert set(found.swayed.failing) == {b.trace_id for b in found.blames if b.shares}
    rows = np.array([*found.swayed.failing.values(), *found.swayed.right])
    assert np.abs(rows).max() > 0.001
    assert rows.sum(axis=0) == pytest.approx(np.zeros(8), abs=1e-9)
    report = reported(found, flaky, scorer_of(flaky), 0, "x")
    bare = reported(replace(found, swayed=None), flaky, scorer_of(flaky), 0, "x")
    assert [r.share for r in report.ranking] == [r.share for r in bare.ranking]
    assert [r.low for r in report.ranking] != [r.low for r in bare.ranking]


def test_a_steady_log_has_nothing_of_the_kind(healthy: Pipeline) -> None:
    inverted = with_faults(healthy, FAULTS["inverted"])
    assert diagnosed(inverted, log_of(inverted)).swayed is None
