"""What the right answers of a log tell of its prompts, without a model run."""

from __future__ import annotations

from collections.abc import Sequence

from diagnose.ablate.spread import Logged
from diagnose.flow.apart import unsound
from diagnose.flow.found import Scored
from diagnose.replay.run import Broken, Runner
from diagnose.score.evidence import evidence_of
from diagnose.score.label import Library
from diagnose.score.table import Scorer

LOOKED_AT = 200
"""Right answers of the log whose stages before the model are replayed to see whether anything is unsound; the others
are taken to be like them."""


def right_answers(everything: Sequence[Scored], runner: Runner, scorer: Scorer) -> Logged:
    """How many right answers of the log were given to contexts that lack the evidence, to ones that hold it, and to
    ones in which nothing before the model is to be repaired. No model is run for it."""
    held = [item for item in everything if (found := _held(item, scorer)) is not None and found]
    lacking = sum(_held(item, scorer) is False for item in everything)
    looked = held[:: max(1, len(held) // LOOKED_AT)]
    library = Library(runner.pipeline.corpus)
    sound = sum(_sound(item, runner, library, scorer) for item in looked)
    fair = round(len(held) * sound / len(looked)) if looked else 0
    return Logged({"unsupported": lacking, "unrepaired": len(held) - fair, "fair": fair})


def _held(item: Scored, scorer: Scorer) -> bool | None:
    """Whether a right answer's context held the evidence; None of other answers, and where it is not known."""
    context, gold = item.trace.output("packer"), item.trace.gold
    if item.score is None or not scorer.passes(item.score) or gold is None or context is None:
        return None
    evidence = evidence_of(gold)
    if not evidence:
        return None
    return evidence.enough(
        evidence.held_in_text(getattr(context, "text", ""), getattr(context, "passages", ()))
    )


def _sound(item: Scored, runner: Runner, library: Library, scorer: Scorer) -> bool:
    """Whether no stage before the model breaks its contract on a trace. Routers and rewriters are judged by what the
    model makes of their work, which is not worth its price here: with one, a trace counts as not known to be sound."""
    if {"router", "rewriter"} & set(runner.pipeline.roles):
        return False
    try:
        return not unsound(runner, item.trace, library, scorer)
    except Broken:
        return False
