"""The evidence funnel: where the evidence went in and did not come out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from diagnose.core.artifact import Answer, Context, Decision, Output, Passages
from diagnose.core.blame import FunnelStep
from diagnose.core.stage import Role
from diagnose.score.label import Label

ANSWERING: tuple[Role, ...] = ("model", "verifier")
"""The roles whose step in a funnel says whether the answer was right."""


def evidence_in(output: Output, label: Label | None, passed: bool | None) -> bool | None:
    """Whether the evidence is in a stage's output; None where that cannot be told.

    Passages and contexts hold it in their text; an answer holds it when it is right (`passed`).
    """
    match output:
        case Passages() | Context() if label is None or not label.evidence:
            return None
        case Passages():
            return label.evidence.enough(label.evidence.held(output.passages)) if label else None
        case Context():
            held = label.evidence.held_in_text(output.text, output.passages) if label else frozenset()
            return label.evidence.enough(held) if label else None
        case Answer() | Decision():
            return passed
    return None


def funnel_of(
    outputs: Iterable[tuple[Role, Output]],
    label: Label | None,
    passed: bool | None,
    right: Callable[[str], bool | None] | None = None,
) -> tuple[FunnelStep, ...]:
    """One step per stage that ran, in order; for the last stage that answers, whether the answer was right. A draft
    that a verifier blocked is judged by `right`, and unknown without it."""
    steps = list(outputs)
    blocked = any(isinstance(output, Decision) and not output.accept for _, output in steps)

    def evidence(output: Output) -> bool | None:
        if blocked and isinstance(output, Answer):
            return right(output.text) if right is not None else None
        return evidence_in(output, label, passed)

    return tuple(FunnelStep(role, evidence(output)) for role, output in steps)


def lost_at(funnel: Sequence[FunnelStep]) -> Role | None:
    """The first stage at which the evidence went in and did not come out.

    None where that cannot be told: of a wrong answer where nobody knows whether what it was made of was right.
    """
    before: bool | None = None
    for step in funnel:
        if step.evidence is False:
            return step.role if before or step.role not in ANSWERING else None
        before = step.evidence
    return None


def triage(funnel: Sequence[FunnelStep]) -> Role | None:
    """What usual triage says: the evidence was retrieved, so it is the model; else the retriever."""
    retrieved = next((step.evidence for step in funnel if step.role == "retriever"), None)
    if retrieved is None:
        seen = [step.evidence for step in funnel if step.role not in ("model", "verifier")]
        retrieved = next((evidence for evidence in seen if evidence is not None), None)
    return None if retrieved is None else "model" if retrieved else "retriever"
