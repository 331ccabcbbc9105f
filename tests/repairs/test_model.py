"""The model's contract: the answer where the context supports it, as far as the model is incapable."""

from __future__ import annotations

import pytest
from hypothesis import given as over
from hypothesis import strategies as st

from diagnose.core.artifact import Answer, Context, Passage, Query
from diagnose.core.stage import Given
from diagnose.core.trace import Gold, GoldPassage
from diagnose.repairs import model
from diagnose.repairs.contract import Scene
from diagnose.repairs.model import bounded
from diagnose.score.label import Library, label_of
from tests.repairs.scenes import CLAUSES, QUERY, corpus, given, passages, scene

RIGHT, WRONG = Answer("Within 45 days."), Answer("Within 30 days.")


def right(text: str) -> bool:
    return "45 days" in text


def around(gold: tuple[str, ...] = ("d1",), match: str = "all") -> Scene:
    return scene(gold, match, right=right)


def read(*ids: str) -> Given:
    shown = passages(*ids)
    return given(*ids, context=Context("\n".join(p.text for p in shown), shown))


def test_it_owes_the_answer_where_the_context_holds_the_evidence() -> None:
    assert model.supported(read("d0", "d1"), around())
    assert not model.kept(read("d0", "d1"), WRONG, around())
    assert model.kept(read("d0", "d1"), RIGHT, around())
    assert model.repair(read("d0", "d1"), WRONG, around()) == Answer("45 days")


def test_it_owes_nothing_where_nothing_supports_an_answer() -> None:
    for taken in (read("d0", "d2"), given("d1")):
        assert not model.supported(taken, around())
        assert model.kept(taken, WRONG, around())
        assert model.repair(taken, WRONG, around()) is WRONG


def test_all_gold_passages_are_needed_unless_any_will_do() -> None:
    assert not model.supported(read("d1"), around(gold=("d1", "d3")))
    assert model.supported(read("d1", "d3"), around(gold=("d1", "d3")))
    assert model.supported(read("d3"), around(gold=("d1", "d3"), match="any"))


def test_evidence_is_matched_on_text_not_on_ids() -> None:
    stale = Passage("d1", CLAUSES["d1"].replace("45", "30"))
    assert not model.supported(given("d1", context=Context(stale.text, (stale,))), around())
    other_id = Passage("chunk-7", CLAUSES["d1"])
    assert model.supported(given(context=Context(other_id.text, (other_id,))), around())


def test_an_unanswerable_question_needs_no_evidence() -> None:
    label = label_of(Gold(answerable=False), Query("?"), Library(corpus()))
    assert label is not None
    asked = Scene(label=label, abstention="I don't know.", right=lambda text: text == "I don't know.")
    assert model.supported(given(), asked)
    assert not model.kept(given(), WRONG, asked)
    assert model.repair(given(), WRONG, asked) == Answer("I don't know.")


def test_without_a_reference_answer_nothing_is_repaired() -> None:
    label = label_of(Gold((), (GoldPassage("d1"),)), QUERY, Library(corpus()))
    assert label is not None
    assert model.repair(read("d1"), WRONG, Scene(label=label, abstention="", right=right)) is WRONG


UNIT = st.floats(0, 1, allow_subnormal=False)


@over(UNIT, UNIT, UNIT)
def test_the_repair_is_bounded_by_incapacity(worth: float, oracle: float, fair: float) -> None:
    found = bounded(worth, oracle, fair)
    assert worth <= found <= max(worth, oracle)
    assert found - worth <= 1 - fair + 1e-12
    assert bounded(worth, oracle, fair=1.0) == worth
    assert bounded(worth, oracle, fair=0.0) == max(worth, oracle)


@pytest.mark.parametrize(
    "worth, oracle, fair, expected",
    [
        (0.0, 1.0, 1.0, 0.0),
        (0.0, 1.0, 0.0, 1.0),
        (0.25, 1.0, 0.75, 0.5),
        (0.5, 0.2, 0.0, 0.5),
        (0.0, 0.0, 0.0, 0.0),
    ],
)
def test_the_formula_by_hand(worth: float, oracle: float, fair: float, expected: float) -> None:
    assert bounded(worth, oracle, fair) == expected
