"""Where to cut queries into tiers of complexity, so that a route by tiers takes the fewest tokens."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from diagnose.attribute.complexity import thresholds_of

Floats = NDArray[np.float64]

CANDIDATES = 25
"""Parts as equal as can be, between which a cut may be."""
LEAST_PART = 0.1
"""Part of the queries that a tier has at least, but for equal parts."""
LEAST_GAIN = 0.02
"""Part of the tokens that other cuts than those into equal parts have to save beside them."""
SURE = 3.0
"""Standard errors by which a smaller budget has to clear the tolerance where cuts are compared: one-sided 99.9 %,
since of some two hundred possible tiers the luckiest looks best."""
MARGIN = 1
"""Groups above a tier in which its budget has to keep the answers, too: a cut just below the first query that needs
more is below it by luck."""
SAME = 1e-9


def cuts_of(
    predicted: Floats, score: Floats, cost: Floats, tolerance: float, parts: int
) -> tuple[float, ...]:
    """The complexities (at most `parts` - 1, ascending) that cut the queries (n,) into tiers.

    `score` and `cost` are (n, cells), column 0 the pipeline as it is, `tolerance` (0 to 1) the mean score that a tier
    may lose. Equal parts, unless other cuts take less: each tier priced at its cheapest cell that surely keeps the
    answers. By dynamic programming over `CANDIDATES` places to cut.
    """
    even = thresholds_of(predicted, parts)
    places = sorted({*even, *thresholds_of(predicted, CANDIDATES)})
    if not even or not places:
        return even
    price = _prices(np.searchsorted(places, predicted, side="right"), len(places) + 1, score, cost, tolerance)
    ends = [0, *(places.index(cut) + 1 for cut in even), len(places) + 1]
    equal = sum(float(price[a, b]) for a, b in pairwise(ends))
    sizes = np.searchsorted(np.sort(predicted), [-np.inf, *places, np.inf], side="left")
    room = sizes[None, :] - sizes[:, None] >= LEAST_PART * len(predicted)
    least, chosen = _cheapest(np.where(room, price, np.inf), parts)
    if least >= equal * (1.0 - LEAST_GAIN) - SAME:
        return even
    return tuple(places[i - 1] for i in chosen)


def _prices(group: NDArray[np.int64], k: int, score: Floats, cost: Floats, tolerance: float) -> Floats:
    """(k + 1, k + 1): what the groups from i on and below j cost as one tier; infinite where that is none."""
    change = score - score[:, :1]
    summed = [_running(group, k, values) for values in (change, change**2, cost, np.ones((len(group), 1)))]
    price = np.full((k + 1, k + 1), np.inf)
    for i in range(k):
        for j in range(i + 1, k + 1):
            # Kept in the group above as well: what lies just past a cut is not told apart by unseen queries.
            total, squares, _, counted = (running[min(j + MARGIN, k)] - running[i] for running in summed)
            n = max(float(counted[0]), 1.0)
            mean = total / n
            error = np.sqrt(np.maximum(squares / n - mean**2, 0.0) / n)
            keeps = mean - SURE * error >= -tolerance - SAME
            keeps[0] = True
            price[i, j] = (summed[2][j] - summed[2][i])[keeps].min()
    return price


def _running(group: NDArray[np.int64], k: int, values: Floats) -> Floats:
    sums = np.stack([np.bincount(group, weights=column, minlength=k) for column in values.T], axis=1)
    return np.vstack([np.zeros(values.shape[1]), sums.cumsum(axis=0)])


def _cheapest(price: Floats, parts: int) -> tuple[float, tuple[int, ...]]:
    """The least sum of prices of at most `parts` tiers in a row, and where they are cut; of equals the fewest."""
    last = len(price) - 1
    best: dict[int, tuple[float, tuple[int, ...]]] = {j: (float(price[0, j]), ()) for j in range(1, last + 1)}
    found = best[last]
    for _ in range(parts - 1):
        longer: dict[int, tuple[float, tuple[int, ...]]] = {}
        for j in range(2, last + 1):
            ways = [(best[i][0] + float(price[i, j]), (*best[i][1], i)) for i in range(1, j) if i in best]
            if ways:
                longer[j] = min(ways)
        best = longer
        if last in best and best[last][0] < found[0] - SAME:
            found = best[last]
    return found
