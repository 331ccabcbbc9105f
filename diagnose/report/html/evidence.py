"""Where the evidence of a trace went in and did not come out, with the text that holds it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from diagnose.core.artifact import Answer, Context, Decision, Output, Passages, Route, Text
from diagnose.core.blame import Blame
from diagnose.core.stage import ROLES
from diagnose.core.trace import Gold
from diagnose.report.evidence_marks import Piece, evidence_spans, excerpt
from diagnose.report.foreign import flat
from diagnose.report.laid_open import Placed, StageView

IDS = 40


class Story(NamedTuple):
    """The evidence before and after the stage that lost it: a sentence and the text for each.

    `lost` is False where it reached the model: then there is nothing after.
    """

    lost: bool
    before: str
    text: tuple[Piece, ...]
    after: str
    left: tuple[Piece, ...]


def story_of(views: Sequence[StageView], gold: Gold | None, around: int) -> Story | None:
    """The story of a trace's evidence; None where nothing is known of it."""
    lost = next((i for i, view in enumerate(views) if view.lost and view.role != "model"), None)
    if lost is not None:
        before, text = _went_in(views, lost, gold, around)
        return Story(True, before, text, *_came_out(views[lost], gold, around))
    held = [view for view in views if view.evidence and view.role not in ("model", "verifier")]
    if not held:
        return None
    last = held[-1]
    where = (
        "The evidence was in the context that the model read."
        if _is_context(last)
        else (f"The evidence was in what the {last.role} gave.")
    )
    return Story(False, where, _held_text(last, gold, around), "", ())


def acquitted_of(views: Sequence[StageView], blame: Blame) -> str:
    """Why a stage that lost the evidence is not the one that is convicted; "" where it is."""
    lost = next((view.role for view in views if view.lost and view.role != "model"), None)
    if lost is None or blame.verdict not in ROLES or lost == blame.verdict:
        return ""
    if not any(repair == (blame.verdict,) for repair in blame.minimal_repairs):
        return (
            f"Lost there, and yet the {blame.verdict} is convicted: the verdict rests on the replays below."
        )
    return (
        f"Lost there, and yet the {lost} is acquitted: with the {blame.verdict} repaired, and nothing else, the "
        "answer is right."
    )


def _is_context(view: StageView) -> bool:
    return isinstance(view.output, Context)


def _went_in(
    views: Sequence[StageView], lost: int, gold: Gold | None, around: int
) -> tuple[str, tuple[Piece, ...]]:
    role = views[lost].role
    earlier = next((v for v in reversed(views[:lost]) if v.given), None)
    bearing = [p for p in earlier.given if p.mark] if earlier else []
    if earlier is None or not bearing:
        return f"The {role} did not find the evidence.", _label_text(gold, around)
    first = bearing[0]
    where = f"rank {first.rank} of {len(earlier.given)}, in {flat(first.passage.id, IDS)}"
    return f"It went into the {role} at {where}:", marked(first.passage.text, gold, around)


def _came_out(view: StageView, gold: Gold | None, around: int) -> tuple[str, tuple[Piece, ...]]:
    match view.output:
        case Context():
            cut = next((p for p in view.given if p.mark), None)
            if cut is not None:
                name = flat(cut.passage.id, IDS)
                said = f"{name} is in its context and its evidence is not; the context ends:"
                return said, (Piece("… " + flat(view.output.text[-max(2 * around, 60) :], 400), False),)
            return "It is not in the context.", ()
        case Passages():
            harmed = next((p for p in view.given if p.mark), None)
            if harmed is not None:
                said = f"{flat(harmed.passage.id, IDS)} came out without it:"
                return said, marked(harmed.passage.text, gold, around)
            return f"It is in none of the {len(view.given)} passages that the {view.role} gave.", ()
    return "It did not come out.", ()


def _label_text(gold: Gold | None, around: int) -> tuple[Piece, ...]:
    for passage in gold.passages if gold else ():
        if passage.text:
            return marked(passage.text, gold, around)
        if passage.sentences:
            return (Piece(flat(" … ".join(passage.sentences), 8 * around), True),)
    return ()


def _held_text(view: StageView, gold: Gold | None, around: int) -> tuple[Piece, ...]:
    if isinstance(view.output, Context):
        return marked(view.output.text, gold, around)
    bearing = next((p for p in view.given if p.mark == "gold"), None)
    return marked(bearing.passage.text, gold, around) if bearing else ()


def marked(text: str, gold: Gold | None, around: int) -> tuple[Piece, ...]:
    """What surrounds the evidence in a text, or its beginning where it states none word for word.

    A text of up to eight times `around` characters comes whole.
    """
    spans = evidence_spans(text, gold)
    if not spans:
        return (Piece(flat(text, 4 * around), False),)
    return excerpt(text, spans, around)


def gave(output: Output, given: Sequence[Placed], limit: int) -> str:
    """What a stage gave, in a few words."""
    match output:
        case Passages():
            return f"{_counted(len(output.passages), 'passage')}{_gold_at(given)}"
        case Context():
            size = f"a context of {_counted(len(output.text), 'character')}"
            return f"{size} from {_counted(len(given), 'passage')}{_gold_at(given)}"
        case Answer():
            cut = " (cut off at its token limit)" if output.finish_reason == "length" else ""
            return (flat(output.text, limit) or "an empty answer") + cut
        case Decision():
            said = f", and says: {flat(output.text, limit)}" if output.text is not None else ""
            return f"{'lets the draft through' if output.accept else 'blocks the draft'}{said}"
        case Text():
            return flat(output.text, limit)
        case Route():
            return f"route {flat(output.route, 60)}"


def _gold_at(given: Sequence[Placed]) -> str:
    ranks = [str(p.rank) for p in given if p.mark == "gold"]
    if ranks:
        return f", gold at rank {', '.join(ranks[:4])}"
    marks = [p.mark for p in given if p.mark]
    return f", {marks[0]}" if marks else ""


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"
