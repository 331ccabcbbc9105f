"""Faults of verifiers."""

from __future__ import annotations

import random

from diagnose.core.artifact import Decision, Output
from diagnose.core.stage import Given
from diagnose.stages.faults.fault import Around, Fault


def _rejects_all(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    return Decision(accept=False)


def _accepts_all(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    return Decision(accept=True)


def _contrary(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    assert isinstance(own, Decision)
    return Decision(accept=not own.accept)


def _rewrites(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    """Every draft it would let through is toned down until it says nothing."""
    assert isinstance(own, Decision)
    return Decision(accept=False, text="It depends; please ask an expert.") if own.accept else own


FAULTS = (
    Fault("rejects-all", "verifier", "false-reject", "blocks every draft", _rejects_all),
    Fault("rewrites", "verifier", "false-reject", "says something vague instead of the draft", _rewrites),
    Fault("accepts-all", "verifier", "false-accept", "lets every draft through", _accepts_all),
    Fault(
        "contrary", "verifier", None, "blocks what it should let through, and the other way round", _contrary
    ),
)
