"""Pipelines of plain functions whose answers are known."""

from __future__ import annotations

from collections.abc import Callable

from diagnose.core.artifact import Answer, Context, Output, Passage, Passages, Query
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import Given, Role, Stage
from diagnose.core.trace import Gold, Trace

Made = Callable[[Given, int | None], Output]


def stage(role: Role, fingerprint: str, run: Made, deterministic: bool = True, seeded: bool = False) -> Stage:
    """A stage of this role that answers as the function does."""
    return Stage(role, f"made-{fingerprint}", run, fingerprint, deterministic=deterministic, seeded=seeded)


def finds(*words: str) -> Made:
    """A retriever of one passage for each word."""
    return lambda given, seed: Passages(tuple(Passage(w, w) for w in words))


def keeps(n: int) -> Made:
    """A ranker that passes on the first `n`."""
    return lambda given, seed: Passages(given.passages[:n])


def packs(given: Given, seed: int | None) -> Output:
    """A packer of everything it is given."""
    return Context(" ".join(p.text for p in given.passages), given.passages)


def says_all(given: Given, seed: int | None) -> Output:
    """A model that says its context."""
    return Answer(given.context.text if given.context else "")


def pipeline(name: str, **stages: tuple[str, Made]) -> Pipeline:
    """A pipeline of these stages: fingerprint and function by role."""
    roles: tuple[Role, ...] = ("rewriter", "retriever", "ranker", "packer", "model", "verifier")
    return Pipeline(name, tuple(stage(r, *stages[r]) for r in roles if r in stages))


def asked(n: int, answer: str = "gold") -> list[Trace]:
    """`n` labelled questions."""
    return [Trace(f"q{i}", Query(f"question {i}"), gold=Gold((answer,))) for i in range(n)]
