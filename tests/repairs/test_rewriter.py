"""The rewriter owes a query that keeps what the user meant."""

from __future__ import annotations

import pytest

from diagnose.attribute.modes import mode_of
from diagnose.core.artifact import Passage, Query, Text, Turn
from diagnose.core.stage import Given
from diagnose.core.trace import Gold, GoldPassage
from diagnose.repairs import rewriter
from diagnose.repairs.contract import Scene
from diagnose.score.label import Library, label_of
from tests.repairs.scenes import CLAUSES, corpus

HISTORY = (
    Turn("user", "What do we buy from Austral Mining?"),
    Turn("assistant", "Copper."),
    Turn("user", "And what about Borealis Freight?"),
)
FOLLOW_UP = Query("Within how many days does it have to be paid?", HISTORY)
WHOLE = "Within how many days does Borealis Freight have to be paid?"


def found_by_words(text: str) -> tuple[Passage, ...]:
    """The two clauses that share most words with a query."""
    asked = set(text.lower().rstrip("?").split())
    ranked = sorted(CLAUSES, key=lambda i: -len(asked & set(CLAUSES[i].lower().split())))
    return tuple(Passage(i, CLAUSES[i]) for i in ranked[:2])


def scene(reference: str | None = WHOLE, query: Query = FOLLOW_UP) -> Scene:
    label = label_of(Gold(("45 days",), (GoldPassage("d1"),), query=reference), query, Library(corpus()))
    assert label is not None
    return Scene(label, "I don't know.", retrieve=found_by_words)


def given(query: Query = FOLLOW_UP) -> Given:
    return Given(query.text, query)


@pytest.mark.parametrize(
    "query",
    [
        WHOLE,
        "Borealis Freight: within how many days does it have to be paid",
        "In how many days must invoices of Borealis Freight be paid? (within)",
    ],
)
def test_another_wording_that_finds_the_same_is_left_alone(query: str) -> None:
    own = Text(query)
    assert rewriter.kept(given(), own, scene())
    assert rewriter.repair(given(), own, scene()) is own


@pytest.mark.parametrize(
    "query, mode",
    [
        ("Within how many days does it have to be paid?", "dropped-context"),
        ("Within how many days does Austral Mining have to be paid?", "stale"),
        ("Borealis Freight have", "drifted"),
        ("liability cargo limits", "drifted"),
    ],
)
def test_a_query_that_asks_something_else_is_the_rewriters(query: str, mode: str) -> None:
    own = Text(query)
    assert not rewriter.kept(given(), own, scene())
    assert rewriter.repair(given(), own, scene()) == Text(WHOLE)
    assert mode_of("rewriter", given(), own, scene()) == mode


def test_what_has_nothing_to_do_with_it_intrudes() -> None:
    noise = " licence named users Cirrus Software grants ports cost extra Hamburg Turku Oslo delivers"
    own = Text(WHOLE + noise)
    assert rewriter.foreign(given(), own.text, scene()) >= {"licence", "hamburg"}
    assert not rewriter.kept(given(), own, scene())
    assert mode_of("rewriter", given(), own, scene()) == "intruding"


def test_without_a_reference_query_the_users_own_words_are_the_measure() -> None:
    alone = Query("Within how many days does Borealis Freight have to be paid?")
    drifted = Text("Within how many months does Cirrus have to be licensed?")
    around = scene(None, alone)
    assert rewriter.repair(given(alone), drifted, around) == Text(alone.text)
    assert mode_of("rewriter", given(alone), drifted, around) == "drifted"


@pytest.mark.parametrize(
    "query, kept",
    [
        ("Which cities are not reached by Borealis?", True),
        ("Borealis: cities it does not reach", True),
        ("Which cities are reached by Borealis?", False),
    ],
)
def test_a_negation_belongs_to_what_is_asked(query: str, kept: bool) -> None:
    asked = Query("Which cities are not reached by Borealis?")
    assert rewriter.kept(given(asked), Text(query), scene(None, asked)) is kept


def test_a_broken_retriever_does_not_clear_a_drifted_query() -> None:
    """It finds nothing with the reference query either; the words still tell."""
    blind = Scene(scene().label, "I don't know.", retrieve=lambda text: ())
    assert not rewriter.kept(given(), Text("Within how many days does Cirrus have to be paid?"), blind)
    assert rewriter.kept(given(), Text("Borealis Freight has to be paid within how many days?"), blind)


def test_where_nothing_answers_there_is_nothing_to_lose() -> None:
    label = label_of(Gold(answerable=False), FOLLOW_UP, Library(corpus()))
    assert label is not None
    around = Scene(label, "I don't know.", retrieve=found_by_words)
    assert rewriter.kept(given(), Text("What is for lunch?"), around)
