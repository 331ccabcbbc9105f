"""The verifier owes that right drafts pass and wrong ones are blocked."""

from __future__ import annotations

from diagnose.core.artifact import Answer, Decision, Output
from diagnose.core.stage import Given
from diagnose.repairs.contract import Scene


def kept(given: Given, own: Output, scene: Scene) -> bool:
    """What is said in the end is as right as letting a right draft through and blocking a wrong one."""
    assert isinstance(own, Decision)
    draft = given.answer or Answer("")
    if scene.right is None:
        return True
    if scene.right(draft.text):
        return own.accept or scene.right(own.text or scene.abstention)
    return not own.accept


def repair(given: Given, own: Output, scene: Scene) -> Output:
    """Exactly that, judged by the scorer."""
    if scene.right is None or kept(given, own, scene):
        return own
    right = scene.right((given.answer or Answer("")).text)
    return Decision(accept=True) if right else Decision(accept=False, text=scene.abstention)
