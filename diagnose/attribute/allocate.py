"""Which budget to give to which queries, from what every budget gave on every query.

Everywhere `score` and `cost` are (queries, cells), column 0 the pipeline as it is; cost is tokens.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
SAME = 1e-9


def frontier_of(score: Floats, cost: Floats) -> Bools:
    """Which cells (k,) no other beats: a higher mean score for no more, or as high for less; of equals the first.

    >>> frontier_of(np.array([0.5, 0.5, 0.9]), np.array([10.0, 20.0, 30.0])).tolist()
    [True, False, True]
    """
    worse = (score[None, :] >= score[:, None] - SAME) & (cost[None, :] <= cost[:, None] + SAME)
    strictly = (score[None, :] > score[:, None] + SAME) | (cost[None, :] < cost[:, None] - SAME)
    earlier = np.arange(len(score))[None, :] < np.arange(len(score))[:, None]
    return np.asarray(~(worse & (strictly | earlier)).any(axis=1))


def smallest_keeping(score: Floats, cost: Floats, tolerance: float) -> int:
    """The cheapest cell whose mean score over these queries is at most `tolerance` (0 to 1) below that of the
    pipeline as it is; of equally cheap ones the better, then the earlier."""
    mean, price = score.mean(axis=0), cost.mean(axis=0)
    keeps = mean >= mean[0] - tolerance - SAME
    order = np.lexsort((np.arange(len(mean)), -np.round(mean, 9), np.round(price, 6)))
    return int(next(cell for cell in order if keeps[cell]))


def cheapest_passing(score: Floats, cost: Floats, pass_mark: float) -> Ints:
    """For each query the cheapest cell that passes it (n,); the cheapest of all where none does."""
    passes = score >= pass_mark - SAME
    priced = np.where(passes | ~passes.any(axis=1, keepdims=True), cost, np.inf)
    return np.asarray(np.argmin(priced, axis=1))


def needs_of(score: Floats, cost: Floats, pass_mark: float) -> tuple[Bools, Bools, float]:
    """Which queries need more than a small budget: (n,) whether any cell passes it, (n,) whether the cheapest that
    does is dearer than the split, and the split, in mean tokens of a cell.

    The split is between two cells' mean costs, where it divides the queries most evenly.
    """
    answered = np.asarray((score >= pass_mark - SAME).any(axis=1))
    # By mean cost, not the query's own: a budget is a setting, whatever one query makes of it.
    price = cost.mean(axis=0)
    need = price[cheapest_passing(score, np.broadcast_to(price, score.shape), pass_mark)]
    levels = np.unique(need[answered])
    if len(levels) < 2:
        return answered, np.zeros(len(score), dtype=bool), float(levels[0]) if len(levels) else 0.0
    above = np.array([(need[answered] > level).mean() for level in levels[:-1]])
    split = float(levels[int(np.argmin(np.abs(above - 0.5)))])
    return answered, np.asarray(need > split), split


def waste_of(score: Floats, cost: Floats, pass_mark: float) -> list[tuple[int, int]]:
    """(query, cell) of right answers that a cheaper cell gives too, those that save most first."""
    best = cheapest_passing(score, cost, pass_mark)
    rows = np.arange(len(score))
    saved = cost[:, 0] - cost[rows, best]
    right = score[:, 0] >= pass_mark - SAME
    found = [int(i) for i in rows if right[i] and saved[i] > SAME]
    return [(i, int(best[i])) for i in sorted(found, key=lambda i: (-saved[i], i))]


def starvation_of(score: Floats, cost: Floats, pass_mark: float) -> list[tuple[int, int]]:
    """(query, cell) of wrong answers that a dearer cell gets right, with the cheapest that does; the cheapest of them
    first."""
    found = []
    for i in range(len(score)):
        if score[i, 0] >= pass_mark - SAME:
            continue
        wins = np.flatnonzero((score[i] >= pass_mark - SAME) & (cost[i] > cost[i, 0] + SAME))
        if len(wins):
            found.append((i, int(wins[np.argmin(cost[i, wins])])))
    return sorted(found, key=lambda pair: (cost[pair[0], pair[1]] - cost[pair[0], 0], pair[0]))
