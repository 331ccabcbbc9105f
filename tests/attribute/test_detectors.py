"""What a log shows by itself, without labels and without a replay."""

from __future__ import annotations

import msgspec
import pytest

from diagnose.attribute.detectors import counted, detected
from diagnose.core.artifact import Answer, Context, Output, Passage, Passages
from diagnose.core.stage import Role
from diagnose.core.trace import Step, Trace, Usage
from tests.repairs.scenes import CLAUSES, QUERY, passages

FOUND = Passages(passages("d0", "d1", "d2"))
RANKED = Passages(passages("d1", "d2", "d0"))


def context(*ids: str) -> Context:
    return Context("\n\n".join(CLAUSES[i] for i in ids), passages(*ids))


def trace(**outputs: Output) -> Trace:
    """A trace whose stages gave this, healthy where nothing is said."""
    made: dict[str, Output] = {
        "retriever": FOUND,
        "ranker": RANKED,
        "packer": context("d1", "d2"),
        "model": Answer("45"),
    }
    steps = tuple(Step(role, output) for role, output in (made | outputs).items())  # type: ignore[arg-type]
    return Trace("t", QUERY, steps)


def scored(*scores: float) -> Passages:
    marked = zip(RANKED.passages, scores, strict=True)
    return Passages(tuple(msgspec.structs.replace(p, score=score) for p, score in marked))


def test_nothing_is_seen_in_a_healthy_trace() -> None:
    assert detected(trace(), "I don't know.") == ()


@pytest.mark.parametrize("words, tokens, seen", [(600, 480, True), (600, 510, False), (600, 0, False)])
def test_a_prompt_shorter_than_its_context_was_cut_by_the_window(words: int, tokens: int, seen: bool) -> None:
    made = trace(packer=Context("word " * words, passages("d1")))
    steps = tuple(
        msgspec.structs.replace(step, usage=Usage(prompt_tokens=tokens)) if step.role == "model" else step
        for step in made.steps
    )
    found = detected(msgspec.structs.replace(made, steps=steps), "I don't know.")
    assert (("packer", "over-window") in found) is seen


@pytest.mark.parametrize(
    "role, output, mode",
    [
        ("retriever", Passages(()), "empty"),
        ("retriever", Passages(passages("d0", "d0", "d1")), "duplicated"),
        ("ranker", FOUND, "no-op"),
        ("ranker", Passages(FOUND.passages[:2]), "no-op"),
        ("ranker", Passages(FOUND.passages[::-1]), "inverted"),
        ("ranker", scored(0.5, 0.5, 0.5), "no-op"),
        ("packer", context("d1", "d1", "d1"), "duplicated"),
        ("packer", Context(CLAUSES["d1"] + "\n\n" + CLAUSES["d2"][:40], passages("d1", "d2")), "truncated"),
        ("model", Answer("Within 4", finish_reason="length"), "cut-off"),
        ("model", Answer("I don't know."), "over-abstained"),
    ],
)
def test_what_is_seen(role: Role, output: Output, mode: str) -> None:
    assert (role, mode) in detected(trace(**{role: output}), "I don't know.")


@pytest.mark.parametrize(
    "role, output",
    [
        ("ranker", scored(0.9, 0.5, 0.1)),
        ("ranker", Passages(passages("d1"))),
        ("ranker", Passages(passages("d1", "d0"))),
        ("retriever", Passages(passages("d0"))),
        ("packer", Context("", ())),
        ("packer", Context("Something the packer wrote itself.", ())),
        ("model", Answer("It is not known to many that 45 days are due.")),
    ],
)
def test_what_is_not_suspect(role: Role, output: Output) -> None:
    found = [mode for at, mode in detected(trace(**{role: output}), "I don't know.") if at == role]
    assert found == []


def test_a_log_without_texts_shows_what_ids_can_show() -> None:
    bare = Passages((Passage("a"), Passage("b"), Passage("a")))
    found = detected(trace(retriever=bare, ranker=bare), "I don't know.")
    assert found == (("retriever", "duplicated"), ("ranker", "no-op"))


def test_counts_are_of_traces_and_the_commonest_comes_first() -> None:
    log = [trace(model=Answer("")), trace(model=Answer("")), trace(retriever=Passages(())), trace()]
    assert counted(log, "I don't know.") == {"model.over-abstained": 2, "retriever.empty": 1}
