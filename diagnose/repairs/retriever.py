"""The retriever owes every gold passage that the corpus holds, among its candidates."""

from __future__ import annotations

from diagnose.core.artifact import Output, Passage, Passages
from diagnose.core.stage import Given
from diagnose.repairs.contract import Scene
from diagnose.repairs.ordering import gold_first, leads


def kept(given: Given, own: Output, scene: Scene) -> bool:
    """All gold passages of the corpus are there, and in front in a pipeline with no ranker."""
    assert isinstance(own, Passages)
    label = scene.label
    held = label.evidence.held(own.passages)
    if not label.satisfied(held, label.present):
        return False
    return scene.ranked or leads(own.passages, scene)


def repair(given: Given, own: Output, scene: Scene) -> Output:
    """Its own output, missing gold put in front in place of its last non-gold passages.

    A passage with the id of a missing gold passage is a stale copy and gives way first. The list grows only
    where it is too short for the gold alone.
    """
    assert isinstance(own, Passages)
    if kept(given, own, scene):
        return own
    missing = _missing(own, scene)
    stale = {p.id for p in missing}
    rest = [p for p in own.passages if p.id not in stale]
    bearing = scene.label.evidence.bearing(rest)
    surplus = len(missing) + len(rest) - max(len(own.passages), len(missing) + sum(bearing))
    last = [i for i in range(len(rest)) if not bearing[i]][::-1][: max(0, surplus)]
    found = (*missing, *(p for i, p in enumerate(rest) if i not in set(last)))
    return Passages(found if scene.ranked else gold_first(found, scene))


def _missing(own: Passages, scene: Scene) -> tuple[Passage, ...]:
    label = scene.label
    held = label.evidence.held(own.passages)
    if label.satisfied(held, label.present):
        return ()
    wanted = label.wanted(label.present) - held
    passages = (p for g in sorted(wanted) for p in label.passages[g])
    return tuple({(p.id, p.text): p for p in passages}.values())
