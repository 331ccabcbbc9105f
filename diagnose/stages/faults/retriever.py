"""Faults of retrievers."""

from __future__ import annotations

import random

import msgspec

from diagnose.core.artifact import Output, Passage, Passages
from diagnose.core.stage import Given
from diagnose.stages.faults.fault import Around, Fault, marks_of, shifted, split


def _lose_gold(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    return Passages(tuple(split(given, own, around)[1]))


def _stale(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    """Old versions of the gold passages under their ids: figures changed, every fifth word gone."""
    assert isinstance(own, Passages)
    marks = marks_of(given, own.passages, around)
    aged = (_aged(p) if mark else p for p, mark in zip(own.passages, marks, strict=True))
    return Passages(tuple(aged))


def _aged(passage: Passage) -> Passage:
    words = [w for i, w in enumerate(passage.text.split()) if i % 3 != 2]
    return msgspec.structs.replace(passage, text=shifted(" ".join(words)))


def _flood(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    """Copies of the best distractor push the rest of the list out of it."""
    assert isinstance(own, Passages)
    _, rest = split(given, own, around)
    if not rest:
        return own
    n = len(own.passages)
    return Passages(tuple(rest[0] for _ in range(n)))


def _short_query(given: Given, rng: random.Random) -> Given:
    words = given.query.split()
    return msgspec.structs.replace(given, query=" ".join(words[: max(1, len(words) // 4)]))


def _lure(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    """Where nothing answers the question, a passage that the corpus does not hold seems to."""
    gold, rest = split(given, own, around)
    if gold or not rest:
        return own
    asked = " ".join(given.query.split()).rstrip("?.! ")
    lure = Passage(f"{rest[0].id}-draft", f"{asked}: {1000 + rng.randrange(9000)}.", rest[0].score)
    return Passages((lure, *rest[:-1]))


FAULTS = (
    Fault("lose-gold", "retriever", "missed", "does not find the gold passages", _lose_gold),
    Fault("stale-version", "retriever", "stale", "finds old versions of the gold passages", _stale),
    Fault("duplicate-flood", "retriever", "duplicated", "finds one distractor over and over", _flood),
    Fault("truncated-query", "retriever", None, "searches with a quarter of the query", takes=_short_query),
    Fault("lure", "retriever", "stale", "finds a passage that the corpus does not hold", _lure),
)
