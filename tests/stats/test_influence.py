"""How far each prompt sways what is computed of all of them through the pooled rates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from diagnose.stats.belief import GRID, means, posterior
from diagnose.stats.influence import influences, mean_slopes
from diagnose.stats.pooled import Seen, by_shape, fitted, kind_seen, odds_of

KINDS = st.lists(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(1, 30)), min_size=1, max_size=6),
    min_size=1,
    max_size=3,
)
"""Of each kind outcomes with how many prompts had them."""


def seen_of(kind: list[tuple[int, int, int]]) -> Seen:
    rows = np.array([(p, f) for p, f, n in kind for _ in range(n)], dtype=float)
    return kind_seen(rows[:, 0], rows[:, 1])


def total(seen: list[Seen], pulls: list[np.ndarray]) -> np.ndarray:
    """Something linear in the priors: what `influences` is to give the slope of."""
    fits = [fitted(one) for one in seen]
    odds = odds_of(fits)
    added: np.ndarray = np.sum(
        [odds @ by_shape(parts) @ pull for (parts, _), pull in zip(fits, pulls, strict=True)], axis=0
    )
    return added


def with_more(seen: list[Seen], kind: int, row: int, more: float) -> list[Seen]:
    counts = seen[kind].counts.copy()
    counts[row] += more
    return [replace(one, counts=counts) if i == kind else one for i, one in enumerate(seen)]


@given(KINDS)
def test_it_is_the_slope_of_a_total_in_how_often_a_prompt_is_there(
    kinds: list[list[tuple[int, int, int]]],
) -> None:
    seen = [one for kind in kinds if len((one := seen_of(kind)).counts)]
    assume(seen)
    rng = np.random.default_rng(0)
    pulls = [rng.uniform(size=(len(GRID), 2)) for _ in seen]
    for kind, found in enumerate(influences(seen, pulls)):
        for row in range(len(found)):
            step = 1e-3
            up, down = (total(with_more(seen, kind, row, s), pulls) for s in (step, -step))
            assert found[row] == pytest.approx((up - down) / (2 * step), rel=0.01, abs=1e-4)


@given(st.integers(0, 8), st.integers(0, 8), st.integers(0, len(GRID) - 1))
def test_a_mean_moves_with_the_weights_of_its_prior(passes: int, fails: int, at: int) -> None:
    prior = np.full((1, len(GRID)), 1.0 / len(GRID))
    p, f, step = np.array([float(passes)]), np.array([float(fails)]), 1e-6
    moved = prior.copy()
    moved[0, at] += step
    slope = (means(posterior(moved, p, f)) - means(posterior(prior, p, f)))[0] / step
    assert mean_slopes(prior, p, f)[0, at] == pytest.approx(slope, rel=1e-3, abs=1e-6)


def test_a_kind_of_which_nothing_was_seen_is_swayed_by_the_others() -> None:
    nothing = kind_seen(np.zeros(0), np.zeros(0))
    seen = [seen_of([(1, 0, 20), (0, 1, 10)]), nothing]
    found, none = influences(seen, [np.zeros((len(GRID), 1)), GRID[:, None]])
    assert none.shape == (0, 1)
    outcomes = seen[0].outcomes.tolist()
    passed, failed = found[outcomes.index([1.0, 0.0])][0], found[outcomes.index([0.0, 1.0])][0]
    assert passed > 0 > failed
