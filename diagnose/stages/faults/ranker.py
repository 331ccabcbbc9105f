"""Faults of rankers."""

from __future__ import annotations

import random

from diagnose.core.artifact import Output, Passages
from diagnose.core.stage import Given
from diagnose.stages.faults.fault import Around, Fault, split


def _inverted(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    """The worst of the input first, in the length the ranker passes on."""
    assert isinstance(own, Passages)
    kept = {(p.id, p.text) for p in own.passages}
    dropped = [p for p in given.passages if (p.id, p.text) not in kept]
    ranked = [*own.passages, *dropped]
    return Passages(tuple(reversed(ranked))[: len(own.passages)])


def _shuffled(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    assert isinstance(own, Passages)
    passages = list(given.passages)
    rng.shuffle(passages)
    return Passages(tuple(passages[: len(own.passages)]))


def _longest_first(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    assert isinstance(own, Passages)
    ranked = sorted(given.passages, key=lambda p: -len(p.text))
    return Passages(tuple(ranked[: len(own.passages)]))


def _distractor_first(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    gold, rest = split(given, own, around)
    return Passages((*rest, *gold))


def _no_op(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    assert isinstance(own, Passages)
    return Passages(given.passages[: len(own.passages)])


FAULTS = (
    Fault("inverted", "ranker", "inverted", "ranks the worst first", _inverted),
    Fault("shuffled", "ranker", None, "ranks at random", _shuffled),
    Fault("length-biased", "ranker", None, "ranks the longest first", _longest_first),
    Fault("distractor-first", "ranker", "demoted", "puts the gold behind the rest", _distractor_first),
    Fault("no-op", "ranker", "no-op", "leaves the order as it is", _no_op),
)
