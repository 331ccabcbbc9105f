"""Which repair turned an answer, and what it did to the output of its stage."""

from __future__ import annotations

from typing import NamedTuple

from diagnose.core.artifact import Answer, Context, Output, Passages
from diagnose.core.replay import Case, Replay
from diagnose.core.trace import Gold
from diagnose.report import numbers
from diagnose.report.foreign import flat
from diagnose.report.html.depth import Depth
from diagnose.report.html.evidence import IDS, gave
from diagnose.report.laid_open import gold_ranks, repaired, unchanged


class Turned(NamedTuple):
    """The answer with nothing repaired beside the one with the smallest repair."""

    repair: str
    before: str
    before_score: str
    after: str
    after_score: str
    changes: tuple[str, ...]
    others: tuple[str, ...]


def turned_of(case: Case | None, depth: Depth) -> Turned | None:
    """What turned the answer of a trace, or None where no replay did."""
    before = unchanged(case) if case else None
    repairs = repaired(case) if case else ()
    if case is None or before is None or not repairs:
        return None
    after = repairs[0]
    return Turned(
        repair=_repair(after),
        before=_answer(before, depth.text),
        before_score=_score(before),
        after=_answer(after, depth.text),
        after_score=_score(after),
        changes=tuple(_changes(before, after, case.gold)) if depth.stages else (),
        others=tuple(_repair(replay) for replay in repairs[1:6]) if depth.stages else (),
    )


def _repair(replay: Replay) -> str:
    return flat(replay.coalition.replace("+", " + "), 100)


def _score(replay: Replay) -> str:
    return "" if replay.score is None else numbers.score(replay.score)


def _answer(replay: Replay, limit: int) -> str:
    if replay.answer is None:
        return f"no answer: {flat(replay.failure or 'unknown why', limit)}"
    return flat(replay.answer, limit) or "an empty answer"


def _changes(before: Replay, after: Replay, gold: Gold | None) -> list[str]:
    """What each repair did to the output of its stage."""
    own = {ran.role: ran for ran in before.ran}
    told = {True: "in the context", False: "not in the context", None: "not told"}
    found = []
    for ran in after.ran:
        if not ran.repaired:
            continue
        was = own.get(ran.role)
        match ran.output:
            case Passages():
                found.append(f"{ran.role}: gold {_moves(was.output if was else None, ran.output, gold)}")
            case Context():
                before_it = told[was.evidence if was else None]
                same = was is not None and was.evidence == ran.evidence
                now = "as before" if same else f"→ {told[ran.evidence]}"
                found.append(f"{ran.role}: evidence {before_it} {now}")
            case Answer():
                found.append(f"{ran.role}: gives the reference answer, since its context holds the evidence")
            case _:
                found.append(f"{ran.role}: {gave(ran.output, (), 200)}")
    return found


def _moves(was: Output | None, now: Output, gold: Gold | None) -> str:
    old = gold_ranks(was, gold) if was else {}
    moves = [
        f"{flat(name, IDS)} rank {old.get(name, 'none')} → {rank}"
        for name, rank in gold_ranks(now, gold).items()
    ]
    return ", ".join(moves[:5]) or "not told"
