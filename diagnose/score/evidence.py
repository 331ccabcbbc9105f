"""Whether a text holds the evidence of a label: matched on text, not on ids.

A gold passage is held by a text that repeats nearly all word shingles of what matters in it: of its gold
sentences where they are labelled, else of the window around the answer, else of the whole passage. What holds
the answer in the label has to hold it in the text too, so that a superseded version that differs in one
number does not count. Ids decide only for gold passages of which no text is known. Re-chunking a
corpus therefore does not read as a retriever fault: pieces that hold the evidence between them hold it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from diagnose.core.artifact import Frozen, Passage
from diagnose.core.trace import Gold, GoldPassage

SHINGLE_WORDS = 3
"""Words in a shingle: long enough to carry order, short enough that one changed word costs three."""
HELD = 0.9
"""Part of a unit's shingles a text must repeat: one changed word in a sentence of under 30 fails."""
WINDOW_WORDS = 12
"""Words kept on each side of the answer where no sentences are labelled."""
TEXT_LIMIT = 2_000_000
"""Characters of a text that are looked at: bounds the memory a hostile passage can take."""

_WORD = re.compile(r"\w+")
_SPACED = bytes(c if chr(c).isalnum() or c == ord("_") else ord(" ") for c in range(128)) + b" " * 128
"""ASCII with everything that is no part of a word made a blank."""
BOOLEAN = frozenset({"yes", "no", "true", "false"})
"""Answers that occur in texts without being stated there."""


@dataclass(frozen=True)
class Worded:
    """A text as padded lower-case words, and as its set of shingles where somebody asks for that."""

    words: tuple[str, ...]
    padded: str

    @cached_property
    def shingles(self) -> frozenset[tuple[str, ...]]:
        """Runs of `SHINGLE_WORDS` words; a text shorter than that is one shingle."""
        words = self.words
        if not words:
            return frozenset()
        width = min(SHINGLE_WORDS, len(words))
        return frozenset(zip(*(words[i:] for i in range(width)), strict=False))


def words_of(text: str) -> tuple[str, ...]:
    """Lower-case words of a text, punctuation left out.

    >>> words_of("The fee is 4,5 % (per_unit).")
    ('the', 'fee', 'is', '4', '5', 'per_unit')
    """
    text = text[:TEXT_LIMIT].lower()
    if text.isascii():  # three times as fast as the expression
        return tuple(text.encode().translate(_SPACED).decode().split())
    return tuple(_WORD.findall(text))


@lru_cache(maxsize=8192)
def worded(text: str) -> Worded:
    """The words of a text, kept for the next time: passages come back in other traces."""
    return _worded(words_of(text))


def _worded(words: tuple[str, ...]) -> Worded:
    return Worded(words, f" {' '.join(words)} ")


@lru_cache(maxsize=16)
def _context(text: str) -> Worded:
    """The words of a context, which no other trace has: they would only push passages out of `worded`."""
    return _worded(words_of(text))


class Unit(Frozen, frozen=True):
    """A stretch of text that has to be there; `answers` are the padded gold answers it holds, of which
    one has to be there as well."""

    text: Worded
    answers: tuple[str, ...]

    def coverage(self, text: Worded) -> float:
        """The part of the unit's shingles in the text, 0 to 1."""
        if self.text.padded in text.padded:
            return 1.0
        if len(self.text.words) < SHINGLE_WORDS:
            return 0.0
        return len(self.text.shingles & text.shingles) / len(self.text.shingles)

    def answered(self, text: Worded) -> bool:
        """Whether an answer that the unit holds is in the text too."""
        return not self.answers or any(answer in text.padded for answer in self.answers)

    def held(self, text: Worded) -> bool:
        """Whether the text holds the unit."""
        return self.answered(text) and self.coverage(text) >= HELD


class GoldEvidence(Frozen, frozen=True):
    """What has to be there of one gold passage: all units of one of the alternatives; with no
    alternatives (no text known) the passage with this id."""

    id: str | None
    alternatives: tuple[tuple[Unit, ...], ...]

    def in_text(self, text: Worded) -> bool:
        """Whether one text holds all of it."""
        return any(all(unit.held(text) for unit in units) for units in self.alternatives)

    def in_passage(self, passage: Passage) -> bool:
        """Whether one passage holds all of it; by id where either side has no text."""
        if not self.alternatives or not passage.text:
            return self.id is not None and passage.id == self.id
        return self.in_text(worded(passage.text))

    def pieces(self, passages: Sequence[Passage]) -> tuple[int, ...]:
        """Positions of passages that hold it between them, () where they do not."""
        if not self.alternatives:
            return ()
        for units in self.alternatives:
            found: set[int] = set()
            for unit in units:
                part = _pieces_of(unit, passages)
                if not part:
                    break
                found.update(part)
            else:
                return tuple(sorted(found))
        return ()


def _pieces_of(unit: Unit, passages: Sequence[Passage]) -> tuple[int, ...]:
    texts = [worded(p.text) for p in passages]
    for i, text in enumerate(texts):
        if unit.held(text):
            return (i,)
    if len(unit.text.words) < SHINGLE_WORDS:
        return ()
    chosen: list[int] = []
    covered: set[int] = set()
    stretches = [(i, _stretch(unit.text, text)) for i, text in enumerate(texts)]
    for i, stretch in sorted(stretches, key=lambda item: -len(item[1])):
        if set(stretch) - covered:
            chosen.append(i)
            covered |= set(stretch)
    whole = len(covered) >= HELD * len(unit.text.words)
    answered = not unit.answers or any(unit.answered(texts[i]) for i in chosen)
    return tuple(sorted(chosen)) if whole and answered else ()


def _stretch(unit: Worded, text: Worded) -> range:
    """Which words of the unit a chunk holds if the unit was cut up: the text lies within the unit, or ends
    in its beginning, or begins with its end. Sharing words elsewhere makes no piece: template clauses share
    most."""
    n, m = len(text.words), len(unit.words)
    if n >= SHINGLE_WORDS and (at := unit.padded.find(text.padded)) >= 0:
        first = unit.padded[: at + 1].count(" ") - 1
        return range(first, first + n)
    for k in range(min(n, m), 0, -1):
        if text.words[n - k :] == unit.words[:k]:
            return range(k)
        if text.words[:k] == unit.words[m - k :]:
            return range(m - k, m)
    return range(0)


class Evidence(Frozen, frozen=True):
    """The evidence of one label. `match` is `all` or `any` of the gold passages."""

    golds: tuple[GoldEvidence, ...]
    match: str = "all"

    def __bool__(self) -> bool:
        return bool(self.golds)

    def places(self, passages: Sequence[Passage]) -> tuple[tuple[int, ...], ...]:
        """For each gold passage where a list holds it: the first passage that does, or the pieces that hold it between
        them, () where none do."""
        return tuple(_place(gold, passages) for gold in self.golds)

    def held(self, passages: Sequence[Passage]) -> frozenset[int]:
        """Indices of the gold passages that a list of passages holds, alone or between them."""
        return frozenset(g for g, place in enumerate(self.places(passages)) if place)

    def held_in_text(self, text: str, passages: Sequence[Passage] = ()) -> frozenset[int]:
        """Indices of the gold passages that a text holds; `passages` (those it was made of) serve where a
        gold passage is known by id alone."""
        return frozenset(
            g
            for g, gold in enumerate(self.golds)
            if (
                gold.in_text(_context(text))
                if gold.alternatives
                else any(gold.in_passage(p) for p in passages)
            )
        )

    def enough(self, held: frozenset[int]) -> bool:
        """Whether the gold passages held are what the label asks for."""
        return bool(self.golds) and (bool(held) if self.match == "any" else len(held) == len(self.golds))

    def bearing(self, passages: Sequence[Passage]) -> tuple[bool, ...]:
        """For each passage whether it carries evidence: the first that holds a gold passage, or the pieces
        that hold it between them. A second copy of the same evidence carries nothing more."""
        marked = {i for place in self.places(passages) for i in place}
        return tuple(i in marked for i in range(len(passages)))


def _place(gold: GoldEvidence, passages: Sequence[Passage]) -> tuple[int, ...]:
    for i, passage in enumerate(passages):
        if gold.in_passage(passage):
            return (i,)
    return gold.pieces(passages)


def evidence_of(gold: Gold, texts: Sequence[str | None] | None = None) -> Evidence:
    """The evidence of a label. `texts` gives the corpus's text of each gold passage labelled by id alone."""
    texts = texts or [None] * len(gold.passages)
    golds = tuple(
        GoldEvidence(p.id, _alternatives(p, p.text or text, gold.answers))
        for p, text in zip(gold.passages, texts, strict=True)
    )
    return Evidence(golds, gold.match)


def _alternatives(
    gold: GoldPassage, text: str | None, answers: tuple[str, ...]
) -> tuple[tuple[Unit, ...], ...]:
    if not text and not gold.sentences:
        return ()
    stated = stated_answers(answers)
    if sentences := tuple(w for s in gold.sentences if (w := worded(s)).words):
        return (tuple(_unit(sentence, stated) for sentence in sentences),)
    if not text or not (body := worded(text)).words:
        return ()
    windows = tuple(_windows(body, stated))
    return tuple((_unit(window, stated),) for window in windows) or ((_unit(body, stated),),)


def _unit(text: Worded, answers: tuple[str, ...]) -> Unit:
    return Unit(text, tuple(a for a in answers if a in text.padded))


def stated_answers(answers: Iterable[str]) -> tuple[str, ...]:
    """The answers that a text can state, as padded words: `yes` and `no` are not among them."""
    padded = (_worded(words_of(a)).padded for a in answers)
    return tuple(dict.fromkeys(p for p in padded if p.strip() and p.strip() not in BOOLEAN))


def _windows(body: Worded, answers: tuple[str, ...]) -> Iterable[Worded]:
    for answer in answers:
        wanted = tuple(answer.split())
        for i in range(len(body.words) - len(wanted) + 1):
            if body.words[i : i + len(wanted)] == wanted:
                yield _worded(body.words[max(0, i - WINDOW_WORDS) : i + len(wanted) + WINDOW_WORDS])
