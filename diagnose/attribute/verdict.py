"""From a game to a verdict: who is convicted, or why nobody is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from diagnose.attribute import remedy, shapley
from diagnose.attribute.divided import Divided
from diagnose.attribute.funnel import lost_at
from diagnose.core.artifact import Frozen
from diagnose.core.blame import Blame, Finding, FunnelStep, Level, Undecided, Verdict
from diagnose.core.game import Game, Runs
from diagnose.core.stage import Role

TIE = 1e-9
"""Shares closer than this are equal: rounding of the sums, nothing more."""


SAYS_WHAT: tuple[Role, ...] = ("router", "rewriter")
"""Stages that say what is to be done: no evidence goes through them, so the funnel cannot show where they fail."""


class Facts(Frozen, frozen=True):
    """What is known of a trace beside its game.

    `finding` names what comes before any blame and `evidence` says in a sentence what was seen.
    `passed_again` is True where the replay with nothing changed passes.
    """

    level: Level = "replayed"
    funnel: tuple[FunnelStep, ...] = ()
    finding: Finding | None = None
    evidence: str | None = None
    passed_again: bool = False
    modes: Mapping[str, str] = {}
    tags: Mapping[str, str] = {}
    runs: Runs = Runs()


def without_game(trace_id: str, undecided: Undecided, facts: Facts) -> Blame:
    """The blame of a trace that was not replayed: a finding, or undecided with its reason."""
    verdict: Verdict = facts.finding or "undecided"
    return Blame(
        trace_id=trace_id,
        level=facts.level,
        verdict=verdict,
        undecided=None if facts.finding else undecided,
        funnel=facts.funnel,
        evidence=facts.evidence,
        tags=dict(facts.tags),
        runs=facts.runs,
    )


def blamed(game: Game, pass_mark: float, facts: Facts) -> Blame:
    """The blame of a trace with a game: exact shares, what would repair it, and the verdict."""
    return blamed_all([game], pass_mark, [facts])[0]


def blamed_all(games: Sequence[Game], pass_mark: float, facts: Sequence[Facts]) -> list[Blame]:
    """The blame of many traces, in their order: their games are divided together."""
    parts = shapley.divide_all(games)
    repairs = remedy.minimal_repairs_all(games, pass_mark)
    return [_blamed(*one) for one in zip(games, parts, repairs, facts, strict=True)]


def divided(games: Sequence[Game], pass_mark: float) -> Divided:
    """The blame of games of which nothing else is known, as `blamed_all` gives it, each made when it is asked for."""
    return Divided(games, pass_mark, TIE, _of_game_alone)


def _of_game_alone(game: Game, parts: shapley.Division, repairs: remedy.RepairSets) -> Blame:
    return _blamed(game, parts, repairs, Facts(runs=game.runs))


def _blamed(game: Game, parts: shapley.Division, repairs: remedy.RepairSets, facts: Facts) -> Blame:
    reason = _undecided(parts.loss, facts)
    verdict: Verdict = facts.finding or ("undecided" if reason else convicted(parts.shares, facts.funnel))
    return Blame(
        trace_id=game.trace_id,
        level=facts.level,
        verdict=verdict,
        mode=facts.modes.get(verdict),
        shares=parts.shares,
        loss=parts.loss,
        residual=parts.residual,
        minimal_repairs=repairs,
        necessity=parts.necessity,
        sufficiency=parts.sufficiency,
        interactions=parts.interactions,
        undecided=None if facts.finding else reason,
        funnel=facts.funnel,
        runs=facts.runs if facts.runs != Runs() else game.runs,
        evidence=facts.evidence,
        confidence=None if reason and not facts.finding else 1.0,
        tags=dict(facts.tags),
    )


def _undecided(loss: float, facts: Facts) -> Undecided | None:
    if facts.passed_again:
        return Undecided("not-reproduced", "the replay with nothing changed gives a right answer")
    if loss <= TIE:
        return Undecided("no-loss", "no repair of any stage wins the answer back")
    return None


def convicted(shares: Mapping[Role, float], funnel: Sequence[FunnelStep]) -> Role:
    """The stage with the largest share.

    On a tie the model yields to every other stage: its tie means that the actual model answered as soon as
    that stage kept its contract. Among the rest a stage that passes no evidence on comes first (`SAYS_WHAT`):
    what a stage behind it loses, it loses with that query. Else it is the stage at which the evidence went in
    and did not come out, else the earliest.
    """
    top = max(shares.values())
    tied = [role for role, share in shares.items() if top - share <= TIE]
    others = [role for role in tied if role != "model"]
    if not others:
        return "model"
    if others[0] in SAYS_WHAT:
        return others[0]
    lost = lost_at(funnel)
    return lost if lost in others else others[0]


def doubted(blame: Blame, undecided: Undecided, confidence: float | None) -> Blame:
    """The same blame with its verdict withdrawn."""
    return msgspec.structs.replace(
        blame, verdict="undecided", mode=None, undecided=undecided, confidence=confidence
    )
