"""The compressor owes the evidence, unharmed."""

from __future__ import annotations

from diagnose.core.artifact import Output, Passage, Passages
from diagnose.core.stage import Given
from diagnose.repairs.contract import Scene


def kept(given: Given, own: Output, scene: Scene) -> bool:
    """Every gold passage it was given still holds its evidence in what it gives."""
    assert isinstance(own, Passages)
    evidence = scene.label.evidence
    return scene.label.satisfied(evidence.held(own.passages), evidence.held(given.passages))


def repair(given: Given, own: Output, scene: Scene) -> Output:
    """The original wording for gold passages (put back in their place where dropped), for the others its
    own."""
    assert isinstance(own, Passages)
    if kept(given, own, scene):
        return own
    marks = scene.label.evidence.bearing(given.passages)
    gold = {p.id: p for p, mark in zip(given.passages, marks, strict=True) if mark}
    restored = [gold.get(p.id, p) for p in own.passages]
    for rank, passage in enumerate(given.passages):
        if passage.id in gold and all(p.id != passage.id for p in restored):
            restored.insert(_place(rank, restored, given), passage)
    return Passages(tuple(restored))


def _place(rank: int, restored: list[Passage], given: Given) -> int:
    earlier = {p.id for p in given.passages[:rank]}
    return max((i + 1 for i, p in enumerate(restored) if p.id in earlier), default=0)
