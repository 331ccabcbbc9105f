"""What a run finds out about a log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from diagnose.attribute.gains import Swayed
from diagnose.attribute.sampling import Sampling
from diagnose.core.artifact import Frozen
from diagnose.core.blame import Blame
from diagnose.core.game import Game
from diagnose.core.replay import Case
from diagnose.core.stage import Role
from diagnose.core.trace import Trace
from diagnose.replay.fidelity import Compared

Progress = Callable[[int, int], None]
"""Called with the number of failures done and their total."""


Keep = Callable[[Blame, Game | None], None]
"""Called with each failure's blame and game as soon as they are known."""


def unkept(blame: Blame, game: Game | None) -> None:
    """Nothing is kept before the end."""


def silent(done: int, total: int) -> None:
    """No progress."""


class Scored(Frozen, frozen=True):
    """A logged trace and how its logged answer did; `score` is None (with `why`) where that is undefined."""

    trace: Trace
    answer: str | None
    score: float | None
    why: str | None = None


@dataclass(frozen=True)
class Found:
    """Everything a run found out about a log, in the order of its traces. `executed` counts the stage calls
    made now; `partial` says that somebody stopped the run before all of it was done; `swayed` is what pooled pass rates
    add to the intervals, where the replays were repeated; `sampling` which failures were replayed, where not all were.
    """

    scored: tuple[Scored, ...]
    blames: Sequence[Blame]
    games: tuple[Game, ...] = ()
    cases: tuple[Case, ...] = ()
    compared: tuple[Compared, ...] = ()
    notes: tuple[str, ...] = ()
    fragile: tuple[str, ...] = ()
    executed: dict[Role, int] = field(default_factory=dict)
    partial: bool = False
    swayed: Swayed | None = None
    sampling: Sampling | None = None
