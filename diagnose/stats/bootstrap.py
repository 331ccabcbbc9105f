"""Cluster bootstrap: whole clusters (conversations, tenants) are drawn, because their traces fail together.

Sums are bootstrapped and not means, so that one pass serves every ratio a report needs: divide two
columns of the result for a share, divide by a column of ones for a mean over traces.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DRAWS_AT_ONCE = 1 << 21
"""Cluster draws held in memory at a time: three arrays of this many 8-byte numbers, some 50 MB."""
LEVEL = 0.95
FEWEST_CLUSTERS = 2
"""Below this a resample is the sample itself: there is no spread to see."""


def cluster_sums(values: Floats, clusters: NDArray[np.generic] | None, resamples: int, seed: int) -> Floats:
    """Column sums of `resamples` bootstrap samples.

    `values` is (n, k); `clusters` (n,) names the cluster of each row (numbers or strings), None
    makes each row its own. As many clusters as there are get drawn with replacement, each with all its
    rows. Returns (resamples, k). Same input and seed, same result, whatever the number of threads.
    ValueError for NaN, infinities or shapes that do not fit.

    Source: Davison and Hinkley (1997), Bootstrap Methods and their Application, section 3.8
    (resampling of whole clusters).

    >>> cluster_sums(np.ones((4, 1)), None, resamples=2, seed=0).tolist()
    [[4.0], [4.0]]
    """
    if resamples < 1:
        raise ValueError(f"resamples: expected at least 1, found {resamples}")
    totals = cluster_totals(values, clusters)
    n_clusters = len(totals)
    sums = np.zeros((resamples, totals.shape[1]))
    if n_clusters == 0:
        return sums
    rng = np.random.default_rng(seed)
    rows = max(1, DRAWS_AT_ONCE // n_clusters)
    columns = np.ascontiguousarray(totals.T)
    for start in range(0, resamples, rows):
        stop = min(start + rows, resamples)
        counts = _drawn_counts(rng, stop - start, n_clusters)
        # einsum and not @: a threaded product may add up in another order on another machine.
        sums[start:stop] = np.einsum("rc,kc->rk", counts, columns)
    return sums


def _drawn_counts(rng: np.random.Generator, rows: int, n_clusters: int) -> Floats:
    """How often each cluster is drawn, (rows, n_clusters): multinomial, by counting uniform draws
    (ten times as fast as sampling the multinomial when there are many clusters)."""
    draws = rng.integers(0, n_clusters, size=(rows, n_clusters), dtype=np.int64)
    draws += np.arange(rows, dtype=np.int64)[:, None] * n_clusters
    counts = np.bincount(draws.ravel(), minlength=rows * n_clusters)
    return counts.reshape(rows, n_clusters).astype(np.float64)


def cluster_totals(values: Floats, clusters: NDArray[np.generic] | None) -> Floats:
    """Column sums within each cluster, (n_clusters, k), clusters in sorted order."""
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2:
        raise ValueError(f"values: expected two dimensions (rows, columns), found {values.ndim}")
    if not np.isfinite(values).all():
        raise ValueError("values: expected finite numbers, found NaN or infinity")
    if clusters is None:
        return values
    if len(clusters) != len(values):
        raise ValueError(f"clusters: expected {len(values)} of them, one a row, found {len(clusters)}")
    names, member = np.unique(clusters, return_inverse=True)
    columns = [np.bincount(member, weights=column, minlength=len(names)) for column in values.T]
    return np.stack(columns, axis=1) if columns else np.zeros((len(names), 0))


def percentile_interval(
    draws: Floats, level: float = LEVEL, n_clusters: int | None = None
) -> tuple[float, float] | None:
    """The interval between two percentiles of bootstrap `draws` (m,), or None where there is no spread to see
    (no draws, or fewer than two clusters).

    The plain percentile interval rather than BCa: shares, gains and ratios stay inside their range, a
    monotone change of scale changes nothing, and it needs no jackknife, so many columns share one
    pass. Its one weakness here is few clusters, where it is too short; given `n_clusters`
    its percentiles are moved outwards so that the interval for a mean is as wide as Student's.
    ValueError for draws that are not finite.

    Source: Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13; the widening is the
    expanded percentile interval of Hesterberg (2015), What Teachers Should Know About the Bootstrap,
    The American Statistician 69(4).
    """
    if not 0.0 < level < 1.0:
        raise ValueError(f"level: expected a number between 0 and 1, found {level}")
    if draws.size == 0 or (n_clusters is not None and n_clusters < FEWEST_CLUSTERS):
        return None
    if not np.isfinite(draws).all():
        raise ValueError("draws: expected finite numbers, found NaN or infinity")
    tail = (1.0 - level) / 2.0
    if n_clusters is not None:
        tail = expanded_tail(tail, n_clusters)
    low, high = np.quantile(draws, (tail, 1.0 - tail))
    return float(low), float(high)


def expanded_tail(tail: float, n_clusters: int) -> float:
    """The tail probability that gives a percentile interval the width of Student's:
    Phi(sqrt(n / (n - 1)) t), t the `tail` quantile with n - 1 degrees of freedom (Hesterberg 2015)."""
    from scipy.special import ndtr, stdtrit

    return float(ndtr(math.sqrt(n_clusters / (n_clusters - 1)) * stdtrit(n_clusters - 1, tail)))


def first_probabilities(draws: Floats) -> Floats:
    """The part of the resamples in which each column is the largest, (k,), for `draws` (m, k).

    Columns that tie share a resample evenly, so the probabilities add up to 1.

    >>> first_probabilities(np.array([[2.0, 1.0], [1.0, 1.0]])).tolist()
    [0.75, 0.25]
    """
    if draws.ndim != 2 or 0 in draws.shape:
        raise ValueError(f"draws: expected resamples by columns, found shape {draws.shape}")
    leading = draws == draws.max(axis=1, keepdims=True)
    return np.asarray((leading / leading.sum(axis=1, keepdims=True)).mean(axis=0))
