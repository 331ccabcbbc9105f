"""The blame of many games as columns: what a report adds up, without a value for each failure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from diagnose.attribute import shapley
from diagnose.attribute.remedy import RepairSets, minimal_repairs_all
from diagnose.attribute.shapley import Division, Floats, Stack, clean
from diagnose.core.blame import Blame
from diagnose.core.game import Game
from diagnose.core.stage import ROLES, Role

Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]
UNDECIDED = -1
Build = Callable[[Game, Division, RepairSets], Blame]
"""Makes the blame of a game from its division and minimal repair sets."""


class Divided(Sequence[Blame]):
    """Blames that are made from arrays when they are asked for; each time anew.

    `codes` [n] are verdicts: positions in `ROLES`, `UNDECIDED` where no repair wins anything back. `residuals` [n].
    """

    def __init__(self, games: Sequence[Game], pass_mark: float, tie: float, build: Build) -> None:
        self.games = tuple(games)
        self.stacks = shapley.stack(self.games)
        self.codes: Ints = np.full(len(self.games), UNDECIDED, dtype=np.intp)
        self.residuals: Floats = np.zeros(len(self.games))
        self._pass_mark = pass_mark
        self._build = build
        self._shares = [shapley.shares(group.worth) for group in self.stacks]
        for group, shares in zip(self.stacks, self._shares, strict=True):
            self.codes[group.index] = _codes(group, shares, tie)
            self.residuals[group.index] = clean(1.0 - group.worth[:, -1])

    @property
    def ids(self) -> list[str]:
        """The traces, in order."""
        return [game.trace_id for game in self.games]

    @property
    def verdicts(self) -> list[str]:
        """The verdict of each failure."""
        names = (*ROLES, "undecided")
        return [names[code] for code in self.codes.tolist()]

    def share_rows(self, roles: tuple[Role, ...]) -> Floats:
        """[n, roles]: the shares of each conviction; zeros for others and for stages that a game has not."""
        rows = np.zeros((len(self.games), len(roles)))
        for group, shares in zip(self.stacks, self._shares, strict=True):
            columns = [roles.index(role) for role in group.roles]
            rows[group.index[:, None], columns] = shares
        rows[self.codes == UNDECIDED] = 0.0
        return rows

    def __len__(self) -> int:
        return len(self.games)

    @overload
    def __getitem__(self, at: int) -> Blame: ...
    @overload
    def __getitem__(self, at: slice) -> list[Blame]: ...
    def __getitem__(self, at: int | slice) -> Blame | list[Blame]:
        if isinstance(at, slice):
            return self._made(self.games[at])
        return self._made([self.games[at]])[0]

    def __iter__(self) -> Iterator[Blame]:
        for start in range(0, len(self.games), AT_ONCE):
            yield from self._made(self.games[start : start + AT_ONCE])

    def _made(self, games: Sequence[Game]) -> list[Blame]:
        parts, repairs = shapley.divide_all(games), minimal_repairs_all(games, self._pass_mark)
        return [self._build(*one) for one in zip(games, parts, repairs, strict=True)]


AT_ONCE = 2_048
"""Games whose blames are made together."""


def _codes(group: Stack, shares: Floats, tie: float) -> Ints:
    """The verdicts of games without a funnel, by the rule of `verdict.convicted`."""
    if not group.roles:
        return np.full(len(group.index), UNDECIDED, dtype=np.intp)
    tied: Bools = shares.max(axis=1, keepdims=True) - shares <= tie
    others = tied.copy()
    if "model" in group.roles:
        others[:, group.roles.index("model")] = False
    first = np.where(others.any(axis=1), others.argmax(axis=1), tied.argmax(axis=1))
    numbers = np.array([ROLES.index(role) for role in group.roles], dtype=np.intp)
    codes: Ints = numbers[first]
    codes[clean(group.worth[:, -1] - group.worth[:, 0]) <= tie] = UNDECIDED
    return codes


@dataclass(frozen=True)
class Columns:
    """Blames as columns: `convicted` and `guilty` [n] (whose shares count), `shares` [n, roles]; `modes` None where
    none has one."""

    ids: Sequence[str]
    verdicts: Sequence[str]
    modes: Sequence[str | None] | None
    convicted: Bools
    guilty: Bools
    shares: Floats
