"""What is believed of pass rates after a few runs each, pooled over many prompts.

A prompt's pass rate θ lies on a grid; its prior is learnt from all prompts of its kind in the log
(empirical Bayes by expectation maximisation, Laird 1978; Robbins 1956), held back by a base prior
that counts as a few prompts: most prompts pass hardly ever or nearly always, some lie in between.
The posterior probability of a statement about θ is a martingale under the prior, so that stopping as
soon as it passes 1 − α is wrong with probability α at most, peeked at after every run (Ville 1939;
Robbins 1970). That holds on average over the prompts of a log, not for each.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

GRID: Floats = np.array([0.002, 0.01, 0.03, 0.06, *(n / 20 for n in range(2, 19)), 0.94, 0.97, 0.99, 0.998])
"""Pass rates that are told apart. None is 0 or 1: a few runs never rule out the next one."""
BASE_PROMPTS = 3.0
"""How many prompts the base prior counts as."""
EM_STEPS = 60
HARDLY_EVER, HARDLY_EVER_WEIGHT = 0.06, 0.45
"""Pass rates up to here share this much of the base prior."""
MOSTLY, MOSTLY_WEIGHT = 0.5, 0.35
"""Pass rates from here on share this much; what is left is spread evenly over the whole grid."""


def base_prior() -> Floats:
    """[g]: the prior before anything is seen."""
    low = GRID <= HARDLY_EVER
    high = GRID > MOSTLY
    even = 1.0 - HARDLY_EVER_WEIGHT - MOSTLY_WEIGHT
    return np.asarray(
        HARDLY_EVER_WEIGHT * low / low.sum() + MOSTLY_WEIGHT * high / high.sum() + even / len(GRID)
    )


def log_likelihood(passes: Floats, fails: Floats) -> Floats:
    """[n, g]: log-likelihood of each rate on the grid for n prompts that passed and failed so often
    (fractional scores count as part of a pass)."""
    return np.asarray(np.multiply.outer(passes, np.log(GRID)) + np.multiply.outer(fails, np.log1p(-GRID)))


def posterior(prior: Floats, passes: Floats, fails: Floats) -> Floats:
    """[n, g]: the posterior of n prompts under priors [g] or [n, g]."""
    log = log_likelihood(passes, fails) + np.log(prior)
    weights = np.exp(log - log.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def fitted_prior(passes: Floats, fails: Floats, base: Floats | None = None, steps: int = EM_STEPS) -> Floats:
    """[g]: the prior learnt from prompts of one kind, the base prior counting as `BASE_PROMPTS` of them."""
    base = base_prior() if base is None else base
    seen = passes + fails > 0
    if not seen.any():
        return base
    # Prompts that were seen to do the same count as one row with a weight: a log has few different ones.
    rows, counts = np.unique(np.stack([passes[seen], fails[seen]], axis=1), axis=0, return_counts=True)
    likelihood = np.exp(log_likelihood(rows[:, 0], rows[:, 1]))
    prior = base
    for _ in range(steps):
        joint = likelihood * prior
        joint *= (counts / joint.sum(axis=1))[:, None]
        prior = (joint.sum(axis=0) + BASE_PROMPTS * base) / (counts.sum() + BASE_PROMPTS)
    return np.asarray(prior)


def draws(posteriors: Floats, points: Floats) -> Floats:
    """[m, n]: pass rates drawn from posteriors [n, g] at uniform points [m, n]."""
    cumulative = np.cumsum(posteriors, axis=1)
    columns = [
        GRID[np.minimum(np.searchsorted(cumulative[i], points[:, i]), len(GRID) - 1)]
        for i in range(len(posteriors))
    ]
    return np.stack(columns, axis=1) if columns else np.zeros((len(points), 0))


def means(posteriors: Floats) -> Floats:
    """[n]: posterior mean pass rates."""
    return np.asarray(posteriors @ GRID)


def uniform_points(m: int, n: int) -> Floats:
    """[m, n]: well-spread points in (0, 1)ⁿ, always the same (an additive recurrence on the roots of the
    generalised golden ratio; Roberts 2018)."""
    root = 2.0
    for _ in range(40):
        root = (1.0 + root) ** (1.0 / (n + 1))
    steps = root ** -np.arange(1.0, n + 1)
    return np.asarray((0.5 + np.outer(np.arange(1, m + 1), steps)) % 1.0)


def verdict_odds(codes: NDArray[np.int64], n_codes: int) -> Floats:
    """[n_codes]: the share of draws that come to each verdict."""
    return np.bincount(codes, minlength=n_codes) / len(codes)


def informative(codes: NDArray[np.int64], n_codes: int, rates: Floats) -> Floats:
    """[n]: how much one more run of each prompt should tell about the verdict: the expected sum of squared
    verdict probabilities after it. `rates` [m, n] are the draws that came to the verdicts `codes` [m]."""
    one_hot = np.zeros((len(codes), n_codes))
    one_hot[np.arange(len(codes)), codes] = 1.0
    told = np.zeros(rates.shape[1])
    for outcome in (rates, 1.0 - rates):
        joint = outcome.T @ one_hot / len(codes)
        told += (joint**2).sum(axis=1) / np.maximum(joint.sum(axis=1), 1e-300)
    return told


def most_informative(told: Floats, allowed: Sequence[int]) -> int:
    """The allowed prompt that tells most, the first of equals."""
    return max(allowed, key=lambda i: (round(float(told[i]), 9), -i))
