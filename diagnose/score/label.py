"""A label looked up in the corpus: what counts as gold in this pipeline, and what it lacks."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np

from diagnose.core.artifact import Frozen, Passage, Query
from diagnose.core.pipeline import ABSTENTION, Corpus
from diagnose.core.trace import Gold, GoldPassage
from diagnose.score.evidence import (
    Evidence,
    GoldEvidence,
    evidence_of,
    stated_answers,
    worded,
    words_of,
)

INFERRED_MOST = 5
"""Passages that hold the answer and are taken for gold where only answers are labelled."""
RAREST_WORDS = 4
"""Words of a gold text by which its holders are looked up in the corpus."""
CANDIDATES = 200
"""Passages that share those words and are compared in full."""


class WordIndex:
    """Which passages of a corpus hold a word; built once, used to find text whose id is unknown."""

    def __init__(self, corpus: Corpus) -> None:
        self.passages: list[Passage] = list(corpus)
        self._holders: dict[str, array[int]] = {}
        for i, passage in enumerate(self.passages):
            for word in set(words_of(passage.text)):
                if word not in self._holders:
                    self._holders[word] = array("i")
                self._holders[word].append(i)

    def candidates(self, words: Sequence[str]) -> list[Passage]:
        """Passages that share the rarest of the words, most shared first, then in corpus order."""
        known = sorted({w for w in words if w in self._holders}, key=lambda w: (len(self._holders[w]), w))
        found: list[int] = []
        if not known:
            return []
        # How many hold a word grows with the corpus, and so does this: a few additions for each of them.
        holders = [np.frombuffer(self._holders[word], dtype=np.int32) for word in known[:RAREST_WORDS]]
        shared = np.bincount(np.concatenate(holders))
        for n in range(len(holders), 0, -1):
            found += np.flatnonzero(shared == n)[: CANDIDATES - len(found)].tolist()
            if len(found) == CANDIDATES:
                break
        return [self.passages[i] for i in found]


class Library:
    """A corpus (or none) with the look-ups that labels need."""

    def __init__(self, corpus: Corpus | None) -> None:
        self.corpus = corpus
        self._index: WordIndex | None = None

    @property
    def index(self) -> WordIndex | None:
        """The word index of the corpus, built at first use."""
        if self._index is None and self.corpus is not None:
            self._index = WordIndex(self.corpus)
        return self._index


class Label(Frozen, frozen=True):
    """The label of one trace as this pipeline's repairs see it.

    `passages` are the gold passages as the corpus holds them, one tuple for each gold passage (several
    pieces where the corpus is chunked otherwise, () where it has none); `present` are the indices of
    those it has. `known` is False where there is no corpus to look in, and every gold passage is taken as
    present. `inferred` says that the gold passages were found by the answer, not labelled.
    """

    gold: Gold
    evidence: Evidence
    passages: tuple[tuple[Passage, ...], ...]
    present: frozenset[int]
    known: bool
    inferred: bool
    reference: str | None
    unsupported: bool

    @property
    def absent(self) -> tuple[str, ...]:
        """The gold passages that the corpus does not hold, by id or number."""
        return tuple(
            gold.id or f"#{i + 1}" for i, gold in enumerate(self.evidence.golds) if i not in self.present
        )

    @property
    def in_corpus(self) -> bool | None:
        """Whether the corpus holds the evidence; None where there is no corpus or no gold passage."""
        if not self.known or not self.evidence:
            return None
        return self.evidence.enough(self.present)

    def wanted(self, held: frozenset[int]) -> frozenset[int]:
        """Of the gold passages in `held`, those that a stage given them owes: all, or for `any` the first."""
        return frozenset([min(held)]) if self.evidence.match == "any" and held else held

    def satisfied(self, held: frozenset[int], owed: frozenset[int]) -> bool:
        """Whether a stage that owes `owed` and gives `held` kept its part."""
        return not owed or (bool(held) if self.evidence.match == "any" else owed <= held)


def label_of(gold: Gold | None, query: Query, library: Library, abstention: str = ABSTENTION) -> Label | None:
    """The label of a trace in a pipeline, or None where there is nothing to judge by."""
    if gold is None or not (gold.answers or gold.passages or not gold.answerable):
        return None
    reference = gold.answers[0] if gold.answers else None if gold.answerable else abstention
    inferred = not gold.passages and gold.answerable
    if inferred:
        gold = _with_inferred(gold, query, library)
    texts = [_corpus_text(p, library.corpus) for p in gold.passages]
    evidence = evidence_of(gold, texts)
    found = tuple(_in_corpus(g, p, library) for g, p in zip(evidence.golds, gold.passages, strict=True))
    present = frozenset(i for i, passages in enumerate(found) if passages)
    return Label(
        gold=gold,
        evidence=evidence,
        passages=found,
        present=present,
        known=library.corpus is not None,
        inferred=inferred and bool(gold.passages),
        reference=reference,
        unsupported=_unsupported(gold, texts),
    )


def _corpus_text(gold: GoldPassage, corpus: Corpus | None) -> str | None:
    if gold.text or gold.id is None or corpus is None:
        return gold.text
    passage = corpus.get(gold.id)
    return passage.text if passage else None


def _in_corpus(evidence: GoldEvidence, gold: GoldPassage, library: Library) -> tuple[Passage, ...]:
    if library.corpus is None:
        text = gold.text or " ".join(gold.sentences)
        return (Passage(gold.id or "gold", text),) if text else ()
    by_id = library.corpus.get(gold.id) if gold.id is not None else None
    if by_id is not None and evidence.in_passage(by_id):
        return (by_id,)
    index = library.index
    if index is None or not evidence.alternatives:
        return ()
    words = [w for units in evidence.alternatives[:1] for unit in units for w in unit.text.words]
    candidates = index.candidates(words)
    for passage in candidates:
        if evidence.in_passage(passage):
            return (passage,)
    return tuple(candidates[i] for i in evidence.pieces(candidates))


def _with_inferred(gold: Gold, query: Query, library: Library) -> Gold:
    """The label with passages that state an answer, those most like the question first, any of which will
    do."""
    answers = stated_answers(gold.answers)
    index = library.index
    if not answers or index is None:
        return gold
    asked = set(words_of(query.text))
    holders: dict[str, tuple[int, Passage]] = {}
    for answer in answers:
        for passage in index.candidates(answer.split()):
            if answer in (text := worded(passage.text)).padded:
                holders[passage.id] = (-len(asked & set(text.words)), passage)
    best = sorted(holders.values(), key=lambda hit: hit[0])[:INFERRED_MOST]
    golds = tuple(GoldPassage(id=p.id, text=p.text) for _, p in best)
    return Gold(gold.answers, golds, "any", gold.answerable, gold.query)


SUPPORT = 0.5
"""Part of the answer's words that the gold passages must hold for the label to be believed on text."""


def _unsupported(gold: Gold, texts: Sequence[str | None]) -> bool:
    """Whether the gold passages' texts plainly do not state any gold answer.

    A suspicion, not a finding: the answer may be computed or worded otherwise, so that it counts only
    where the model fails on the gold context too.
    """
    bodies = [t or " ".join(p.sentences) for p, t in zip(gold.passages, texts, strict=True)]
    if not gold.answerable or not bodies or not all(bodies):
        return False
    answers = [a.split() for a in stated_answers(gold.answers)]
    if not answers or len(answers) < len(gold.answers):
        return False
    held = {w for body in bodies for w in words_of(body)}
    return all(sum(w in held for w in answer) <= SUPPORT * len(answer) for answer in answers)
