"""Where a label's evidence stands in a text and in a list of passages, and what to show of a long text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from diagnose.core.artifact import Passage
from diagnose.core.trace import Gold
from diagnose.errors import visible
from diagnose.score.evidence import BOOLEAN, TEXT_LIMIT, Evidence, evidence_of, words_of

Mark = Literal["", "gold", "gold, cut", "gold id, evidence gone"]
"""Whether a passage carries evidence. `gold, cut`: it does, and the context made of it does not hold it;
`gold id, evidence gone`: it has a gold passage's id and not its evidence."""

Span = tuple[int, int]
PHRASE_WORDS = 60
"""Words of a sentence that are looked for, word for word."""
MOST_SPANS = 4
"""Places that are marked; evidence that stands in more is not better shown."""
AROUND = 120
"""Characters shown on each side of evidence, and at both ends of a text."""


class Piece(NamedTuple):
    """A stretch of a text; `marked` where it is evidence."""

    text: str
    marked: bool


def gold_marks(
    passages: Sequence[Passage], gold: Gold | None, context: str | None = None
) -> tuple[Mark, ...]:
    """For each passage whether it carries evidence of the label.

    `context` is the text that was made of them, if any.
    """
    evidence = evidence_of(gold or Gold())
    held = evidence.held_in_text(context, passages) if context else frozenset(range(len(evidence.golds)))
    bearing = evidence.bearing(passages)
    found: list[Mark] = [
        _mark(p, bears, evidence, held, gold or Gold()) for p, bears in zip(passages, bearing, strict=True)
    ]
    return tuple(found)


def _mark(passage: Passage, bears: bool, evidence: Evidence, held: frozenset[int], gold: Gold) -> Mark:
    whole = [i for i, g in enumerate(evidence.golds) if g.in_passage(passage)]
    if whole:
        return "gold" if any(i in held for i in whole) else "gold, cut"
    if bears:
        return "gold"
    return "gold id, evidence gone" if any(passage.id == g.id for g in gold.passages) else ""


def evidence_spans(text: str, gold: Gold | None) -> tuple[Span, ...]:
    """Where the text states the evidence word for word: the gold sentences, else the answers, else the
    passages; positions of characters, in order, not overlapping."""
    if gold is None:
        return ()
    sentences = [s for passage in gold.passages for s in passage.sentences]
    answers = [a for a in gold.answers if a.strip().lower() not in BOOLEAN]
    texts = [passage.text for passage in gold.passages if passage.text]
    for phrases in (sentences, answers, texts):
        if found := sorted(span for phrase in phrases for span in _spans(text, phrase)):
            return tuple(_merged(found)[:MOST_SPANS])
    return ()


def _spans(text: str, phrase: str) -> Iterator[Span]:
    words = words_of(phrase)[:PHRASE_WORDS]
    if not words:
        return
    pattern = re.compile(r"\b" + r"\W+".join(map(re.escape, words)) + r"\b", re.IGNORECASE)
    for i, match in enumerate(pattern.finditer(text[:TEXT_LIMIT])):
        if i == MOST_SPANS:
            return
        yield match.span()


def _merged(spans: Sequence[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def excerpt(text: str, spans: Sequence[Span], around: int = AROUND) -> tuple[Piece, ...]:
    """The ends of a text and what surrounds its evidence, on one line; `…` stands for the rest.

    A text of up to eight times `around` characters comes whole.
    """
    size = len(text)
    if size <= 8 * around:
        windows = [(0, size)]
    else:
        near = [
            (max(0, start - around), min(size, min(end, start + 4 * around) + around)) for start, end in spans
        ]
        windows = _merged([(0, around), *near, (size - around, size)])
    pieces: list[Piece] = []
    for i, window in enumerate(windows):
        if i:
            pieces.append(Piece(" … ", False))
        pieces.extend(_pieces(text, window, spans))
    return tuple(pieces)


def _pieces(text: str, window: Span, spans: Sequence[Span]) -> Iterator[Piece]:
    at, last = window
    for start, end in spans:
        if end <= at or start >= last:
            continue
        if start > at:
            yield Piece(_one_line(text[at:start]), False)
        yield Piece(_one_line(text[max(start, at) : min(end, last)]), True)
        at = min(end, last)
    if at < last:
        yield Piece(_one_line(text[at:last]), False)


def _one_line(text: str) -> str:
    return visible(text).replace("\n", " ").replace("\t", " ")
