"""Anytime-valid inference: look after every observation, stop when you like, and the error rate still holds.

Everything here depends on the data only through their number `n` and their sum `total`, so observations may
come in any order and a run may be resumed. Observations lie in [0, 1] (scores) and have, given the
past, the mean asked about; they need not be 0 or 1: the likelihood ratio (q/p)^x ((1-q)/(1-p))^(1-x)
is convex in x, so what is a test martingale for coin flips is a test supermartingale for any
variable in [0, 1] of the same mean (Howard, Ramdas, McAuliffe and Sekhon 2021, Time-uniform, nonparametric,
nonasymptotic confidence sequences, Annals of Statistics 49(2), the sub-Bernoulli case).
"""

from __future__ import annotations

import math
from typing import Literal

Side = Literal["greater", "less"]

PRIOR = 0.5
"""Both parameters of the beta prior of the confidence sequence (Jeffreys, Krichevsky-Trofimov): its regret
against the best fixed bet is half the logarithm of n plus a constant, at every mean."""
BISECTIONS = 60
"""Halvings of [0, 1] when an end of an interval is searched for: finer than a float."""
ROUNDING = 1e-6
"""How far a sum of scores may lie outside 0 to n."""
CALLS_MOST = 1 << 30
"""Observations beyond which a question counts as undecidable."""


def log_e_value(total: float, n: int, p0: float, side: Side = "greater") -> float:
    """Natural logarithm of the e-value against the hypothesis that the mean is at most `p0` (side `greater`)
    or at least `p0` (`less`).

    The wealth of a gambler who starts with 1 and spreads it evenly over bets on every mean q beyond p0:

        E = 1/(1 - p0) * integral over q from p0 to 1 of (q/p0)^total ((1-q)/(1-p0))^(n-total)

    Under the hypothesis E ever reaches 1/alpha with probability at most alpha (Ville 1939): reject when
    `log_e_value >= log(1/alpha)`. -inf stands for no wealth left that a float can hold.

    Source: method of mixtures, Robbins (1970), Ann. Math. Statist. 41(5); as betting: Waudby-Smith and
    Ramdas (2024), Estimating means of bounded random variables by betting, JRSS B 86(1).
    """
    total = _checked(total, n)
    if not 0.0 < p0 < 1.0:
        raise ValueError(f"p0: expected a number between 0 and 1, found {p0}")
    if side == "less":
        return log_e_value(n - total, n, 1.0 - p0, "greater")
    from scipy.special import betainc

    rest = n - total
    beyond = float(betainc(rest + 1.0, total + 1.0, 1.0 - p0))
    if beyond == 0.0:
        return -math.inf
    null = total * math.log(p0) + rest * math.log1p(-p0)
    return _log_beta(total + 1.0, rest + 1.0) + math.log(beyond) - math.log1p(-p0) - null


def anytime_p(log_e: float) -> float:
    """The p-value that stays valid at any stopping time: 1/E, at most 1."""
    return min(1.0, math.exp(-max(log_e, 0.0)))


def log_mixture(total: float, n: int, mean: float) -> float:
    """Logarithm of the two-sided beta-binomial mixture martingale at one candidate `mean`.

    B(a + total, b + n - total) / (B(a, b) mean^total (1-mean)^(n-total)) with a = b = `PRIOR`; inf where
    the mean is impossible. The confidence sequence is where this stays below log(1/alpha).
    """
    total = _checked(total, n)
    rest = n - total
    if (mean <= 0.0 and total > 0) or (mean >= 1.0 and rest > 0):
        return math.inf
    null = (total * math.log(mean) if total else 0.0) + (rest * math.log1p(-mean) if rest else 0.0)
    return _log_beta(PRIOR + total, PRIOR + rest) - _log_beta(PRIOR, PRIOR) - null


def confidence_sequence(total: float, n: int, alpha: float = 0.05) -> tuple[float, float]:
    """Interval of the mean after `n` observations in [0, 1] that add up to `total`.

    The intervals for n = 1, 2, 3, … all hold the mean at once with probability at least 1 - alpha.
    (0, 1) before the first observation. For observations in [a, b] give the sum of (x - a)/(b - a) and
    scale the ends back.

    Source: beta-binomial mixture, Robbins (1970); Howard et al. (2021).
    """
    total = _checked(total, n)
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha: expected a number between 0 and 1, found {alpha}")
    if n == 0:
        return 0.0, 1.0
    limit, mean = math.log(1.0 / alpha), total / n
    low = 0.0 if log_mixture(total, n, 0.0) < limit else _crossing(total, n, limit, mean, 0.0)
    high = 1.0 if log_mixture(total, n, 1.0) < limit else _crossing(total, n, limit, mean, 1.0)
    return low, high


def _crossing(total: float, n: int, limit: float, inside: float, outside: float) -> float:
    """Where the mixture passes the limit between a mean inside and one outside, found from without: the
    interval is rounded outwards. The mixture is convex in the mean, so there is one such place."""
    for _ in range(BISECTIONS):
        middle = (inside + outside) / 2.0
        if log_mixture(total, n, middle) < limit:
            inside = middle
        else:
            outside = middle
    return outside


def calls_to_decide(mean: float, p0: float, alpha: float = 0.05) -> int | None:
    """Observations after which `log_e_value` rejects `p0` if they keep averaging `mean`, which may lie on
    either side; None where they never would (equal means) or not within `CALLS_MOST`.

    A forecast and no guarantee: where the data stray the number is another. Roughly log(1/alpha)
    divided by the Kullback-Leibler divergence of `mean` from `p0`, plus a term in log n.
    """
    if not 0.0 <= mean <= 1.0:
        raise ValueError(f"mean: expected a number from 0 to 1, found {mean}")
    if mean == p0:
        return None
    side: Side = "greater" if mean > p0 else "less"
    limit, high = math.log(1.0 / alpha), 1
    while log_e_value(mean * high, high, p0, side) < limit:
        high *= 2
        if high > CALLS_MOST:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        enough = log_e_value(mean * middle, middle, p0, side) >= limit
        low, high = (low, middle) if enough else (middle, high)
    return high


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _checked(total: float, n: int) -> float:
    """The total within 0 to n: a sum of scores may miss either by a rounding."""
    if n < 0 or not -ROUNDING <= total <= n + ROUNDING:
        raise ValueError(f"expected a total between 0 and n = {n}, found {total}")
    return min(max(total, 0.0), float(n))
