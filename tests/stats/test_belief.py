"""What is believed of pass rates: priors learn, posteriors add up, and sure verdicts are rarely wrong."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from diagnose.stats import belief
from diagnose.stats.pooled import pooled

COUNTS = st.integers(0, 12)


@given(COUNTS, COUNTS)
def test_one_more_pass_never_lowers_the_expected_rate(passes: int, fails: int) -> None:
    prior = pooled([]).own * 0.5 + 0.5 / len(belief.GRID)
    before, after = (
        belief.means(belief.posterior(prior, np.array([passes + k], dtype=float), np.array([float(fails)])))[
            0
        ]
        for k in (0, 1)
    )
    assert after > before


def test_points_fill_the_cube_evenly() -> None:
    points = belief.uniform_points(2000, 3)
    assert points.shape == (2000, 3)
    assert ((points > 0) & (points < 1)).all()
    for column in points.T:
        counts, _ = np.histogram(column, bins=10, range=(0, 1))
        assert counts.min() > 180
        assert counts.max() < 220
    assert abs(np.asarray(np.corrcoef(points.T))[0, 1]) < 0.05


def test_the_prompt_that_decides_is_the_one_to_run() -> None:
    rates = np.stack([np.linspace(0, 1, 1000), np.full(1000, 0.5)], axis=1)
    codes = (rates[:, 0] > 0.5).astype(np.int64)
    told = belief.informative(codes, 2, rates)
    assert belief.most_informative(told, [0, 1]) == 0
    assert told[0] > told[1] + 0.05


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 1000))
def test_peeking_after_every_run_errs_no_oftener_than_alpha(seed: int) -> None:
    """Two prompts each; the statement is that the second passes oftener. Stop as soon as the posterior is sure."""
    rng, alpha, n = np.random.default_rng(seed), 0.05, 300
    kinds = np.array([[0.03, 0.8], [0.8, 0.8], [0.03, 0.03], [0.4, 0.8]])
    truth = kinds[rng.integers(0, len(kinds), size=n)]
    passes, fails = np.zeros((n, 2)), np.zeros((n, 2))
    points = belief.uniform_points(500, 2)
    verdict = np.full(n, -1)
    for _ in range(10):
        priors = pooled([(passes[:, i], fails[:, i]) for i in range(2)]).priors
        for t in np.flatnonzero(verdict < 0):
            posteriors = belief.posterior(np.stack(priors), passes[t], fails[t])
            rates = belief.draws(posteriors, points)
            odds = belief.verdict_odds((rates[:, 1] > rates[:, 0] + 0.1).astype(np.int64), 2)
            if odds.max() >= 1 - alpha:
                verdict[t] = odds.argmax()
            else:
                ran = int(passes[t].sum() + fails[t].sum()) % 2
                hit = rng.random() < truth[t, ran]
                passes[t, ran] += hit
                fails[t, ran] += not hit
    settled = verdict >= 0
    right = (truth[:, 1] > truth[:, 0] + 0.1).astype(int)
    assert settled.sum() > n / 3
    wrong = (verdict[settled] != right[settled]).mean()
    # The bound is alpha on average; four standard errors of a count of this size are let through.
    assert wrong <= alpha + 4 * np.sqrt(alpha * (1 - alpha) / settled.sum())
