"""Pipelines whose stages do anything at all, the same on the same input: what laws of replays are tried on."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from diagnose.core.artifact import Answer, Context, Decision, Output, Passage, Passages
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import TAKES, Given, Role, Stage
from diagnose.core.trace import Gold, GoldPassage, Trace
from diagnose.score.label import Label, Library, label_of
from diagnose.score.table import Scorer
from tests.repairs.scenes import CLAUSES, QUERY, corpus, passages

SHAPES: tuple[tuple[Role, ...], ...] = (
    ("retriever", "ranker", "packer", "model"),
    ("retriever", "packer", "model"),
    ("retriever", "ranker", "model"),
    ("retriever", "ranker", "compressor", "packer", "model", "verifier"),
    ("retriever", "model", "verifier"),
)
LABELS: tuple[Gold, ...] = (
    Gold(("45 days",), (GoldPassage("d1"),)),
    Gold(("45 days",), (GoldPassage("d1"), GoldPassage("d3")), "any"),
    Gold(("45 days",), (GoldPassage("d1"), GoldPassage("d3"))),
)
Behaviour = Callable[[Given, random.Random], Output]


@dataclass(frozen=True)
class Example:
    """A pipeline, a failing trace of it and the label."""

    pipeline: Pipeline
    trace: Trace
    label: Label
    scorer: Scorer

    def worth(self, answer: str) -> float:
        """The score of an answer."""
        value = self.scorer.score(answer, self.label.gold).value
        assert value is not None
        return value

    def right(self, answer: str) -> bool:
        """Whether an answer passes."""
        return self.scorer.passes(self.worth(answer))


def example(seed: int) -> Example:
    """The example of a seed."""
    rng = random.Random(seed)
    roles, gold = rng.choice(SHAPES), rng.choice(LABELS)
    stages = tuple(_stage(role, f"{seed}/{role}", rng.random() < 0.4) for role in roles)
    pipeline = Pipeline(f"made {seed}", stages, corpus())
    label = label_of(gold, QUERY, Library(pipeline.corpus), pipeline.abstention)
    assert label is not None
    scorer = Scorer("f1") if rng.random() < 0.3 else Scorer()
    return Example(pipeline, Trace(f"t{seed}", QUERY, gold=gold), label, scorer)


def _stage(role: Role, name: str, healthy: bool) -> Stage:
    behave = HEALTHY[role] if healthy else UNHEALTHY[role]

    def run(given: Given, seed: int | None) -> Output:
        # A digest of all the stage takes: the same output for the same input, another for another.
        body = msgspec.json.encode([getattr(given, name) for name in TAKES[role]])
        return behave(given, random.Random(hashlib.sha256(name.encode() + body).hexdigest()))

    return Stage(role, name, run, name, deterministic=True)


def _some(items: Sequence[Passage], rng: random.Random) -> tuple[Passage, ...]:
    return tuple(rng.sample(list(items), rng.randint(0, len(items))))


def _retrieve(given: Given, rng: random.Random) -> Output:
    found = list(_some(passages(*CLAUSES), rng))
    if found and rng.random() < 0.3:
        stale = Passage("d1", CLAUSES["d1"].replace("45", "30"))
        found[rng.randrange(len(found))] = stale
    distinct = {p.id: p for p in found}
    return Passages(tuple(distinct.values()))


def _squeeze(passage: Passage, rng: random.Random) -> Passage:
    words = [w for w in passage.text.split() if rng.random() < 0.7]
    return Passage(passage.id, " ".join(words))


def _compress(given: Given, rng: random.Random) -> Output:
    kept = [p for p in given.passages if rng.random() < 0.9]
    return Passages(tuple(_squeeze(p, rng) if rng.random() < 0.5 else p for p in kept))


def _pack(given: Given, rng: random.Random) -> Output:
    shown = list(_some(given.passages, rng))
    if shown and rng.random() < 0.4:
        shown += [rng.choice(shown)]
    text = "\n\n".join(p.text for p in shown)
    if rng.random() < 0.3:
        text = text[: rng.randint(0, len(text))]
    return Context(text, tuple(shown))


def _answer(given: Given, rng: random.Random) -> Output:
    text = given.context.text if given.context else ""
    reads = "45 days" in text and rng.random() < 0.6
    return Answer("Within 45 days." if reads else rng.choice(["Within 30 days.", "I don't know.", ""]))


def _judge(given: Given, rng: random.Random) -> Output:
    return Decision(rng.random() < 0.5, rng.choice([None, "45 days", "no"]))


def _all(given: Given, rng: random.Random) -> Output:
    return Passages(passages(*CLAUSES))


def _gold_first(given: Given, rng: random.Random) -> Output:
    return Passages(tuple(sorted(given.passages, key=lambda p: p.id not in ("d1", "d3"))))


def _first_two(given: Given, rng: random.Random) -> Output:
    """Sound where the gold is in front, and only there: who put it elsewhere is to blame, not this."""
    shown = given.passages[:2]
    return Context("\n\n".join(p.text for p in shown), shown)


def _reads(given: Given, rng: random.Random) -> Output:
    held = given.context is not None and "45 days" in given.context.text
    return Answer("Within 45 days." if held else "Within 30 days.")


UNHEALTHY: dict[Role, Behaviour] = {
    "retriever": _retrieve,
    "ranker": lambda given, rng: Passages(_some(given.passages, rng)),
    "compressor": _compress,
    "packer": _pack,
    "model": _answer,
    "verifier": _judge,
}
HEALTHY: dict[Role, Behaviour] = {
    "retriever": _all,
    "ranker": _gold_first,
    "compressor": lambda given, rng: Passages(given.passages),
    "packer": _first_two,
    "model": _reads,
    "verifier": lambda given, rng: Decision(bool(given.answer and "45" in given.answer.text)),
}
