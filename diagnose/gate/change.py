"""A paired change: how large it is, between what bounds it lies, and whether chance explains it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from diagnose.core.verdict import Delta, Needed
from diagnose.stats.bootstrap import cluster_sums, cluster_totals, percentile_interval
from diagnose.stats.permutation import Alternative, mcnemar_exact, sign_flip_p

Floats = NDArray[np.float64]
Clusters = NDArray[np.str_] | None

ROUNDING = 1e-9
DECIMALS = 9
POWER = 0.8
"""Probability with which the number of traces or runs that is asked for settles the question."""
MOST_ASKED = 10_000_000
"""Traces beyond which asking for more is no help."""


@dataclass(frozen=True)
class Chance:
    """How chance is told: resamples of intervals and of permutation tests, and their seed."""

    seed: int = 0
    resamples: int = 1000
    permutations: int = 9999


def delta(before: Floats, after: Floats, p_value: float | None, clusters: Clusters, chance: Chance) -> Delta:
    """The change of the mean with its 95 % cluster-bootstrap interval."""
    low, high = interval(after - before, clusters, chance)
    return Delta(
        n=len(before),
        before=_clean(before.mean()),
        after=_clean(after.mean()),
        change=_clean((after - before).mean()),
        low=low,
        high=high,
        p_value=p_value,
    )


def interval(values: Floats, clusters: Clusters, chance: Chance) -> tuple[float | None, float | None]:
    """The 95 % cluster-bootstrap interval of a mean, or two Nones where there is no spread to see."""
    if not len(values) or np.ptp(values) <= ROUNDING:
        return None, None
    columns = np.stack([values, np.ones(len(values))], axis=1)
    drawn = cluster_sums(columns, clusters, chance.resamples, chance.seed)
    n = len(values) if clusters is None else len(np.unique(clusters))
    ends = percentile_interval(drawn[:, 0] / drawn[:, 1], n_clusters=n)
    return (None, None) if ends is None else (_clean(ends[0]), _clean(ends[1]))


def paired_p(differences: Floats, worse: Alternative, clusters: Clusters, chance: Chance) -> float:
    """One-sided p-value of paired differences, if each (each cluster's sum) were as likely as its negative.

    Where those that are not zero are all of one size, as with right and wrong answers, this is the exact
    McNemar test; else signs are flipped at random, p = (r + 1) / (m + 1).
    """
    values = differences if clusters is None else cluster_totals(differences[:, None], clusters)[:, 0]
    values = np.where(np.abs(values) <= ROUNDING, 0.0, values)
    sizes = np.abs(values[values != 0.0])
    if not len(sizes):
        return 1.0
    if np.ptp(sizes) <= ROUNDING:
        # Fewer passes in the second run is a smaller sum.
        return mcnemar_exact(int((values < 0).sum()), int((values > 0).sum()), worse)
    return sign_flip_p(values, chance.permutations, chance.seed, worse)


def largest_drop(differences: Floats, clusters: Clusters, level: float) -> float:
    """Upper bound of the drop of the mean, exceeded by the true one with probability `level` at most.

    Differences lie in [-1, 1], below zero for a drop. The bound is the drop D at which the score test would
    just not reject: n (D - d)^2 = z^2 s^2(D), d the drop seen, and s^2(D) the variance if it were D, the
    missing D - d made up by answers that turned wrong altogether: m2 + (D - d) - D^2, m2 the mean square.
    Where nothing changed it is z^2 / (n + z^2), as in the interval of Tango (1998), Statistics in Medicine
    17(8), which it follows; it is the larger of the two elsewhere.
    """
    z = NormalDist().inv_cdf(1.0 - level)
    n = _effective_n(differences, clusters)
    d, m2 = -float(differences.mean()), float((differences**2).mean())
    a, b, c = n + z * z, z * z * (2.0 * d - 1.0), z * z * (d * d - m2)
    return min(1.0, d + (-b + math.sqrt(max(0.0, b * b - 4.0 * a * c))) / (2.0 * a))


def _effective_n(differences: Floats, clusters: Clusters) -> float:
    """How many independent traces tell as much: fewer, where those of a cluster change together."""
    n = len(differences)
    if clusters is None:
        return float(n)
    totals = cluster_totals(np.stack([differences, np.ones(n)], axis=1), clusters)
    alone = float(differences.var())
    if alone <= ROUNDING:
        return float(len(totals))
    together = float(((totals[:, 0] - totals[:, 1] * differences.mean()) ** 2).sum()) / n
    return min(float(n), n * alone / together) if together > alone else float(n)


def needed(
    differences: Floats, clusters: Clusters, margin: float, level: float, runs: int, steady: bool
) -> Needed:
    """The traces in all, or the runs of each side, that tell a drop of `margin` from none with probability
    `POWER`, if traces are as noisy as these.

    n = ((z_level + z_power) / margin)^2 (variance + margin), the margin itself adding its part to the
    variance. `runs` divide the variance that chance makes, as far as it is one: none in a steady system.
    """
    normal = NormalDist()
    z = normal.inv_cdf(1.0 - level) + normal.inv_cdf(POWER)
    n = len(differences)
    spread = float(differences.var())
    traces = math.ceil((z / margin) ** 2 * (spread + margin) * n / _effective_n(differences, clusters))
    room = n * (margin / z) ** 2 - margin
    more_runs = None
    if not steady and spread > ROUNDING and room > 0.0 and traces > n:
        more_runs = max(runs + 1, math.ceil(runs * spread / room))
    return Needed(traces if n < traces <= MOST_ASKED else None, more_runs)


def _clean(value: float | np.floating) -> float:
    return round(float(value), DECIMALS) + 0.0
