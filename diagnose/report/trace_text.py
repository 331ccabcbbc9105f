"""One trace in the terminal, stage by stage."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from diagnose.core.artifact import Answer, Context, Passages
from diagnose.core.blame import Blame
from diagnose.core.replay import Case, Replay
from diagnose.core.trace import Gold
from diagnose.report import numbers
from diagnose.report.drawn import WIDEST, Column, Prose, heading, prose, show, table
from diagnose.report.foreign import flat, listed
from diagnose.report.laid_open import OneTrace, gold_ranks, repaired, unchanged
from diagnose.report.stage_text import FIRST, TEXT_LIMIT, as_text, gave, labelled, marked_context, stage_parts
from diagnose.report.trace_verdict import game_parts, verdict_parts

TURNS = 6
"""Last turns of a conversation that are shown."""


def trace_text(one: OneTrace, console: Console) -> None:
    """Print one trace: question, verdict, every stage, the game, and what turned the answer."""
    show(console, _parts(one, min(console.width, WIDEST)))


def _parts(one: OneTrace, width: int) -> Iterator[RenderableType]:
    yield from _asked(one)
    yield from verdict_parts(one)
    if one.case is None:
        yield Text()
        yield prose("No replay of this trace was kept: there is nothing to show stage by stage.", "dim")
        yield from _funnel(one.blame)
    else:
        yield from stage_parts(one.case, one.blame, width)
    yield from game_parts(one, width)
    if one.case is not None:
        yield from _turned(one.case, width)
    yield from _again(one)


def _asked(one: OneTrace) -> Iterator[RenderableType]:
    yield prose(flat(one.blame.trace_id), "bold")
    if tags := ", ".join(f"{name} = {value}" for name, value in one.blame.tags.items()):
        yield prose(flat(tags), "dim")
    case = one.case
    if case is None:
        return
    rows = [(flat(turn.role, 20), flat(turn.content, TEXT_LIMIT)) for turn in case.query.history[-TURNS:]]
    rows.append(("question", flat(case.query.text, TEXT_LIMIT)))
    rows.append(("reference", _reference(case.gold)))
    logged = next((s.output for s in reversed(case.logged) if isinstance(s.output, Answer)), None)
    if logged is not None:
        score = "" if case.logged_score is None else f"  (score {numbers.score(case.logged_score)})"
        rows.append(("logged", flat(logged.text, TEXT_LIMIT) + score))
    yield labelled(rows)


def _reference(gold: Gold | None) -> str:
    if gold is None:
        return "no label"
    answers = " / ".join(flat(answer, 200) for answer in gold.answers[:5])
    if not gold.answerable:
        answers = answers or "to abstain: the corpus does not answer this"
    ids = [p.id or (p.text or "")[:40] for p in gold.passages]
    needed = "any one of" if gold.match == "any" and len(ids) > 1 else ""
    where = f"  in {needed} {listed(ids)}".replace("  in  ", "  in ") if ids else ""
    return (answers or numbers.NOTHING) + where


def _funnel(blame: Blame) -> Iterator[RenderableType]:
    if not blame.funnel:
        return
    yield from heading("Where the evidence was")
    told = {True: "in what it gave", False: "not in what it gave", None: "cannot be told"}
    yield table(
        [Column("stage"), Column("evidence")], [(step.role, told[step.evidence]) for step in blame.funnel]
    )


def _turned(case: Case, width: int) -> Iterator[RenderableType]:
    before, repairs = unchanged(case), repaired(case)
    if before is None or not repairs:
        return
    after = repairs[0]
    yield from heading(f"What turned the answer: {_repair_name(after)} repaired")
    grid = Table.grid(padding=(0, 3, 0, 0), expand=False)
    column = max(20, (min(width, 2 * 70) - 3) // 2)
    for _ in range(2):
        grid.add_column(overflow="fold", max_width=column)
    grid.add_row(Text(f"nothing repaired{_score(before)}", "dim"), Text(f"repaired{_score(after)}", "dim"))
    grid.add_row(Text(_answer(before)), Text(_answer(after)))
    yield grid
    yield from _changes(before, after, case.gold)
    if others := [_repair_name(replay) for replay in repairs[1:]]:
        yield prose(f"So does repairing: {'; '.join(others)}.")


def _repair_name(replay: Replay) -> str:
    return flat(replay.coalition.replace("+", " + "), 100)


def _score(replay: Replay) -> str:
    return "" if replay.score is None else f" (score {numbers.score(replay.score)})"


def _answer(replay: Replay) -> str:
    if replay.answer is None:
        return f"no answer: {flat(replay.failure or 'unknown why', TEXT_LIMIT)}"
    return flat(replay.answer, TEXT_LIMIT) or "an empty answer"


def _changes(before: Replay, after: Replay, gold: Gold | None) -> Iterator[RenderableType]:
    """What each repair did to the output of its stage."""
    outputs = {ran.role: ran for ran in before.ran}
    for ran in after.ran:
        if not ran.repaired:
            continue
        own = outputs.get(ran.role)
        match ran.output:
            case Passages():
                was, now = gold_ranks(own.output, gold) if own else {}, gold_ranks(ran.output, gold)
                moves = [
                    f"{flat(name, 40)} rank {was.get(name, 'none')} → {rank}" for name, rank in now.items()
                ]
                yield prose(f"{ran.role}: gold {', '.join(moves[:FIRST]) or 'not told'}")
            case Context():
                told = {True: "in the context", False: "not in the context", None: "not told"}
                yield prose(
                    f"{ran.role}: evidence {told[own.evidence if own else None]} → {told[ran.evidence]}"
                )
                yield labelled([("now", marked_context(ran.output, gold))], 2)
            case Answer():
                yield prose(f"{ran.role}: gives the reference answer, since its context holds the evidence")
            case _:
                yield prose(f"{ran.role}: {flat(as_text(gave(ran.output, gold)).plain, 200)}")


def _again(one: OneTrace) -> Iterator[RenderableType]:
    if one.commands:
        yield from heading("To see it again")
        for command in one.commands:
            yield Prose(Text(flat(command, 1000), no_wrap=False))
