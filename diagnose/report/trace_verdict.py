"""The verdict on one trace and the game behind it, in the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from diagnose.core.blame import Blame
from diagnose.core.coalition import SEPARATOR, members
from diagnose.core.game import Game
from diagnose.core.stage import ROLES, Role
from diagnose.report import numbers, phrases
from diagnose.report.bars import bar
from diagnose.report.drawn import Cell, Column, heading, prose, stage_bar, table
from diagnose.report.foreign import flat
from diagnose.report.laid_open import OneTrace

WHOLE_TABLE = 4
"""Stages that matter up to which every coalition is shown; of more, those that say most."""
TELLING = 1e-9
"""Differences of worth below this are rounding."""


def verdict_parts(one: OneTrace) -> Iterator[RenderableType]:
    """Who is convicted and on what evidence, or why nobody is."""
    blame = one.blame
    yield from heading(f"Verdict: {_named(blame)}")
    if blame.evidence:
        yield prose(flat(blame.evidence, 600))
    if one.mode_means:
        yield prose(f"{blame.mode}: {one.mode_means}")
    if one.mode_remedy:
        yield prose(f"What mends it: {one.mode_remedy}")
    if blame.verdict in phrases.FINDING_PHRASES:
        means, remedy = phrases.FINDING_PHRASES[blame.verdict]
        yield prose(f"No stage's fault: {means}; {remedy}.")
    if (why := blame.undecided) is not None:
        means = phrases.REASONS[why.reason].means
        yield prose(f"{why.reason}: {flat(why.detail, 600) or means}.")
        yield prose(f"What would settle it: {phrases.settles(why.reason, why.calls_needed)}.")
        if why.power is not None:
            yield prose(f"Power reached so far: {numbers.percent(why.power)}.")
    yield from _repairs(blame)


def _named(blame: Blame) -> str:
    mode = f" ({flat(blame.mode, 40)})" if blame.mode else ""
    sure = f", confidence {numbers.percent(blame.confidence)}" if blame.confidence is not None else ""
    return f"{blame.verdict}{mode}{sure}, {blame.level}"


def _repairs(blame: Blame) -> Iterator[RenderableType]:
    if blame.level != "replayed" or blame.verdict in phrases.FINDING_PHRASES:
        return
    sets = [" + ".join(repair) for repair in blame.minimal_repairs if repair]
    if sets:
        yield prose(f"Smallest repairs that turn the answer right: {'; '.join(sets[:8])}.")
    if blame.workarounds:
        helped = ", ".join(f"{role} {numbers.gain(won)}" for role, won in blame.workarounds.items())
        yield prose(f"Repairs that would have helped though their stage is not at fault: {helped}.")
    pairs = [(pair, x) for pair, x in blame.interactions.items() if abs(x) > TELLING]
    for pair, x in sorted(pairs, key=lambda item: -abs(item[1]))[:3]:
        how = "work only together" if x > 0 else "stand in for each other"
        yield prose(f"Repairs that {how}: {flat(pair.replace(SEPARATOR, ' and '), 60)} ({numbers.gain(x)}).")


def game_parts(one: OneTrace, width: int) -> Iterator[RenderableType]:
    """Shares, and the worths they come from."""
    blame = one.blame
    if any(abs(share) > TELLING for share in blame.shares.values()):
        yield from heading(f"Shares of the loss of {numbers.score(blame.loss)}")
        cells = max(8, min(24, width - 56))
        head = [Column("stage"), Column(""), *(Column(h, "right") for h in ("share", "necessity", "alone"))]
        yield table(head, [_share_row(blame, role, cells) for role in ROLES if role in blame.shares])
    if blame.residual and blame.residual > TELLING:
        yield Text()
        yield prose(f"No repair of any stage wins back {numbers.score(blame.residual)}.")
    if one.game is not None:
        yield from _coalitions(one.game, blame, width)


def _share_row(blame: Blame, role: Role, cells: int) -> list[Cell]:
    share = blame.shares[role]
    more = [
        numbers.gain(found[role]) if role in found else numbers.NOTHING
        for found in (blame.necessity, blame.sufficiency)
    ]
    return [role, stage_bar(role, bar(share, cells)), numbers.score(share), *more]


def idle(game: Game) -> tuple[Role, ...]:
    """The stages whose repair changes nothing, whatever else is repaired."""
    values = game.values()
    return tuple(
        role
        for i, role in enumerate(game.roles)
        if all(abs(values[mask] - values[mask | 1 << i]) <= TELLING for mask in range(len(values)))
    )


def _coalitions(game: Game, blame: Blame, width: int) -> Iterator[RenderableType]:
    still = idle(game)
    telling = tuple(role for role in game.roles if role not in still)
    yield from heading("Worth of coalitions of repaired stages")
    if telling:
        masks = sorted(range(1 << len(telling)), key=lambda mask: (mask.bit_count(), mask))
        coalitions = [members(telling, mask) for mask in masks]
        turning = {frozenset(repair) for repair in blame.minimal_repairs}
        told = [c for c in coalitions if _is_told(c, len(telling)) or frozenset(c) in turning]
        yield table(
            [Column("repaired", wrap=True), Column("worth", "right"), Column(""), Column("")],
            [_coalition_row(game, c, frozenset(c) in turning, width) for c in told],
        )
        if len(told) < len(coalitions):
            yield prose(f"{len(coalitions) - len(told):,} more: --json shows them all.", "dim")
    if still:
        worth = "" if telling else f": every coalition is worth {numbers.score(game.worth[''])}"
        yield prose(f"Repairing the {_either(still)} changes nothing in any coalition{worth}.")


def _is_told(coalition: tuple[Role, ...], n: int) -> bool:
    return n <= WHOLE_TABLE or len(coalition) in (0, 1, n - 1, n)


def _coalition_row(game: Game, coalition: tuple[Role, ...], turns: bool, width: int) -> list[Cell]:
    worth = game.worth[SEPARATOR.join(coalition)]
    cells = bar(worth, max(8, min(24, width - 64)))
    name = " + ".join(coalition) or "nothing"
    return [
        name,
        numbers.score(worth),
        cells,
        Text("smallest repair" if turns and coalition else "", style="bold"),
    ]


def _either(roles: tuple[Role, ...]) -> str:
    return " or the ".join(filter(None, [", the ".join(roles[:-1]), roles[-1]]))
