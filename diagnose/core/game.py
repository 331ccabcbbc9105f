"""The table of a trace's worths under every coalition (`diagnose.game/1`)."""

from __future__ import annotations

import math

from diagnose.core.artifact import Frozen
from diagnose.core.coalition import keys
from diagnose.core.stage import ROLES, Role, in_order

GAME_SCHEMA = "diagnose.game/1"
MAX_ROLES = 8


class Runs(Frozen, frozen=True):
    """Work one trace's replays took: different model calls, other stage calls, calls that the memo
    answered. Counted per trace, so the figures do not depend on what an earlier run left behind."""

    model: int = 0
    stage: int = 0
    memo_hits: int = 0


class Game(Frozen, frozen=True):
    """All 2ⁿ worths of one trace, each a number (0 to 1 for one that was replayed).

    `worth` holds every coalition exactly once; a game with a hole, a NaN or a foreign coalition
    cannot be built (ValueError says which). `bounds` has the least and the most that a coalition can be worth
    where its prompt was not run (`--verdict-only`); its `worth` is then the mean over what it may be.
    """

    trace_id: str
    roles: tuple[Role, ...]
    worth: dict[str, float]
    runs: Runs = Runs()
    bounds: dict[str, tuple[float, float]] = {}

    def __post_init__(self) -> None:
        if len(self.roles) > MAX_ROLES or len(set(self.roles)) != len(self.roles):
            raise ValueError(f"roles: expected up to {MAX_ROLES} different roles, found {self.roles}")
        if self.roles != in_order(self.roles):
            raise ValueError(f"roles: expected pipeline order ({', '.join(ROLES)}), found {self.roles}")
        expected = set(keys(self.roles))
        if missing := sorted(expected - self.worth.keys()):
            raise ValueError(
                f"worth: coalition {missing[0]!r} is missing ({len(missing)} of {len(expected)} are)"
            )
        if foreign := sorted(self.worth.keys() - expected):
            raise ValueError(
                f"worth: {foreign[0]!r} is no coalition of {self.roles}; "
                "join role names by '+' in pipeline order"
            )
        for coalition, value in self.worth.items():
            if not math.isfinite(value):
                raise ValueError(f"worth[{coalition!r}]: expected a finite number, found {value}")

    def values(self) -> tuple[float, ...]:
        """The worths as a vector of length 2ⁿ, position m for coalition mask m."""
        return tuple(self.worth[name] for name in keys(self.roles))
