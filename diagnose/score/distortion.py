"""Whether a text that stands for another changed a number, a negation or a name of it.

A text that was shortened may lose things; it is *distorted* where what is left says otherwise. Sentences are
compared: of the shorter text the one that shares most content words with the original sentence, if it shares
enough for the one to stand for the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from diagnose.score.content import sentences

Change = Literal["number", "negation", "name"]
ALIKE = 0.5
"""Part of a sentence's content words that another has to have for the one to stand for the other."""
SAME_FRAME = 0.8
"""The same of all its words but names and numbers: where those were changed, little else is left to go by."""
MOST_SENTENCES = 200
"""Sentences of each text that are compared: all pairs are."""
LEAST_LETTERS = 4
"""Letters from which a word counts as a content word; numbers do at any length."""

_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NAME = re.compile(r"(?<=[\w,;)] )[A-Z]\w+")
_NEGATION = re.compile(
    r"\b(?:not|no|never|none|nobody|nothing|neither|nor|without|cannot)\b|n['’]t\b", re.IGNORECASE
)


def distortion(original: str, shorter: str, source: str = "") -> Change | None:
    """What the shorter text changed of a sentence of the original, or None. `source` is the text that the
    original is part of: what stands there is not foreign to it.

    A number or a name counts as changed where one of the original sentence is missing from the sentence that
    stands for it and another, which its source does not have, is there instead; a negation where
    one of the two sentences has an odd number of negations and the other an even one. A sentence that is in
    the source as it stands changed nothing.

    >>> distortion("Rooms cost 40 euros a night.", "Rooms cost 70 euros a night.")
    'number'
    >>> distortion("Dogs are not allowed in rooms.", "Dogs are allowed in rooms.")
    'negation'
    """
    source = source or original
    known_numbers, known_words = set(_NUMBER.findall(source)), set(_WORD.findall(source))
    flat = " ".join(source.split())
    candidates = [s for s in sentences(shorter)[:MOST_SENTENCES] if " ".join(s.split()) not in flat]
    kept = " ".join(shorter.split())
    for sentence in sentences(original)[:MOST_SENTENCES]:
        other = None if " ".join(sentence.split()) in kept else _standing_for(sentence, candidates)
        if other is None:
            continue
        if _swapped(_NUMBER.findall(sentence), _NUMBER.findall(other), known_numbers):
            return "number"
        if len(_NEGATION.findall(sentence)) % 2 != len(_NEGATION.findall(other)) % 2:
            return "negation"
        if _swapped(_NAME.findall(sentence), _NAME.findall(other), known_words):
            return "name"
    return None


def _content(sentence: str) -> set[str]:
    """Its words of some length and its numbers."""
    words = (word.lower() for word in _WORD.findall(sentence))
    return {word for word in words if len(word) >= LEAST_LETTERS or word.isdigit()}


def _frame(sentence: str) -> set[str]:
    """What is left of it without its names and numbers: short words, too."""
    names = {name.lower() for name in _NAME.findall(sentence)}
    words = {word.lower() for word in _WORD.findall(sentence)}
    return {word for word in words - names if not word.isdigit()}


def _standing_for(sentence: str, candidates: list[str]) -> str | None:
    """The candidate that shares most with the sentence, if it is enough of the smaller of the two."""
    best, most = None, 0.0
    for candidate in candidates:
        # A stump of a few words stands for nothing: it changed nothing, it only left out.
        share = _share(_content(sentence), _content(candidate), least=2)
        frame = _share(_frame(sentence), _frame(candidate), least=4)
        share = max(share, frame if frame >= SAME_FRAME else 0.0)
        if share > most:
            best, most = candidate, share
    return best if most >= ALIKE else None


def _share(wanted: set[str], has: set[str], least: int) -> float:
    """The part of the smaller set that is in the other; 0 where that is smaller than `least`."""
    smaller = min(len(wanted), len(has))
    return len(wanted & has) / smaller if smaller >= least else 0.0


def _swapped(wanted: Iterable[str], has: Iterable[str], known: set[str]) -> bool:
    """Whether one of the wanted is missing and there is a foreign one in its place."""
    wanted, has = set(wanted), set(has)
    return bool(wanted - has) and bool(has - known)
