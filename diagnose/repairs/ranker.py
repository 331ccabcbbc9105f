"""The ranker owes gold ahead of the rest in what it passes on."""

from __future__ import annotations

from diagnose.core.artifact import Output, Passage, Passages
from diagnose.core.stage import Given
from diagnose.repairs.contract import Scene
from diagnose.repairs.ordering import bearing, leads


def kept(given: Given, own: Output, scene: Scene) -> bool:
    """It passes on the gold it was given, ahead of everything else."""
    assert isinstance(own, Passages)
    evidence = scene.label.evidence
    owed = evidence.held(given.passages)
    return scene.label.satisfied(evidence.held(own.passages), owed) and leads(own.passages, scene)


def repair(given: Given, own: Output, scene: Scene) -> Output:
    """Its own input, gold first, otherwise its own order, of the same length (longer only for gold)."""
    assert isinstance(own, Passages)
    if kept(given, own, scene):
        return own
    gold = _gold(given, own, scene)
    taken = {_same(p) for p in gold}
    rest = [p for p in own.passages if _same(p) not in taken]
    return Passages((*gold, *rest)[: max(len(own.passages), len(gold))])


def _gold(given: Given, own: Passages, scene: Scene) -> list[Passage]:
    """The gold passages of the input, those it passed on in its own order before those it dropped."""
    place = {_same(p): i for i, p in reversed(list(enumerate(own.passages)))}
    marks = bearing(given.passages, scene)
    gold = [p for p, mark in zip(given.passages, marks, strict=True) if mark]
    scored = {_same(p): p for p in own.passages}
    gold.sort(key=lambda p: place.get(_same(p), len(place)))
    return [scored.get(_same(p), p) for p in gold]


def _same(passage: Passage) -> tuple[str, str]:
    return (passage.id, passage.text)
