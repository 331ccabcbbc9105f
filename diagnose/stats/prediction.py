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
    """A mean with the ends of its 95 % interval; `weight` (λ, 0 to 1) is how far the guess was followed."""

    mean: float
    low: float
    high: float
    weight: float


def corrected_mean(
    truth: Floats, guess: Floats, everywhere: Floats, weight: float | None = None, level: float = 0.95
) -> Estimate:
    """The mean of what `truth` [n] is a sample of; `guess` [n] goes with it, `everywhere` [N] is the guess at all.

    `weight` None takes the λ that makes the interval narrowest; 0 is the sample's own mean. The sample is drawn
    without replacement, so that one of everything has no error. ValueError for a sample below `FEWEST` or beyond N.
    """
    n, total = len(truth), len(everywhere)
    if not FEWEST <= n <= total or len(guess) != n:
        raise ValueError(
            f"truth: expected {FEWEST} to {total} values, one for each guess, found {n} and {len(guess)}"
        )
    if weight is None:
        spread = float(np.var(guess, ddof=1))
        both = float(np.cov(truth, guess, ddof=1)[0, 1])
        weight = min(1.0, max(0.0, both / spread)) if spread > 0 else 0.0
    rest = truth - weight * guess
    mean = float(weight * everywhere.mean() + rest.mean())
    # Agresti and Coull's two of each, so that a sample without one kind of verdict does not claim that there is none.
    variance = (float(np.var(rest, ddof=1)) * n + 0.25 * 4) / (n + 4)
    error = sqrt(variance / n * (1.0 - n / total))
    from scipy.special import stdtrit

    reach = float(stdtrit(n - 1, 0.5 + level / 2)) * error
    return Estimate(mean, mean - reach, mean + reach, weight)
