"""The compressor owes the evidence, unharmed."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

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
    left = _readable(given, own.passages)
    whole = scene.label.satisfied(evidence.held(left), evidence.held(given.passages))
    return whole and changed(given, own.passages, scene) is None


def repair(given: Given, own: Output, scene: Scene) -> Output:
    """The original wording of the evidence for gold passages (put back in their place where dropped), for the
    others its own.

    Of a gold passage come back the sentences that carry the evidence, beside those that it kept as they were; all
    of it where that is not enough. A whole passage in place of a shortened one may no longer fit the packer's
    budget, and the packer would be blamed for that.
    """
    assert isinstance(own, Passages)
    if kept(given, own, scene):
        return own
    marks = scene.label.evidence.bearing(given.passages)
    texts = {p.id: p.text for p in own.passages}
    gold = {
        p.id: _restored(p, texts.get(p.id, ""), scene)
        for p, mark in zip(given.passages, marks, strict=True)
        if mark
    }
    restored = [gold.get(p.id, p) for p in own.passages]
    for rank, passage in enumerate(given.passages):
        if passage.id in gold and all(p.id != passage.id for p in restored):
            restored.insert(_place(rank, restored, given), gold[passage.id])
    return Passages(tuple(restored))


def _readable(given: Given, compressed: Sequence[Passage]) -> tuple[Passage, ...]:
    """The passages without those of whose text nothing is left: where no text is known, an id stands for it."""
    had = {p.id for p in given.passages if p.text}
    return tuple(p for p in compressed if p.text or p.id not in had)


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


def _restored(passage: Passage, kept_text: str, scene: Scene) -> Passage:
    """A gold passage as short as it was made, with its evidence in it."""
    evidence = scene.label.evidence
    needed = {*sentences(_evidence_in(passage, scene)), *sentences(kept_text)}
    text = " ".join(s for s in sentences(passage.text) if s in needed)
    shorter = msgspec.structs.replace(passage, text=text)
    return shorter if text and evidence.held([shorter]) >= evidence.held([passage]) else passage


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
