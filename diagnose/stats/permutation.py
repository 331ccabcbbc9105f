"""Tests of a difference that assume no distribution, and what goes with them.

A permutation p-value is (r + 1) / (m + 1), r the number of m permutations at least as extreme as what was
seen: never 0, because the data themselves are one of the permutations (Phipson and Smyth 2010,
Permutation P-values Should Never Be Zero, doi:10.2202/1544-6115.1585).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Alternative = Literal["two-sided", "greater", "less"]

SIGNS_AT_ONCE = 1 << 22
"""Random signs held in memory at a time (8 bytes each: some 32 MB)."""
ROUNDING = 1e-9
"""Part of the largest possible statistic by which permutations may differ and still count as tied."""


def sign_flip_p(
    differences: Floats, resamples: int, seed: int, alternative: Alternative = "two-sided"
) -> float:
    """p-value of paired `differences` (n,) under the hypothesis that each is as likely as its negative.

    `greater` tests for a mean above zero. Statistic: the sum of the differences under random signs; pairs
    that do not differ carry no information and are left out. 1.0 where no pair differs.

    Source: Fisher (1935), The Design of Experiments, section 21.
    """
    _check(differences, resamples)
    nonzero = np.asarray(differences, dtype=np.float64)
    nonzero = nonzero[nonzero != 0.0]
    if nonzero.size == 0:
        return 1.0
    rng = np.random.default_rng(seed)
    rows = max(1, SIGNS_AT_ONCE // nonzero.size)
    seen, slack, extreme = float(nonzero.sum()), ROUNDING * float(np.abs(nonzero).sum()), 0
    for start in range(0, resamples, rows):
        shape = (min(rows, resamples - start), nonzero.size)
        # Sum over the pairs that keep their sign, minus the rest.
        sums = 2.0 * (rng.integers(0, 2, size=shape, dtype=np.int8) @ nonzero) - seen
        extreme += int(_as_extreme(sums, seen, slack, alternative).sum())
    return (extreme + 1) / (resamples + 1)


def group_difference_p(
    values: Floats,
    in_group: NDArray[np.bool_],
    resamples: int,
    seed: int,
    alternative: Alternative = "two-sided",
) -> Floats:
    """p-values (k,) of the difference of column means between the rows in the group and the rest.

    `values` is (n, k), `in_group` (n,). The same permutations of group membership serve every column.
    `greater` tests for a higher mean within the group. 1.0 where the group is empty or everything.

    Source: Pitman (1937), Significance Tests Which May Be Applied to Samples from Any Populations.
    """
    _check(values, resamples)
    if values.ndim != 2 or in_group.shape != (len(values),):
        raise ValueError(
            f"expected values (n, k) and in_group (n,), found {values.shape} and {in_group.shape}"
        )
    n, size = len(values), int(in_group.sum())
    if size in (0, n):
        return np.ones(values.shape[1])
    # With the grand mean taken off, the difference of means is proportional to the sum over the group.
    centred = values - values.mean(axis=0)
    seen = centred[in_group].sum(axis=0)
    if 2 * size > n:  # draw the smaller side: the two sums are each other's negative
        size, seen, alternative = n - size, -seen, _OPPOSITE[alternative]
    slack = ROUNDING * np.abs(centred).sum(axis=0)
    rng = np.random.default_rng(seed)
    extreme = np.zeros(values.shape[1], dtype=np.int64)
    for _ in range(resamples):
        sums = centred[rng.choice(n, size, replace=False, shuffle=False)].sum(axis=0)
        extreme += _as_extreme(sums, seen, slack, alternative)
    return (extreme + 1) / (resamples + 1)


_OPPOSITE: dict[Alternative, Alternative] = {
    "two-sided": "two-sided",
    "greater": "less",
    "less": "greater",
}


def _as_extreme(
    sums: Floats, seen: float | Floats, slack: float | Floats, alternative: Alternative
) -> NDArray[np.bool_]:
    if alternative == "greater":
        return np.asarray(sums >= seen - slack)
    if alternative == "less":
        return np.asarray(sums <= seen + slack)
    return np.asarray(np.abs(sums) >= np.abs(seen) - slack)


def _check(values: Floats, resamples: int) -> None:
    if resamples < 1:
        raise ValueError(f"resamples: expected at least 1, found {resamples}")
    if not np.isfinite(values).all():
        raise ValueError("expected finite numbers, found NaN or infinity")


def mcnemar_exact(only_first: int, only_second: int, alternative: Alternative = "two-sided") -> float:
    """Exact McNemar p-value of paired pass/fail: `only_first` pairs pass only in the first run, `only_second`
    only in the second.

    Under the hypothesis either is as likely: a binomial with n = only_first + only_second and 1/2. `greater`
    tests for more passes in the second. Two-sided: twice the smaller tail, at most 1.

    Source: McNemar (1947), Psychometrika 12(2), with the exact binomial in place of chi-square.

    >>> mcnemar_exact(0, 5)
    0.0625
    """
    from scipy.special import bdtr

    if only_first < 0 or only_second < 0:
        raise ValueError(f"expected counts, found {only_first} and {only_second}")
    n = only_first + only_second
    if n == 0:
        return 1.0
    if alternative == "greater":
        return float(bdtr(only_first, n, 0.5))
    if alternative == "less":
        return float(bdtr(only_second, n, 0.5))
    return min(1.0, 2.0 * float(bdtr(min(only_first, only_second), n, 0.5)))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Holm-adjusted p-values in the given order: compare each with the error rate for the whole family.

    Adjusted p of the i-th smallest of m: the largest of (m - j + 1) p_(j) over j <= i, at most 1.

    Source: Holm (1979), A Simple Sequentially Rejective Multiple Test Procedure, Scand. J. Statist. 6(2).

    >>> holm((0.02, 0.01, 0.5))
    (0.04, 0.03, 0.5)
    """
    if not all(0.0 <= p <= 1.0 for p in p_values):
        raise ValueError(f"expected p-values between 0 and 1, found {tuple(p_values)}")
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = highest
    return tuple(adjusted)


def wilson_interval(successes: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson score interval of a proportion; (0, 1) where nothing was counted.

    Centre (p + z^2/2n) / (1 + z^2/n), half width z sqrt(p(1-p)/n + z^2/4n^2) / (1 + z^2/n).

    Source: Wilson (1927), J. Am. Stat. Assoc. 22(158); recommended for small n by Brown, Cai and
    DasGupta (2001), Statistical Science 16(2).
    """
    if not 0 <= successes <= n:
        raise ValueError(f"expected 0 to {n} successes, found {successes}")
    if not 0.0 < level < 1.0:
        raise ValueError(f"level: expected a number between 0 and 1, found {level}")
    if n == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1.0 + level) / 2.0)
    p, scale = successes / n, 1.0 + z * z / n
    centre = (p + z * z / (2 * n)) / scale
    half = z * math.sqrt(p * (1.0 - p) / n + z * z / (4.0 * n * n)) / scale
    # At the ends centre and half width agree but for rounding.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return low, high
