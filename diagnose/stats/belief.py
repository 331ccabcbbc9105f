"""What is believed of pass rates after a few runs each, pooled over many prompts.

A prompt's pass rate θ lies on a grid; its prior is learnt from all prompts of the log (`pooled`; empirical Bayes,
Robbins 1956).
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
HARDLY_EVER = 0.06
"""Pass rates up to here are those of prompts that something has spoilt."""


def log_likelihood(passes: Floats, fails: Floats) -> Floats:
    """[n, g]: log-likelihood of each rate on the grid for n prompts that passed and failed so often
    (fractional scores count as part of a pass)."""
    return np.asarray(np.multiply.outer(passes, np.log(GRID)) + np.multiply.outer(fails, np.log1p(-GRID)))


def posterior(prior: Floats, passes: Floats, fails: Floats) -> Floats:
    """[n, g]: the posterior of n prompts under priors [g] or [n, g]."""
    log = log_likelihood(passes, fails) + np.log(prior)
    weights = np.exp(log - log.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


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
