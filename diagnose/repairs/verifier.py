"""The verifier owes that right drafts pass and wrong ones are blocked."""

from __future__ import annotations

from diagnose.core.artifact import Answer, Decision, Output
from diagnose.core.stage import Given
from diagnose.repairs.contract import Scene


def kept(given: Given, own: Output, scene: Scene) -> bool:
    """A right draft passes, or what is said instead is right; a wrong one is blocked where an abstention scores
    more than it, and nothing worse than an abstention is said instead."""
    assert isinstance(own, Decision)
    draft = given.answer or Answer("")
    if scene.right is None:
        return True
    instead = scene.abstention if own.text is None else own.text
    if scene.right(draft.text):
        return own.accept or scene.right(instead)
    best = scene.worth_of(scene.abstention)
    if own.accept:
        return best <= scene.worth_of(draft.text)
    return scene.worth_of(instead) >= best


def repair(given: Given, own: Output, scene: Scene) -> Output:
    """Exactly that, judged by the scorer."""
    if scene.right is None or kept(given, own, scene):
        return own
    right = scene.right((given.answer or Answer("")).text)
    return Decision(accept=True) if right else Decision(accept=False, text=scene.abstention)
