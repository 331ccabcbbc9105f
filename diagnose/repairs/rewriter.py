"""The rewriter owes a query that keeps the user's intent."""

from __future__ import annotations

from diagnose.core.artifact import Output, Text
from diagnose.core.stage import Given
from diagnose.repairs.contract import Scene


def kept(given: Given, own: Output, scene: Scene) -> bool:
    """The retriever finds with it every gold passage that it finds with the repaired query."""
    assert isinstance(own, Text)
    reference = reference_query(given, scene)
    if own.text == reference or scene.retrieve is None:
        return True
    evidence = scene.label.evidence
    owed = evidence.held(scene.retrieve(reference))
    return scene.label.satisfied(evidence.held(scene.retrieve(own.text)), owed)


def repair(given: Given, own: Output, scene: Scene) -> Output:
    """The reference query if the label has one, else the user's own words."""
    return own if kept(given, own, scene) else Text(reference_query(given, scene))


def reference_query(given: Given, scene: Scene) -> str:
    """What the rewriter's query is held against."""
    return scene.label.gold.query or given.conversation.text
