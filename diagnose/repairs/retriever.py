"""The retriever owes every gold passage that the corpus holds, among its candidates."""

from __future__ import annotations

from collections.abc import Sequence

from diagnose.core.artifact import Output, Passage, Passages
from diagnose.core.stage import Given
from diagnose.repairs.contract import Scene
from diagnose.repairs.ordering import gold_first, leads
from diagnose.score.evidence import worded


def kept(given: Given, own: Output, scene: Scene) -> bool:
    """All gold passages of the corpus are there, and in front in a pipeline with no ranker; where nothing answers
    the question, every passage is one that the corpus holds."""
    assert isinstance(own, Passages)
    label = scene.label
    held = label.evidence.held(own.passages)
    if not label.satisfied(held, label.present):
        return False
    if lures(own.passages, scene):
        return False
    return scene.ranked or leads(own.passages, scene)


def repair(given: Given, own: Output, scene: Scene) -> Output:
    """Its own output, missing gold put in front in place of its last non-gold passages.

    A passage with the id of a missing gold passage is a stale copy and gives way first. The list grows only
    where it is too short for the gold alone. Where nothing answers the question, passages that the corpus
    does not hold give way to the corpus's own of that id, or are left out.
    """
    assert isinstance(own, Passages)
    if kept(given, own, scene):
        return own
    own = _without_lures(own, scene)
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


COMPARABLE = 0.5
"""Part of the retrieved passages whose ids the corpus has, from which on its ids are the retriever's: else it is
chunked otherwise, and an unknown id says nothing."""


def lures(passages: Sequence[Passage], scene: Scene) -> frozenset[int]:
    """Positions of passages that the corpus does not hold: of an id that it has not, or with another text. Looked
    for only where nothing answers the question: there such a passage is what an invented answer rests on."""
    corpus = scene.corpus
    if scene.label.gold.answerable or corpus is None or not passages:
        return frozenset()
    known = [corpus.get(p.id) for p in passages]
    if sum(k is not None for k in known) < COMPARABLE * len(passages):
        return frozenset()
    return frozenset(
        i
        for i, (p, k) in enumerate(zip(passages, known, strict=True))
        if k is None or not _same_text(p.text, k.text)
    )


def _same_text(own: str, held: str) -> bool:
    """Whether two texts are one, or one a part of the other (cut, or with its title before it)."""
    a, b = worded(own).padded, worded(held).padded
    return not own or a in b or b in a


def _without_lures(own: Passages, scene: Scene) -> Passages:
    bad = lures(own.passages, scene)
    if not bad or scene.corpus is None:
        return own
    current = [scene.corpus.get(p.id) if i in bad else p for i, p in enumerate(own.passages)]
    return Passages(tuple(p for p in current if p is not None))
