"""How a convicted stage failed, read off what it was given and what it gave."""

from __future__ import annotations

import pytest

from diagnose.attribute.mode_texts import MODES
from diagnose.attribute.modes import DETECTORS, abstains, correlation, mode_of, repeated
from diagnose.core.artifact import Answer, Context, Decision, Output, Passage, Passages, Query, Text, Turn
from diagnose.core.stage import ROLES, Given, Role
from tests.repairs.scenes import CLAUSES, QUERY, given, passages, scene

STALE = Passage("d1", CLAUSES["d1"].replace("45", "30"))


def text_of(*ids: str) -> str:
    return "\n\n".join(CLAUSES[i] for i in ids)


CASES: list[tuple[str, Role, Given, Output, str]] = [
    ("nothing found", "retriever", given(), Passages(()), "empty"),
    ("gold not among it", "retriever", given(), Passages(passages("d0", "d2", "d3")), "missed"),
    ("an old version", "retriever", given(), Passages((STALE, *passages("d0"))), "stale"),
    ("one over and over", "retriever", given(), Passages(passages("d0") * 3), "duplicated"),
    ("untouched", "ranker", given("d0", "d1", "d2"), Passages(passages("d0", "d1", "d2")), "no-op"),
    (
        "turned round",
        "ranker",
        given("d1", "d0", "d2", "d3"),
        Passages(passages("d3", "d2", "d0", "d1")),
        "inverted",
    ),
    ("left out", "ranker", given("d0", "d1", "d2", "d3"), Passages(passages("d2", "d0", "d3")), "cut"),
    (
        "put back",
        "ranker",
        given("d0", "d1", "d2", "d3"),
        Passages(passages("d0", "d2", "d1", "d3")),
        "demoted",
    ),
    ("figure changed", "compressor", given("d1"), Passages((STALE,)), "distorted"),
    ("figure gone", "compressor", given("d1"), Passages((Passage("d1", "Borealis Freight."),)), "lost"),
    ("passage gone", "compressor", given("d1", "d2"), Passages(passages("d2")), "lost"),
    (
        "cut off",
        "packer",
        given("d0", "d1"),
        Context(text_of("d0", "d1")[:110], passages("d0", "d1")),
        "truncated",
    ),
    ("not let in", "packer", given("d0", "d1"), Context(text_of("d0"), passages("d0")), "dropped"),
    (
        "pushed out",
        "packer",
        given("d0", "d1"),
        Context(text_of("d0", "d0", "d0"), passages("d0") * 3),
        "duplicated",
    ),
    (
        "out of order",
        "packer",
        given("d1", "d0"),
        Context(text_of("d0", "d1"), passages("d0", "d1")),
        "reordered",
    ),
    ("unreadable", "packer", given("d1"), Context(CLAUSES["d1"][::-1], passages("d1")), "garbled"),
    ("stopped", "model", given(), Answer("Within", finish_reason="length"), "cut-off"),
    ("declined", "model", given(), Answer("I'm sorry, I cannot answer that."), "over-abstained"),
    ("silent", "model", given(), Answer(" "), "over-abstained"),
    ("wrong", "model", given(), Answer("30 days"), "ignored"),
    ("blocked", "verifier", given(), Decision(False), "false-reject"),
    ("let through", "verifier", given(), Decision(True), "false-accept"),
    ("off", "rewriter", given(), Text("Which ports are there?"), "drifted"),
]


@pytest.mark.parametrize(
    "role, taken, own, mode", [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_the_mode(role: Role, taken: Given, own: Output, mode: str) -> None:
    assert mode_of(role, taken, own, scene()) == mode


def test_every_mode_that_is_told_apart_is_explained() -> None:
    for _, role, _, _, mode in CASES:
        assert (role, mode) in MODES


def test_a_lost_history_is_a_dropped_context() -> None:
    asked = Query("And for Borealis?", (Turn("user", "When are invoices of Austral payable?"),))
    taken = Given(asked.text, asked)
    assert mode_of("rewriter", taken, Text("And for Borealis?"), scene()) == "dropped-context"


def test_a_budget_in_which_the_evidence_cannot_fit_is_the_fault() -> None:
    own = Context(CLAUSES["d1"][:30], passages("d1"))
    assert mode_of("packer", given("d1"), own, scene(budget_tokens=5)) == "budget"
    assert mode_of("packer", given("d1"), own, scene(budget_tokens=50)) == "truncated"


def test_a_packer_that_keeps_its_contract_has_no_mode() -> None:
    own = Context(CLAUSES["d1"], passages("d1"))
    assert mode_of("packer", given("d1"), own, scene()) is None


def test_every_role_has_a_detector() -> None:
    assert set(DETECTORS) <= set(ROLES)
    assert {role for _, role, *_ in CASES} <= set(DETECTORS)


@pytest.mark.parametrize(
    "before, after, tau",
    [
        ("abcd", "abcd", 1.0),
        ("abcd", "dcba", -1.0),
        ("abcd", "bacd", pytest.approx(2 / 3)),
        ("abcd", "dx", 0.0),
        ("abcd", "ba", -1.0),
        ("", "", 0.0),
        ("abcd", "aabbccdd", 1.0),
    ],
)
def test_rank_correlation(before: str, after: str, tau: float) -> None:
    assert correlation(before, after) == tau


def test_repetition_is_of_text() -> None:
    assert repeated(()) == 0.0
    assert repeated(passages("d0", "d1")) == 0.0
    assert repeated((Passage("a", "One  text."), Passage("b", "one text."))) == 0.5
    assert repeated((Passage("a"), Passage("b"), Passage("a"))) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    "text, declines",
    [
        ("", True),
        ("I don’t know.", True),
        ("Not in the files", True),
        ("I do not know that.", True),
        ("45 days", False),
        ("He did not know the answer was 45", False),
    ],
)
def test_declining_to_answer(text: str, declines: bool) -> None:
    assert abstains(text, "Not in the files.") is declines


def test_the_question_is_the_scenes() -> None:
    assert "45" not in QUERY.text
