"""What repairs would win over a whole log, net of what they break.

Gains are taken from every failing trace that was replayed and has no finding, undecided ones too: to leave
those out would select on the outcome and overstate the gain. Passing traces that were replayed stand
for all of them, so a repair that breaks right answers is charged for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from diagnose.attribute import remedy
from diagnose.attribute.divided import Divided
from diagnose.attribute.shapley import Floats, Stack, stack, sufficiency
from diagnose.core.blame import FINDINGS, Blame
from diagnose.core.game import Game
from diagnose.core.report import FixStep, PairGain, PassingCheck
from diagnose.core.stage import Role

if TYPE_CHECKING:
    from diagnose.attribute.sampling import Sampling


@dataclass(frozen=True, slots=True)
class Swayed:
    """Where pass rates are pooled over a log: what each trace adds to each stage's loss, and to what repairing it alone
    wins back, by what it tells of the other traces' rates. `failing` [2k] by trace id, k the number of `roles`; `right`
    [m, 2k] of right answers."""

    roles: tuple[Role, ...]
    failing: Mapping[str, Floats]
    right: Floats


@dataclass(frozen=True, slots=True)
class Log:
    """What gains are measured against: all `n_traces` of the log and their mean `score` (0 to 1, None
    where nothing was scored).

    `clusters` names the cluster of a trace (conversation, tenant) by its id; a trace without one is its own.
    `sampling` says which failures were replayed, where not all were. `passing` is the sample of right answers that
    was replayed under each repair, if any; passing traces that have a whole game are given with the games instead.
    """

    n_traces: int
    score: float | None
    clusters: Mapping[str, str] | None = None
    passing: PassingCheck | None = None
    swayed: Swayed | None = None
    sampling: Sampling | None = None


@dataclass(frozen=True)
class Played:
    """The games that gains are taken from.

    `rows` is the position of each failing game's blame; `passing_weight` is how many passing traces
    each of those replayed stands for, `failing_weight` how many failures each failing game does.
    """

    failing: tuple[Game, ...]
    rows: tuple[int, ...]
    passing: tuple[Game, ...]
    checked: PassingCheck | None
    passing_weight: float
    failing_weight: float = 1.0

    @cached_property
    def stacks(self) -> list[Stack]:
        """The failing games, those with the same roles together."""
        return stack(self.failing)

    def alone(self, roles: tuple[Role, ...]) -> Floats:
        """[failing, roles]: what repairing each stage alone wins back."""
        return _alone(self.stacks, len(self.failing), roles)

    def total_worth(self, roles: tuple[Role, ...]) -> Floats:
        """[2ⁿ]: the worth, in traces, of each coalition over the log, up to a constant."""
        total = remedy.total_of(self.stacks, roles) * self.failing_weight
        total += remedy.total_worth(self.passing, roles) * self.passing_weight
        if self.checked:
            masks = np.arange(len(total))
            # Only single repairs were tried on right answers; several break at most what each breaks.
            broken = sum((masks >> s & 1) * self.checked.broken.get(r, 0) for s, r in enumerate(roles))
            total -= np.minimum(broken, self.checked.n) * self.passing_weight
        return total

    def passing_rows(self, roles: tuple[Role, ...]) -> Floats:
        """[m, roles]: what repairing each stage alone changes in each of the passing traces replayed."""
        if self.checked is None:
            return alone_rows(self.passing, roles)
        broken = np.array([self.checked.broken.get(role, 0) for role in roles])
        changed: Floats = np.where(np.arange(self.checked.n)[:, None] < broken, -1.0, 0.0)
        return changed


def played(games: Sequence[Game], blames: Sequence[Blame], log: Log) -> Played:
    """Sorts games into those of failing traces and, where a trace has no blame, of passing ones."""
    if isinstance(blames, Divided):
        position, verdicts = {name: i for i, name in enumerate(blames.ids)}, blames.verdicts
    else:
        position = {blame.trace_id: i for i, blame in enumerate(blames)}
        verdicts = [blame.verdict for blame in blames]
    passing = tuple(game for game in games if game.trace_id not in position)
    failing = tuple(
        game
        for game in games
        if (i := position.get(game.trace_id)) is not None and verdicts[i] not in FINDINGS
    )
    checked = log.passing if log.passing and log.passing.n and not passing else None
    n_replayed = checked.n if checked else len(passing)
    weight = (log.n_traces - len(blames)) / n_replayed if n_replayed else 0.0
    each = log.sampling.weight if log.sampling is not None else 1.0
    return Played(failing, tuple(position[game.trace_id] for game in failing), passing, checked, weight, each)


def alone_rows(games: Sequence[Game], roles: tuple[Role, ...]) -> Floats:
    """[games, roles]: what repairing each stage alone wins back, zero for a stage the game has not."""
    return _alone(stack(games), len(games), roles)


def _alone(stacks: Sequence[Stack], n: int, roles: tuple[Role, ...]) -> Floats:
    rows = np.zeros((n, len(roles)))
    for group in stacks:
        columns = [roles.index(role) for role in group.roles]
        rows[group.index[:, None], columns] = sufficiency(group.worth)
    return rows


def fix_steps(total: Floats, roles: tuple[Role, ...], log: Log) -> tuple[FixStep, ...]:
    """The greedy fix order of `total` [2ⁿ] worths in traces, as gains in mean score over the log."""
    if log.score is None:
        return ()
    steps: list[FixStep] = []
    won = 0.0
    for fix in remedy.fix_order(total, roles):
        won += fix.gain
        score = min(1.0, log.score + won / log.n_traces)
        steps.append(FixStep(fix.roles[0], round(fix.gain / log.n_traces, 9), round(score, 9)))
    return tuple(steps)


def pair_gain(total: Floats, roles: tuple[Role, ...], log: Log) -> PairGain | None:
    """The pair of stages that gains most together over the log; None where no pair gains or nothing was
    scored."""
    pair = remedy.best_pair(total, roles)
    if pair is None or log.score is None:
        return None
    gain = pair.gain / log.n_traces
    return PairGain((pair.roles[0], pair.roles[1]), round(gain, 9), round(min(1.0, log.score + gain), 9))


def pair_note(total: Floats, roles: tuple[Role, ...], log: Log) -> str | None:
    """A sentence where two stages repaired together gain more than the first two steps of the fix order:
    the greedy order cannot see repairs that work only together."""
    greedy = sum(fix.gain for fix in remedy.fix_order(total, roles)[:2])
    pair = remedy.best_pair(total, roles)
    if pair is None or pair.gain <= greedy + remedy.SAME_WORTH:
        return None
    return (
        f"Repaired together, the {pair.roles[0]} and the {pair.roles[1]} gain {pair.gain / log.n_traces:.3f} "
        f"in mean score; the first two steps of the fix order gain {greedy / log.n_traces:.3f}."
    )
