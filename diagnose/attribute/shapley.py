"""Divides a game's loss among its stages: exact Shapley values, and what goes with them.

For n ≤ 8 stages all 2ⁿ worths are known, so nothing here is sampled. With v the worth, N all stages:

    share        φ_s  = Σ over A ⊆ N∖s    of |A|! (n−|A|−1)! / n!     · (v(A∪s) − v(A))
    interaction  I_st = Σ over A ⊆ N∖{s,t} of |A|! (n−|A|−2)! / (n−1)! · (v(A∪st) − v(A∪s) − v(A∪t) + v(A))

Sources: L. S. Shapley, "A value for n-person games", Contributions to the Theory of Games II (1953),
307-317; M. Grabisch and M. Roubens, "An axiomatic approach to the concept of interaction among players in
cooperative games", International Journal of Game Theory 28 (1999), 547-565.

Both are linear in v, so many games of the same stages are divided by one matrix product. The matrices hold
the integer numerators: a game of whole numbers is divided exactly, with one rounding in the last division.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import factorial
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from diagnose.core.artifact import Frozen
from diagnose.core.coalition import SEPARATOR, key, keys
from diagnose.core.game import Game
from diagnose.core.stage import Role
from diagnose.errors import BadInput, quoted

Floats = NDArray[np.float64]

CLEAN_DECIMALS = 12
"""Results are rounded here, so that equal stages get equal shares whatever order a machine adds in."""

WORTH_LIMIT = 1e4
"""Largest magnitude of a worth: beyond it shares no longer add up to the loss within `ADDS_UP_TO`."""


class Division(Frozen, frozen=True):
    """One game divided. Dictionaries hold every role of the game, in pipeline order.

    `shares` add up to `loss` = v(N) − v(∅); `residual` = 1 − v(N); `necessity` = v(N) − v(N∖s);
    `sufficiency` = v({s}) − v(∅); `interactions` is keyed by two roles joined by `+`: above zero the two
    repairs work only together, below zero either will do.
    """

    trace_id: str
    shares: dict[Role, float]
    loss: float
    residual: float
    necessity: dict[Role, float]
    sufficiency: dict[Role, float]
    interactions: dict[str, float]


@dataclass(frozen=True, slots=True)
class Stack:
    """Games with the same roles: `worth` [g, 2ⁿ], column m for coalition mask m; `index` [g] is each
    game's position in the sequence that was stacked."""

    roles: tuple[Role, ...]
    index: NDArray[np.intp]
    worth: Floats


def stack(games: Sequence[Game]) -> list[Stack]:
    """Groups games by their roles, in order of first appearance; nothing is lost or repeated.

    Raises `BadInput` for a worth beyond `WORTH_LIMIT`.
    """
    groups: dict[tuple[Role, ...], list[int]] = {}
    for position, game in enumerate(games):
        groups.setdefault(game.roles, []).append(position)
    return [_stack_of(roles, [games[i] for i in index], index) for roles, index in groups.items()]


def divide(game: Game) -> Division:
    """Divides one game. Raises `BadInput` for a worth beyond `WORTH_LIMIT`."""
    return divide_all([game])[0]


def divide_all(games: Sequence[Game]) -> list[Division]:
    """Divides many games, which may have different roles; results in the order of `games`."""
    divided: dict[int, Division] = {}
    for group in stack(games):
        ids = [games[i].trace_id for i in group.index]
        divided.update(zip(group.index.tolist(), _divisions(group, ids), strict=True))
    return [divided[i] for i in range(len(games))]


def shares(worth: Floats) -> Floats:
    """Shapley values [g, n] of games `worth` [g, 2ⁿ]; each row adds up to v(N) − v(∅)."""
    n = stages_of(worth)
    return clean(worth @ share_numerators(n) / factorial(n))


def interactions(worth: Floats) -> Floats:
    """Pairwise Shapley interaction indices [g, n(n−1)/2] of games `worth` [g, 2ⁿ], for the pairs of stages
    (0,1), (0,2) … (n−2,n−1)."""
    n = stages_of(worth)
    return clean(worth @ interaction_numerators(n) / factorial(max(n - 1, 0)))


def necessity(worth: Floats) -> Floats:
    """v(N) − v(N∖s), [g, n]: what is lost again if only this stage stays unrepaired."""
    everything = worth.shape[1] - 1
    without = [everything ^ (1 << s) for s in range(stages_of(worth))]
    return clean(worth[:, [everything]] - worth[:, without])


def sufficiency(worth: Floats) -> Floats:
    """v({s}) − v(∅), [g, n]: what repairing this stage alone wins back."""
    alone = [1 << s for s in range(stages_of(worth))]
    return clean(worth[:, alone] - worth[:, [0]])


def stages_of(worth: Floats) -> int:
    """n, from the width 2ⁿ of a worth matrix. Raises ValueError for any other width."""
    columns = int(worth.shape[1])
    if columns.bit_count() != 1:
        raise ValueError(f"worth: expected 2ⁿ columns, found {columns}")
    return columns.bit_length() - 1


def clean(values: Floats) -> Floats:
    """Rounded to `CLEAN_DECIMALS`, and no minus zero."""
    rounded: Floats = np.round(values, CLEAN_DECIMALS) + 0.0
    return rounded


@lru_cache(maxsize=16)
def share_numerators(n: int) -> Floats:
    """[2ⁿ, n] whole numbers; `worth @ this / n!` are the Shapley values."""
    weights = np.zeros((1 << n, n))
    for s in range(n):
        for mask in _subsets_without(n, (s,)):
            weight = factorial(mask.bit_count()) * factorial(n - mask.bit_count() - 1)
            weights[mask | 1 << s, s] = weight
            weights[mask, s] = -weight
    weights.setflags(write=False)
    return weights


@lru_cache(maxsize=16)
def interaction_numerators(n: int) -> Floats:
    """[2ⁿ, n(n−1)/2] whole numbers; `worth @ this / (n−1)!` are the pairwise interaction indices."""
    pairs = list(combinations(range(n), 2))
    weights = np.zeros((1 << n, len(pairs)))
    for column, (s, t) in enumerate(pairs):
        for mask in _subsets_without(n, (s, t)):
            weight = factorial(mask.bit_count()) * factorial(n - mask.bit_count() - 2)
            weights[[mask, mask | 1 << s | 1 << t], column] = weight
            weights[[mask | 1 << s, mask | 1 << t], column] = -weight
    weights.setflags(write=False)
    return weights


def _subsets_without(n: int, excluded: tuple[int, ...]) -> Iterable[int]:
    barred = sum(1 << s for s in excluded)
    return (mask for mask in range(1 << n) if not mask & barred)


def _stack_of(roles: tuple[Role, ...], games: list[Game], index: list[int]) -> Stack:
    pick = _in_mask_order(roles)
    worth = np.array([pick(game.worth) for game in games], dtype=np.float64).reshape(len(games), -1)
    outside = np.argwhere(np.abs(worth) > WORTH_LIMIT)
    if len(outside):
        row, column = outside[0]
        where = f"game {quoted(games[row].trace_id)} worth[{quoted(key(roles, int(column)))}]"
        raise BadInput(
            f"{where}: expected a number between 0 and 1, or at most {WORTH_LIMIT:,.0f} in size, found "
            f"{worth[row, column]:g}; give scores as fractions"
        )
    return Stack(roles, np.array(index, dtype=np.intp), worth)


@lru_cache(maxsize=256)
def _in_mask_order(roles: tuple[Role, ...]) -> Callable[[dict[str, float]], object]:
    """Picks the worths out of a game's table, position m for coalition mask m."""
    return itemgetter(*keys(roles))


def _divisions(group: Stack, ids: list[str]) -> list[Division]:
    roles, worth = group.roles, group.worth
    pairs = [SEPARATOR.join(pair) for pair in combinations(roles, 2)]
    columns = zip(
        ids,
        shares(worth).tolist(),
        clean(worth[:, -1] - worth[:, 0]).tolist(),
        clean(1.0 - worth[:, -1]).tolist(),
        necessity(worth).tolist(),
        sufficiency(worth).tolist(),
        interactions(worth).tolist(),
        strict=True,
    )
    return [
        Division(
            trace_id,
            dict(zip(roles, share, strict=True)),
            loss,
            residual,
            dict(zip(roles, needed, strict=True)),
            dict(zip(roles, enough, strict=True)),
            dict(zip(pairs, pair, strict=True)),
        )
        for trace_id, share, loss, residual, needed, enough, pair in columns
    ]
