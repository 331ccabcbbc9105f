"""Tiers are cut where they save tokens, and nowhere by luck."""

from __future__ import annotations

import numpy as np
import pytest

from diagnose.attribute.complexity import thresholds_of
from diagnose.attribute.tiering import LEAST_PART, cuts_of

RNG = np.random.default_rng(3)
N = 400
PREDICTED = np.linspace(0.002, 0.998, N)
COST = np.tile([100.0, 10.0, 30.0], (N, 1))


def needing(more: np.ndarray) -> np.ndarray:
    """Scores under the pipeline as it is, a small and a medium budget: `more` (n,) are answered by the first alone."""
    small = np.where(more, 0.0, 1.0)
    return np.stack([np.ones(N), small, small], axis=1)


def spent(cuts: tuple[float, ...], score: np.ndarray, tolerance: float = 0.0) -> float:
    """Tokens of a query where each tier has its cheapest cell that keeps its mean score."""
    where = np.searchsorted(cuts, PREDICTED, side="right")
    total = 0.0
    for tier in range(len(cuts) + 1):
        rows = where == tier
        keeps = score[rows].mean(axis=0) >= score[rows, 0].mean() - tolerance - 1e-9
        total += COST[rows][:, keeps].mean(axis=0).min() * rows.sum() if rows.any() else 0.0
    return total / N


def test_a_cut_is_put_where_the_need_begins() -> None:
    score = needing(PREDICTED > 0.85)
    cuts = cuts_of(PREDICTED, score, COST, 0.0, 3)
    assert 0.75 < cuts[-1] <= 0.85
    assert spent(cuts, score) < spent(thresholds_of(PREDICTED, 3), score) * 0.75


def test_it_stays_clear_of_the_first_query_that_needs_more() -> None:
    """A cut right below it would be there by luck: the next log has such a query further down."""
    score = needing(PREDICTED > 0.85)
    below = [cut for cut in cuts_of(PREDICTED, score, COST, 0.0, 3) if cut <= 0.85]
    assert np.mean((below[-1] < PREDICTED) & (PREDICTED <= 0.85)) >= 0.04


def test_where_nothing_is_saved_the_parts_are_equal() -> None:
    for more in (np.zeros(N, dtype=bool), np.ones(N, dtype=bool)):
        assert cuts_of(PREDICTED, needing(more), COST, 0.0, 3) == thresholds_of(PREDICTED, 3)


def test_noise_alone_hardly_ever_moves_a_cut() -> None:
    """Of many cuts the luckiest saves most; what does not clear the tolerance surely is not believed."""
    moved = 0
    for _ in range(20):
        score = (RNG.uniform(size=(N, 3)) < 0.7).astype(float)
        moved += cuts_of(PREDICTED, score, COST, 0.0, 3) != thresholds_of(PREDICTED, 3)
    assert moved <= 4


@pytest.mark.parametrize("parts", [1, 2, 3, 5, 9])
def test_never_more_parts_than_asked_for_and_none_too_small(parts: int) -> None:
    score = needing(np.sin(PREDICTED * 12) > 0.2)
    cuts = cuts_of(PREDICTED, score, COST, 0.0, parts)
    assert len(cuts) < max(parts, 2)
    assert list(cuts) == sorted(set(cuts))
    if cuts != thresholds_of(PREDICTED, parts):
        sizes = np.bincount(np.searchsorted(cuts, PREDICTED, side="right"), minlength=len(cuts) + 1)
        assert sizes.min() >= LEAST_PART * N


def test_queries_that_look_all_the_same_are_one_tier() -> None:
    assert cuts_of(np.full(N, 0.3), needing(PREDICTED > 0.5), COST, 0.0, 3) == ()
