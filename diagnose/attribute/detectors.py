"""Cheap detectors: what a log shows by itself, without labels and without a replay.

Each looks at one stage's logged input and output and names a mode of DESIGN section 5, or nothing. What
they see is suspect, not guilty: a ranker that leaves the order alone may have had nothing to change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from diagnose.attribute.modes import INVERTED, SAME_TEXT_FLOOD, abstains, correlation, repeated
from diagnose.core.artifact import Answer, Context, Output, Passage, Passages
from diagnose.core.stage import ROLES, Role
from diagnose.core.trace import Step, Trace
from diagnose.repairs.layout import blocks_of, may_stand_cut

WORDS_PER_TOKEN = 1.2
"""Words of the context for each token of the logged prompt above which the model cannot have read all of it."""

Before = tuple[Passage, ...]
Detector = Callable[[Before, Output, str], str | None]


Seen = tuple[tuple[Role, str], ...]
"""What the detectors see in a trace: (role, mode)."""


def detected(trace: Trace, abstention: str) -> Seen:
    """What the detectors see in one trace: (role, mode), in pipeline order."""
    found: list[tuple[Role, str]] = []
    before: Before = ()
    for step in trace.steps:
        for detector in DETECTORS.get(step.role, ()):
            if (mode := detector(before, step.output, abstention)) is not None:
                found.append((step.role, mode))
        before = _after(before, step)
    if _overflowed(trace):
        found.append(("packer", "over-window"))
    return tuple(sorted(found, key=lambda item: ROLES.index(item[0])) if len(found) > 1 else found)


def _overflowed(trace: Trace) -> bool:
    """Whether the model read less than was packed for it: a tokenizer makes a token or more of a word (hardly any joins
    words), so a prompt with far fewer tokens than the context has words was cut on the way."""
    context = trace.output("packer")
    tokens = next((s.usage.prompt_tokens for s in trace.steps if s.role == "model" and s.usage), None)
    return (
        isinstance(context, Context)
        and bool(tokens)
        and len(context.text.split()) > WORDS_PER_TOKEN * (tokens or 0)
    )


def counted(traces: Iterable[Trace], abstention: str) -> dict[str, int]:
    """How many traces show what, keyed `role.mode`, commonest first."""
    return in_order(Counter(f"{role}.{mode}" for t in traces for role, mode in detected(t, abstention)))


def in_order(counts: Mapping[str, int]) -> dict[str, int]:
    """Counts, commonest first, then by name."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _after(before: Before, step: Step) -> Before:
    return step.output.passages if isinstance(step.output, Passages) else before


def _empty(before: Before, output: Output, abstention: str) -> str | None:
    return "empty" if isinstance(output, Passages) and not output.passages else None


def _duplicated(before: Before, output: Output, abstention: str) -> str | None:
    passages = output.passages if isinstance(output, Passages | Context) else ()
    return "duplicated" if len(passages) > 1 and repeated(passages) >= SAME_TEXT_FLOOD else None


def _order(before: Before, output: Output, abstention: str) -> str | None:
    """A ranker that changes nothing, scores everything alike, or turns its input round."""
    if not isinstance(output, Passages) or len(before) < 2 or len(output.passages) < 2:
        return None
    ids, ranked = [p.id for p in before], [p.id for p in output.passages]
    scores = {p.score for p in output.passages}
    if ranked == ids[: len(ranked)] or (len(scores) == 1 and None not in scores):
        return "no-op"
    return "inverted" if len(ranked) > 2 and correlation(ids, ranked) <= INVERTED else None


def _truncated(before: Before, output: Output, abstention: str) -> str | None:
    """A context in which a passage of the packer's input stands cut."""
    if not isinstance(output, Context) or not before or not output.text:
        return None
    if not may_stand_cut(before, output.text):
        return None
    return "truncated" if any(not block.whole for block in blocks_of(before, output.text)) else None


def _answer(before: Before, output: Output, abstention: str) -> str | None:
    if not isinstance(output, Answer):
        return None
    if output.finish_reason == "length":
        return "cut-off"
    return "over-abstained" if abstains(output.text, abstention) else None


DETECTORS: dict[Role, tuple[Detector, ...]] = {
    "retriever": (_empty, _duplicated),
    "ranker": (_order,),
    "packer": (_duplicated, _truncated),
    "model": (_answer,),
}
