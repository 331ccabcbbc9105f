"""The model owes the answer where a fair context supports it, and abstention where none does."""

from __future__ import annotations

from diagnose.core.artifact import Answer, Output
from diagnose.core.stage import Given
from diagnose.repairs.contract import Scene


def supported(given: Given, scene: Scene) -> bool:
    """Whether the actual context holds the evidence; an unanswerable question needs none."""
    label = scene.label
    if not label.gold.answerable:
        return True
    if given.context is None or not label.evidence:
        return False
    return label.evidence.enough(label.evidence.held_in_text(given.context.text, given.context.passages))


def kept(given: Given, own: Output, scene: Scene) -> bool:
    """The answer is right, or nothing in the context supports the right one."""
    assert isinstance(own, Answer)
    right = scene.right is not None and scene.right(own.text)
    return right or not supported(given, scene)


def repair(given: Given, own: Output, scene: Scene) -> Output:
    """The reference answer where the actual context holds the evidence, else its own output.

    How far this counts is bounded by the model's incapacity (`bounded`): it is o(C), not v(C ∪ model).
    """
    reference = scene.label.reference
    return Answer(reference) if reference is not None and supported(given, scene) else own


def bounded(worth: float, oracle: float, fair: float) -> float:
    """v(C ∪ model) = max(v(C), min(o(C), v(C) + 1 − c)) for a coalition C without the model.

    `worth` is v(C), `oracle` o(C), the worth with the reference answer wherever the context holds the
    evidence, `fair` c = v(N ∖ model), the worth of the actual model with every other stage repaired. All
    between 0 and 1.

    >>> bounded(0.0, 1.0, fair=1.0), bounded(0.0, 1.0, fair=0.0), bounded(0.25, 1.0, fair=0.75)
    (0.0, 1.0, 0.5)
    """
    return max(worth, min(oracle, worth + (1.0 - fair)))
