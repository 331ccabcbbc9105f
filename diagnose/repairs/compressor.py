"""The compressor owes the evidence, unharmed."""

from __future__ import annotations

from collections.abc import Sequence

from diagnose.core.artifact import Output, Passage, Passages
from diagnose.core.stage import Given
from diagnose.repairs.contract import Scene
from diagnose.score.content import sentences
from diagnose.score.distortion import Change, distortion
from diagnose.score.evidence import stated_answers, worded


def kept(given: Given, own: Output, scene: Scene) -> bool:
    """Every gold passage it was given still holds its evidence in what it gives, and no number, negation or name
    of that evidence was changed."""
    assert isinstance(own, Passages)
    evidence = scene.label.evidence
    whole = scene.label.satisfied(evidence.held(own.passages), evidence.held(given.passages))
    return whole and changed(given, own.passages, scene) is None


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


def changed(given: Given, compressed: Sequence[Passage], scene: Scene) -> Change | None:
    """What it changed of the evidence in a gold passage: a number, a negation, a name; None where nothing."""
    marks = scene.label.evidence.bearing(given.passages)
    texts = {p.id: p.text for p in compressed}
    for passage, mark in zip(given.passages, marks, strict=True):
        shorter = texts.get(passage.id)
        if not mark or shorter is None or shorter == passage.text:
            continue
        if (change := distortion(_evidence_in(passage, scene), shorter, passage.text)) is not None:
            return change
    return None


def _evidence_in(passage: Passage, scene: Scene) -> str:
    """The sentences of a gold passage that carry the evidence: those labelled, else those that state an answer,
    else all of it."""
    wanted = [worded(text).padded for g in scene.label.gold.passages for text in g.sentences]
    wanted = wanted or list(stated_answers(scene.label.gold.answers))
    found = [text for text in sentences(passage.text) if any(_alike(worded(text).padded, w) for w in wanted)]
    return "\n".join(found) or passage.text


def _alike(sentence: str, wanted: str) -> bool:
    return wanted in sentence or sentence in wanted


def _place(rank: int, restored: list[Passage], given: Given) -> int:
    earlier = {p.id for p in given.passages[:rank]}
    return max((i + 1 for i, p in enumerate(restored) if p.id in earlier), default=0)
