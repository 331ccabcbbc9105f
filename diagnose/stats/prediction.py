"""Prediction-powered inference: means over a whole log from a sample that was looked at and a guess at all of it.

A guess f is free for every failure (where the log loses the evidence); the truth y (the verdict of a replay) is known
for a sample. With n of N in the sample,

    mean = mean over all of λ f + mean over the sample of (y − λ f)

is unbiased whatever the guess is worth, and its interval is the narrower the better the guess.

Sources: A. N. Angelopoulos, S. Bates, C. Fannjiang, M. I. Jordan and T. Zrnic, "Prediction-powered inference", Science
382 (2023), 669-674; λ: A. N. Angelopoulos, J. C. Duchi and T. Zrnic, "PPI++: efficient prediction-powered inference",
arXiv:2311.01453 (2023); strata: A. Fisch et al., "Stratified
prediction-powered inference for hybrid language model evaluation", NeurIPS 2024.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FEWEST = 2
"""Below this a sample has no spread to see."""


@dataclass(frozen=True)
class Estimate:
    """A mean with the ends of its 95 % interval, which need not lie evenly around it; `weight` (λ, 0 to 1) is how far
    the guess was followed."""

    mean: float
    low: float
    high: float
    weight: float


def corrected_mean(
    truth: Floats,
    guess: Floats,
    everywhere: Floats,
    weight: float | None = None,
    level: float = 0.95,
    ends: tuple[float, float] = (0.0, 1.0),
) -> Estimate:
    """The mean of what `truth` [n] is a sample of; `guess` [n] goes with it, `everywhere` [N] is the guess at all.

    `weight` None takes the λ that makes the interval narrowest; 0 is the sample's own mean. The sample is drawn
    without replacement, so that one of everything has no error. `ends` are the least and the most that a value can
    be. ValueError for a sample below `FEWEST` or beyond N.
    """
    n, total = len(truth), len(everywhere)
    if not FEWEST <= n <= total or len(guess) != n:
        raise ValueError(
            f"truth: expected {FEWEST} to {total} values, one for each guess, found {n} and {len(guess)}"
        )
    fitted = 0
    if weight is None:
        weight = best_weight(truth, guess)
        fitted = int(0.0 < weight < 1.0)
    rest = truth - weight * guess
    mean = float(weight * everywhere.mean() + rest.mean())
    from scipy.special import stdtrit

    # Agresti and Coull's two of each end, so that a sample without one kind of verdict does not claim that there is
    # none. They move the middle of the interval, too, as far as the guess leaves the truth open: intervals of rare
    # verdicts that stay around the mean miss on one side.
    span = ends[1] - ends[0]
    freedom = max(1, n - 1 - fitted)
    left = (float(np.var(rest)) * n / freedom * n + 0.25 * 4 * span**2) / (n + 4)
    open_ = (float(np.var(truth)) * n / (n - 1) * n + 0.25 * 4 * span**2) / (n + 4)
    unseen = 1.0 - n / total
    moved = (sum(ends) / 2.0 - float(truth.mean())) * 4 / (n + 4) * min(1.0, left / open_) * unseen
    reach = float(stdtrit(freedom, 0.5 + level / 2)) * sqrt(left / n * unseen)
    middle = mean + moved
    return Estimate(mean, min(mean, middle - reach), max(mean, middle + reach), weight)


def best_weight(truth: Floats, guess: Floats) -> float:
    """The λ, 0 to 1, that leaves least of the truth open: the slope of truth on guess."""
    spread = float(np.var(guess, ddof=1))
    return min(1.0, max(0.0, float(np.cov(truth, guess, ddof=1)[0, 1]) / spread)) if spread > 0 else 0.0
