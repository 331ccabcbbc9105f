"""Faults of compressors."""

from __future__ import annotations

import random
import re

import msgspec

from diagnose.core.artifact import Output, Passage, Passages
from diagnose.core.stage import Given
from diagnose.stages.faults.fault import Around, Fault, marks_of, shifted

FEW = 4
"""Words that are left of a passage cut to its first ones."""
_NAME = re.compile(r"(?<![.!?] )(?<!^)\b[A-Z]\w+")
_VERB = re.compile(r"\b(is|are|was|were|has|have|had|can|may|will|must)\b")


def _drops_evidence(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    """Gold passages are left out."""
    assert isinstance(own, Passages)
    marks = marks_of(given, own.passages, around)
    return Passages(tuple(p for p, mark in zip(own.passages, marks, strict=True) if not mark))


def _first_words(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    """Nothing but its first words is left of any passage."""
    assert isinstance(own, Passages)
    return Passages(tuple(_with(p, " ".join(p.text.split()[:FEW])) for p in own.passages))


def _wrong_numbers(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    assert isinstance(own, Passages)
    return Passages(tuple(_with(p, shifted(p.text)) for p in own.passages))


def _negated(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    """What is so is said not to be so."""
    assert isinstance(own, Passages)
    return Passages(tuple(_with(p, _VERB.sub(r"\1 not", p.text)) for p in own.passages))


def _wrong_names(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    """Every name within a sentence becomes the first of another passage."""
    assert isinstance(own, Passages)
    names = [found[0] for p in around.others if (found := _NAME.search(p.text))]
    if not names:
        return own
    return Passages(tuple(_with(p, _NAME.sub(lambda m: _other(m[0], names), p.text)) for p in own.passages))


def _other(name: str, names: list[str]) -> str:
    """Another name, the same for this one everywhere."""
    rest = [other for other in dict.fromkeys(names) if other != name]
    return rest[sum(map(ord, name)) % len(rest)] if rest else name


def _with(passage: Passage, text: str) -> Passage:
    return msgspec.structs.replace(passage, text=text)


FAULTS = (
    Fault("drops-evidence", "compressor", "lost", "leaves the gold passages out", _drops_evidence),
    Fault("first-words", "compressor", "lost", "keeps the first words of every passage only", _first_words),
    Fault("wrong-numbers", "compressor", "distorted", "changes every number", _wrong_numbers),
    Fault("negated", "compressor", "distorted", "says that nothing is as it is", _negated),
    Fault("wrong-names", "compressor", "distorted", "gives everybody another name", _wrong_names),
)
