"""What the prompts of a log tell about one another's pass rates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnose.stats.belief import GRID, means, posterior
from diagnose.stats.pooled import BASE_PROMPTS, OWN, PARTS, Pooled, fitted, kind_seen, pooled

COUNTS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=8)
NOTHING = (np.zeros(0), np.zeros(0))


def columns(seen: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    table = np.array(seen, dtype=float).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def drawn(rate: float, n: int, runs: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    passes = np.random.default_rng(seed).binomial(runs, rate, size=n).astype(float)
    return passes, runs - passes


def own_mean(found: Pooled) -> float:
    return float(found.own @ GRID)


@given(st.lists(COUNTS, min_size=1, max_size=4))
def test_what_is_believed_is_a_distribution_with_nothing_ruled_out(
    kinds: list[list[tuple[int, int]]],
) -> None:
    found = pooled([columns(seen) for seen in kinds])
    assert len(found.priors) == len(kinds)
    for prior in found.priors:
        assert prior.sum() == pytest.approx(1.0)
        assert (prior > 0).all()
    assert found.own.sum() == pytest.approx(1.0)
    assert OWN.sum(axis=1) == pytest.approx(np.ones(len(OWN)))


@given(COUNTS, COUNTS)
def test_the_order_of_prompts_and_kinds_does_not_matter(
    one: list[tuple[int, int]], other: list[tuple[int, int]]
) -> None:
    there = pooled([columns(one), columns(other)])
    back = pooled([columns(other[::-1]), columns(one[::-1])])
    assert np.allclose(there.priors[0], back.priors[1])
    assert np.allclose(there.own, back.own)


@pytest.mark.parametrize("rate", [0.3, 0.65, 0.9])
def test_the_own_rate_is_learnt_from_all_kinds(rate: float) -> None:
    found = pooled([drawn(rate, 60, 3), drawn(0.01, 60, 3, seed=1), NOTHING])
    assert own_mean(found) == pytest.approx(rate, abs=0.06)
    mixed, low, unseen = found.priors
    assert mixed[np.abs(GRID - rate) < 0.17].sum() > 0.8
    assert low[GRID < 0.1].sum() > 0.9
    assert unseen @ GRID == pytest.approx(0.48 * rate, abs=0.08), (
        "a kind that was not seen keeps the base parts"
    )


def test_a_small_log_stays_unsure() -> None:
    found = pooled([(np.array([1.0]), np.array([1.0]))])
    spread = np.sqrt(found.own @ GRID**2 - own_mean(found) ** 2)
    assert spread > 0.15
    assert found.priors[0][GRID < 0.1].sum() > 0.1


def test_one_wrong_answer_is_bad_luck_where_the_log_says_so_and_a_fault_where_it_does_not() -> None:
    """The same single failure, in a log whose prompts pass at 0.65 and in one where half of them never do."""
    passes, fails = np.array([0.0]), np.array([1.0])
    lucky = pooled([drawn(0.65, 100, 3)])
    never = [np.concatenate(c) for c in zip(drawn(0.95, 50, 3), drawn(0.0, 50, 3), strict=True)]
    faulty = pooled([(never[0], never[1])])
    assert means(posterior(lucky.priors[0], passes, fails))[0] > 0.5
    assert means(posterior(faulty.priors[0], passes, fails))[0] < 0.2


def test_prompts_that_stray_widen_the_prior() -> None:
    rng = np.random.default_rng(0)
    rates = rng.uniform(0.3, 0.95, size=200)
    passes = rng.binomial(8, rates).astype(float)
    strayed = pooled([(passes, 8 - passes)]).priors[0]
    kept = pooled([drawn(0.625, 200, 8)]).priors[0]
    wide, narrow = (np.sqrt(p @ GRID**2 - (p @ GRID) ** 2) for p in (strayed, kept))
    assert wide > 1.5 * narrow


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(1, 200)), min_size=1, max_size=12)
)
def test_the_fit_is_at_its_maximum(rows: list[tuple[int, int, int]]) -> None:
    """No step of expectation maximisation, which always climbs, gets anywhere from there."""
    seen = kind_seen(*columns([(p, f) for p, f, n in rows for _ in range(n)]))
    parts, _ = fitted(seen)
    assert parts.sum(axis=1) == pytest.approx(np.ones(len(OWN)))
    each = seen.explained.transpose(2, 1, 0) * parts[:, None, :]
    told = np.einsum("krj,r->kj", each / each.sum(axis=2, keepdims=True), seen.counts)
    again = (told + BASE_PROMPTS * PARTS) / (seen.counts.sum() + BASE_PROMPTS)
    assert np.abs(again - parts).max() < 1e-4
