"""How far each trace of a log sways what is computed of all its failures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.planted.simulated import SimulatedLog, World, logged, sampled
from diagnose.ablate.cells import KINDS, Floats
from diagnose.ablate.spread import Effort, Logged, Sampled, pooled_of
from diagnose.ablate.sway import Sway, sway_of
from diagnose.attribute import shapley
from diagnose.stats import belief

COPIES = 20
"""Of a log, so that one trace more is a small step."""


@pytest.fixture(scope="module")
def log() -> tuple[SimulatedLog, list[Sampled]]:
    rng = np.random.default_rng(3)
    drawn = logged(World("in between", 0.35, 0.5), 60, rng)
    return drawn, sampled(drawn, Effort(max_calls_per_trace=4), rng)


def totals(ways: list[Sampled], right: Logged) -> Floats:
    """Each stage's share, added up over the log, by the plain way: pool, believe, play, divide."""
    priors = dict(zip(KINDS, pooled_of(ways, right).priors, strict=True))
    worths = []
    for way in ways:
        prior = np.stack([priors[kind] for kind in way.cells.kinds])
        means = belief.means(belief.posterior(prior, way.cells.passes, way.cells.fails))
        worths.append(way.cells.worths(means[None, :])[0])
    return np.asarray(shapley.shares(np.stack(worths)))


def swayed(ways: list[Sampled], right: Logged) -> Sway:
    return sway_of(ways, right, shapley.shares, np.ones((len(ways), 4)))


def test_a_trace_more_moves_the_totals_as_foretold(log: tuple[SimulatedLog, list[Sampled]]) -> None:
    drawn, ways = log
    many = ways * COPIES
    right = Logged({kind: n * COPIES for kind, n in drawn.right.passes.items()})
    found, before = swayed(many, right), totals(many, right).sum(axis=0)
    moved = []
    for way in ways:
        after = totals([*many, way], right)
        moved.append(after[:-1].sum(axis=0) - before)
    foretold = found.failing[: len(ways)]
    assert foretold.std(axis=0).max() > 0.03, "nothing to see"
    # The rows are without their mean over all traces.
    error = (foretold - foretold.mean(axis=0)) - (moved - np.mean(moved, axis=0))
    assert np.abs(error).max() < 0.06 * np.abs(foretold).max()


def test_a_right_answer_more_moves_them_as_foretold(log: tuple[SimulatedLog, list[Sampled]]) -> None:
    drawn, ways = log
    many = ways * COPIES
    passes = {kind: n * COPIES for kind, n in drawn.right.passes.items()}
    found, before = swayed(many, Logged(passes)), totals(many, Logged(passes)).sum(axis=0)
    more = totals(many, Logged({**passes, "fair": passes["fair"] + 1})).sum(axis=0) - before
    less = totals([*many, ways[0]], Logged(passes))[:-1].sum(axis=0) - before
    # Kinds are in order, and the last is that of fair prompts.
    assert found.right[-1] - found.failing[0] == pytest.approx(more - less, abs=0.02)
    assert found.right[-1][3] < 0.0, "the model is the better for it"


def test_the_rows_add_up_to_nought_and_have_one_for_every_trace(
    log: tuple[SimulatedLog, list[Sampled]],
) -> None:
    drawn, ways = log
    found = swayed(ways, drawn.right)
    assert len(found.failing) + len(found.right) == drawn.n_traces
    assert found.failing.sum(axis=0) + found.right.sum(axis=0) == pytest.approx(np.zeros(4), abs=1e-9)


def test_traces_that_do_not_count_move_nothing_but_the_others(
    log: tuple[SimulatedLog, list[Sampled]],
) -> None:
    drawn, ways = log
    nobody = sway_of(ways, drawn.right, shapley.shares, np.zeros((len(ways), 4)))
    assert not nobody.failing.any()
    assert not nobody.right.any()


def test_a_prompt_that_was_never_run_tells_nothing(log: tuple[SimulatedLog, list[Sampled]]) -> None:
    drawn, ways = log
    blank = replace(ways[0].cells, passes=np.zeros(2), fails=np.zeros(2), calls=[0, 0])
    found = swayed([*ways, replace(ways[0], cells=blank)], drawn.right)
    assert found.failing[-1] == pytest.approx(-found.failing[:-1].sum(axis=0) - found.right.sum(axis=0))
