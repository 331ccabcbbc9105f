"""Prediction-powered means: they cover, and the better the guess the narrower they are."""

from __future__ import annotations

import numpy as np
import pytest

from diagnose.stats.prediction import corrected_mean


def simulated(
    agree: float, part: float, weight: float | None, n: int = 80, repeats: int = 600
) -> tuple[float, float]:
    """How often the interval holds the truth, and its mean width."""
    rng, covered, width = np.random.default_rng(5), 0, 0.0
    for _ in range(repeats):
        guess = (rng.random(1000) < part).astype(float)
        truth = np.where(rng.random(1000) < agree, guess, (rng.random(1000) < part).astype(float))
        taken = rng.choice(1000, n, replace=False)
        found = corrected_mean(truth[taken], guess[taken], guess, weight)
        covered += found.low <= truth.mean() <= found.high
        width += (found.high - found.low) / repeats
    return covered / repeats, width


@pytest.mark.parametrize("agree, narrower", [(0.9, 0.6), (0.6, 0.9), (0.0, 1.03)])
def test_intervals_cover_and_are_narrower_than_the_samples_own(agree: float, narrower: float) -> None:
    covered, width = simulated(agree, 0.4, None)
    own, wide = simulated(agree, 0.4, 0.0)
    assert covered >= 0.93
    assert own >= 0.93
    assert width <= narrower * wide


def test_a_guess_that_is_always_wrong_does_no_harm() -> None:
    covered, _ = simulated(0.5, 0.1, None)
    assert covered >= 0.93
    guess = np.array([0.0, 1.0] * 50)
    found = corrected_mean(1.0 - guess[:40], guess[:40], guess)
    assert found.weight == 0.0
    assert found.mean == pytest.approx(0.5)


def test_a_sample_of_everything_has_no_error() -> None:
    truth = np.array([0.0, 1.0, 1.0, 0.0])
    found = corrected_mean(truth, truth, truth)
    assert (found.low, found.mean, found.high) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("n", [1, 5])
def test_samples_of_no_use_are_refused(n: int) -> None:
    with pytest.raises(ValueError, match="expected 2 to 4"):
        corrected_mean(np.zeros(n), np.zeros(n), np.zeros(4))
