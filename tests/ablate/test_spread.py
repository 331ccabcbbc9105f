"""Repeats of prompts where the model is not deterministic: until every verdict is settled, and no further."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from diagnose.ablate.cells import Cells, cells_of
from diagnose.ablate.plan import planned
from diagnose.ablate.scene import scene_of
from diagnose.ablate.spread import Effort, Logged, Sampled, outlook, spread
from diagnose.attribute.judge import judge_of, no_loss
from diagnose.core.artifact import Answer, Output
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import Given
from diagnose.replay.memo import Memo
from diagnose.replay.run import Meter, Runner
from diagnose.stages.failure import RunFailed
from tests.ablate.test_plan import FOUND, WITHOUT, finds, gold_first, keeps, label, packs
from tests.ablate.test_trial import worth
from tests.repairs.scenes import QUERY, corpus
from tests.replay.made_stages import Counting, Run

NOTHING_LOGGED = Logged({})


def flaky(rate: float) -> Run:
    """A model that finds the figure in its context with this probability, as the seed falls."""

    def run(given: Given, seed: int | None) -> Output:
        drawn = int(hashlib.sha256(f"{seed}/{given.context}".encode()).hexdigest()[:8], 16) / 2**32
        held = given.context is not None and "45 days" in given.context.text
        return Answer("45 days" if held and drawn < rate else "30 days")

    return run


class Case:
    """A trace's cells and what is needed to run them."""

    def __init__(self, rate: float = 1.0, found: tuple[str, ...] = WITHOUT, model: Run | None = None) -> None:
        counting = Counting()
        seeded = replace(counting.stage("model", model or flaky(rate), False), seeded=True)
        stages = (counting.stage("retriever", finds(*found)), counting.stage("ranker", gold_first))
        packer = counting.stage("packer", packs)
        self.counting = counting
        self.runner = Runner(Pipeline("made", (*stages, packer, seeded), corpus()), Memo())
        self.meter = Meter()
        scene = scene_of(self.runner, QUERY, label(), lambda text: worth(text) >= 0.5, self.meter)
        plan = planned(self.runner, QUERY, scene, self.meter)
        self.plan = plan
        self.cells = cells_of(self.runner, lambda repeat: plan, 1, worth, self.meter, None)
        roles = self.runner.pipeline.roles
        self.way = Sampled(self.cells, judge_of(roles, None), len(roles) + 1, lambda cells, leader: None)

    def spread(self, **effort: object) -> None:
        spread([self.way], self.runner, Effort(**effort), NOTHING_LOGGED)  # type: ignore[arg-type]

    @property
    def leader(self) -> str:
        assert self.way.leaning is not None
        roles = self.runner.pipeline.roles
        return roles[self.way.leaning.leader] if self.way.leaning.leader < no_loss(roles) else "no loss"


def cells() -> Cells:
    return Case().cells


def test_coalitions_with_one_prompt_are_one_unit() -> None:
    found = cells()
    assert sorted(found.unit_of) == [0b0000, 0b0001]
    assert found.kinds == ("unsupported", "fair")
    assert found.oracle == {0: None, 1: 1.0}
    assert found.everything == 1
    assert found.n_calls == 0


def test_a_run_teaches_its_prompt_and_keeps_a_telling_ending() -> None:
    case = Case()
    for prompt in (0, 1, 1):
        case.cells.run(case.runner, prompt)
    assert case.cells.passes.tolist() == [0.0, 2.0]
    assert case.cells.fails.tolist() == [1.0, 0.0]
    assert case.cells.calls == [1, 2]
    assert case.cells.endings[1].said == "45 days"


def test_a_game_drawn_at_rates_obeys_the_models_bound() -> None:
    case = Case()
    bounded = case.cells.worths(np.array([[0.1, 1.0], [0.0, 0.25], [0.0, 0.0]]))
    assert bounded.shape == (3, 16)
    retriever, model = 0b0001, 0b1000
    assert bounded[0, [0, retriever, model, retriever | model]].tolist() == pytest.approx(
        [0.1, 1.0, 0.1, 1.0]
    )
    assert bounded[1, [0, retriever, model, retriever | model]].tolist() == pytest.approx(
        [0.0, 0.25, 0.0, 1.0]
    )
    assert bounded[2, retriever | model] == 1.0


def test_the_logged_answer_counts_as_a_run_of_its_prompt() -> None:
    case = Case()
    logged = cells_of(case.runner, lambda repeat: case.plan, 1, worth, case.meter, 0.0)
    assert (logged.fails.tolist(), logged.logged) == ([1.0, 0.0], 1.0)
    assert logged.n_calls == 0


def test_a_capable_model_settles_the_retriever() -> None:
    case = Case(rate=1.0)
    case.spread()
    assert (case.leader, case.way.settled) == ("retriever", True)
    assert case.cells.n_calls <= 6


def test_an_incapable_one_on_the_fair_context_settles_the_model() -> None:
    case = Case(rate=0.0, found=FOUND)
    case.spread()
    assert (case.leader, case.way.settled) == ("model", True)


def test_calls_end_where_the_budget_does() -> None:
    case = Case(rate=0.5)
    case.spread(alpha=0.0001, max_calls_per_trace=3)
    assert (case.cells.n_calls, case.way.settled) == (3, False)
    case = Case(rate=0.5)
    case.spread(alpha=0.0001, max_calls=2)
    assert case.counting.calls["model"] == 2


def test_a_budget_of_all_is_shared_in_rounds() -> None:
    cases = [Case(rate=0.5) for _ in range(3)]
    spread([c.way for c in cases], cases[0].runner, Effort(alpha=0.0001, max_calls=6), NOTHING_LOGGED)
    assert [c.cells.n_calls for c in cases] == [2, 2, 2]


def test_a_trace_whose_model_breaks_is_left_behind() -> None:
    def down(given: Given, seed: int | None) -> Output:
        raise RunFailed("model", "down", "raised", "raised OSError")

    broken, fine = Case(model=down), Case()
    spread([broken.way], broken.runner, Effort(), NOTHING_LOGGED)
    fine.spread()
    assert broken.way.broken is not None
    assert not broken.way.settled
    assert fine.way.settled


def test_the_same_calls_give_the_same_leaning() -> None:
    odds = []
    for _ in range(2):
        case = Case(rate=0.6)
        case.spread()
        assert case.way.leaning is not None
        odds.append(case.way.leaning.odds.tolist())
    assert odds[0] == odds[1]


def test_the_outlook_says_what_would_settle_it() -> None:
    case = Case(rate=0.5)
    case.spread(alpha=0.001, max_calls_per_trace=2)
    power, calls = outlook(case.way, Effort(alpha=0.001))
    assert power is not None
    assert 0.0 <= power <= 1.0
    assert calls is None or calls >= len(case.cells.calls)
    assert outlook(case.way, Effort(alpha=0.001)) == (power, calls)
    assert outlook(Case().way, Effort()) == (None, None)


def test_a_short_list_has_fewer_prompts() -> None:
    """Sanity of the helper: a ranker that keeps one passage still leaves two prompts."""
    counting = Counting()
    stages = (counting.stage("retriever", finds(*FOUND)), counting.stage("ranker", keeps(1)))
    more = (counting.stage("packer", packs), counting.stage("model", flaky(1.0), False))
    runner, meter = Runner(Pipeline("made", (*stages, *more), corpus()), Memo()), Meter()
    scene = scene_of(runner, QUERY, label(), lambda text: worth(text) >= 0.5, meter)
    plan = planned(runner, QUERY, scene, meter)
    assert len(cells_of(runner, lambda repeat: plan, 1, worth, meter, None).calls) == 2
