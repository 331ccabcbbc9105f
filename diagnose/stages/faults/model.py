"""Faults of models."""

from __future__ import annotations

import random

from diagnose.core.artifact import Answer, Output
from diagnose.core.stage import Given
from diagnose.stages.faults.fault import Around, Fault, marks_of


def _ignores(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    return Answer("It depends on the circumstances of the case.")


def _stops_early(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    assert isinstance(own, Answer)
    words = own.text.split()
    return Answer(" ".join(words[: max(1, len(words) // 8)]), finish_reason="length")


def _refuses(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    return Answer("I'm sorry, I cannot answer that.")


def _flaky(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    return Answer("Something else entirely.") if rng.random() < around.rate else own


def _invents(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    """Where its context answers nothing it answers all the same."""
    passages = given.context.passages if given.context is not None else given.passages
    if any(marks_of(given, passages, around)):
        return own
    return Answer(f"As far as I know it was {1000 + rng.randrange(9000)}.")


FAULTS = (
    Fault("ignores-context", "model", "ignored", "answers without reading", _ignores),
    Fault("cut-off", "model", "cut-off", "stops after an eighth of its answer", _stops_early),
    Fault("refuses", "model", "over-abstained", "declines to answer", _refuses),
    Fault("invents", "model", "invented", "answers where nothing answers the question", _invents),
    Fault("flaky", "model", "unstable", "is wrong three times in four", _flaky, noisy=True),
)
