"""What would mend a game: minimal repair sets for one trace, fix order and best pair for many.

Repairs can hurt (worth need not rise with the coalition), so a set is minimal where it reaches the pass mark
and no proper subset does, whatever its supersets do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from diagnose.attribute.shapley import Floats, Stack, stack, stages_of
from diagnose.core.coalition import members
from diagnose.core.game import Game
from diagnose.core.stage import Role

RepairSets = tuple[tuple[Role, ...], ...]
Pair = tuple[Role, Role]

SAME_WORTH = 1e-9
"""Worths closer than this are equal: a graded repair of 0.1 + (1 − 0.6) reaches the mark 0.5."""


@dataclass(frozen=True, slots=True)
class Fix:
    """Repairing `roles` adds `gain` to the worth, given what was repaired before."""

    roles: tuple[Role, ...]
    gain: float


def minimal_repairs(game: Game, pass_mark: float) -> RepairSets:
    """All repair sets of one game that reach `pass_mark` while no proper subset does; smaller ones first,
    then in pipeline order. `((),)` where nothing needs repair, `()` where nothing helps."""
    return minimal_repairs_all([game], pass_mark)[0]


def minimal_repairs_all(games: Sequence[Game], pass_mark: float) -> list[RepairSets]:
    """`minimal_repairs` of many games, in their order."""
    found: list[RepairSets] = [()] * len(games)
    for group in stack(games):
        minimal = minimal_masks(group.worth, pass_mark)
        spelt: dict[bytes, RepairSets] = {}  # right and wrong answers make few patterns
        for position, row in zip(group.index.tolist(), minimal, strict=True):
            pattern = row.tobytes()
            if pattern not in spelt:
                spelt[pattern] = _spelt(group.roles, row)
            found[position] = spelt[pattern]
    return found


def minimal_masks(worth: Floats, pass_mark: float) -> NDArray[np.bool_]:
    """[g, 2ⁿ]: which coalitions of games `worth` [g, 2ⁿ] are minimal repair sets."""
    reaches = worth >= pass_mark - SAME_WORTH
    smaller_that_reach = reaches.astype(np.float32) @ _proper_subsets(stages_of(worth))
    minimal: NDArray[np.bool_] = reaches & (smaller_that_reach == 0.0)
    return minimal


def substitutes(repairs: RepairSets) -> tuple[Pair, ...]:
    """Pairs of stages either of which is enough alone."""
    singles = [repair[0] for repair in repairs if len(repair) == 1]
    return tuple(combinations(singles, 2))


def complements(repairs: RepairSets) -> tuple[Pair, ...]:
    """Pairs of stages that are enough together and not alone."""
    return tuple((repair[0], repair[1]) for repair in repairs if len(repair) == 2)


def total_worth(games: Sequence[Game], roles: tuple[Role, ...], weights: Floats | None = None) -> Floats:
    """The games added up to one game over `roles`, [2ⁿ]; `weights` [g] count each game as so many traces.

    `roles` must hold every role of every game; repairing a stage that a trace has not changes nothing there.
    """
    return total_of(stack(games), roles, weights)


def total_of(stacks: Sequence[Stack], roles: tuple[Role, ...], weights: Floats | None = None) -> Floats:
    """`total_worth` of games that are stacked already."""
    total = np.zeros(1 << len(roles))
    for group in stacks:
        weight = np.ones(len(group.index)) if weights is None else weights[group.index]
        total += (weight @ group.worth)[projection(group, roles)]
    return total


def projection(group: Stack, roles: tuple[Role, ...]) -> NDArray[np.intp]:
    """[2ⁿ]: for each coalition of `roles`, the column of `group.worth` with the stages that it has of it."""
    masks = np.arange(1 << len(roles))
    columns = np.zeros_like(masks)
    for bit, role in enumerate(group.roles):
        columns |= (masks >> roles.index(role) & 1) << bit
    return columns


def fix_order(total: Floats, roles: tuple[Role, ...]) -> tuple[Fix, ...]:
    """The greedy fix order of the game `total` [2ⁿ] over `roles`.

    Each step repairs the stage that adds most given those already repaired, the earlier stage on a tie; it
    stops when nothing more is gained. Stages that help only together may hence be missing: see `best_pair`.
    """
    steps: list[Fix] = []
    mask = 0
    while mask + 1 < len(total):
        left = [s for s in range(len(roles)) if not mask >> s & 1]
        best = _largest([(total[mask | 1 << s] - total[mask]) for s in left])
        if best is None:
            break
        gain = float(total[mask | 1 << left[best]] - total[mask])
        steps.append(Fix((roles[left[best]],), gain))
        mask |= 1 << left[best]
    return tuple(steps)


def best_pair(total: Floats, roles: tuple[Role, ...]) -> Fix | None:
    """The two stages that gain most together, the earlier ones on a tie; None where no pair gains."""
    pairs = list(combinations(range(len(roles)), 2))
    gains = [float(total[1 << s | 1 << t] - total[0]) for s, t in pairs]
    best = _largest(gains)
    if best is None:
        return None
    s, t = pairs[best]
    return Fix((roles[s], roles[t]), gains[best])


def _largest(gains: Sequence[float]) -> int | None:
    """Position of the first of the largest gains, or None where none is above zero."""
    top = max(gains, default=0.0)
    if top <= SAME_WORTH:
        return None
    return next(i for i, gain in enumerate(gains) if gain >= top - SAME_WORTH)


def _spelt(roles: tuple[Role, ...], pattern: NDArray[np.bool_]) -> RepairSets:
    order = _canonical(len(roles))
    return tuple(members(roles, mask) for mask in order if pattern[mask])


@lru_cache(maxsize=16)
def _proper_subsets(n: int) -> NDArray[np.float32]:
    """[2ⁿ, 2ⁿ]: 1 where the row's coalition is a proper subset of the column's."""
    masks = np.arange(1 << n)
    within = ((masks[:, None] & masks) == masks[:, None]).astype(np.float32)
    proper: NDArray[np.float32] = within - np.eye(1 << n, dtype=np.float32)
    return proper


@lru_cache(maxsize=16)
def _canonical(n: int) -> tuple[int, ...]:
    """All masks, smaller coalitions first, then in pipeline order of their members."""
    return tuple(sorted(range(1 << n), key=lambda m: (m.bit_count(), [s for s in range(n) if m >> s & 1])))
