"""Retriever, ranker and compressor: gold from the actual input, nothing more."""

from __future__ import annotations

import pytest
from hypothesis import given as over
from hypothesis import settings
from hypothesis import strategies as st

from diagnose.core.artifact import Passage, Passages
from diagnose.repairs import compressor, ranker, retriever
from tests.repairs.scenes import CLAUSES, given, ids, passages, scene


def test_missing_gold_goes_in_front_in_place_of_the_last() -> None:
    own = Passages(passages("d0", "d2", "d3"))
    assert ids(retriever.repair(given(), own, scene())) == ["d1", "d0", "d2"]  # type: ignore[arg-type]


def test_a_ranker_that_passes_on_what_it_gets_is_innocent_of_what_was_not_found() -> None:
    """Found behind everything else the gold would be cut off by a ranker that only shortens, and half the blame with
    it."""
    found = retriever.repair(given(), Passages(passages("d0", "d2", "d3")), scene())
    assert isinstance(found, Passages)
    assert ranker.kept(given(*ids(found)), Passages(found.passages[:2]), scene())


def test_found_gold_is_left_where_it_is_before_a_ranker_and_led_without_one() -> None:
    own = Passages(passages("d0", "d1", "d3"))
    assert retriever.repair(given(), own, scene()) is own
    assert ids(retriever.repair(given(), own, scene(ranked=False))) == ["d1", "d0", "d3"]  # type: ignore[arg-type]


def test_a_stale_copy_gives_way() -> None:
    stale = Passage("d1", CLAUSES["d1"].replace("45", "30"))
    own = Passages((stale, *passages("d0", "d2")))
    fixed = retriever.repair(given(), own, scene())
    assert isinstance(fixed, Passages)
    assert ids(fixed) == ["d1", "d0", "d2"]
    assert "45" in fixed.passages[0].text


def test_any_of_several_gold_passages_will_do() -> None:
    own = Passages(passages("d0", "d2"))
    assert retriever.kept(given(), own, scene(gold=("d1", "d2"), match="any"))
    assert not retriever.kept(given(), own, scene(gold=("d1", "d2")))
    empty = retriever.repair(given(), Passages(()), scene(gold=("d1", "d2"), match="any"))
    assert ids(empty) == ["d1"]  # type: ignore[arg-type]


def test_the_ranker_may_use_only_its_input() -> None:
    own = Passages(passages("d0", "d2"))
    assert ids(ranker.repair(given("d0", "d2", "d3"), own, scene())) == ["d0", "d2"]  # type: ignore[arg-type]
    assert ids(ranker.repair(given("d0", "d2", "d1"), own, scene())) == ["d1", "d0"]  # type: ignore[arg-type]


def test_a_ranker_that_cut_one_of_two_gold_passages_is_given_room_for_both() -> None:
    own = Passages(passages("d0"))
    fixed = ranker.repair(given("d0", "d2", "d1"), own, scene(gold=("d1", "d2")))
    assert ids(fixed) == ["d2", "d1"]  # type: ignore[arg-type]


def test_the_compressor_gets_the_original_wording_of_gold_only() -> None:
    own = Passages(
        (Passage("d0", "Austral."), Passage("d1", "Borealis is paid in 30 days."), Passage("d2", "Ports."))
    )
    fixed = compressor.repair(given("d0", "d1", "d2"), own, scene())
    assert isinstance(fixed, Passages)
    assert [p.text for p in fixed.passages] == ["Austral.", CLAUSES["d1"], "Ports."]


def test_a_dropped_gold_passage_comes_back_in_its_place() -> None:
    own = Passages((Passage("d0", "Austral."), Passage("d2", "Ports.")))
    assert ids(compressor.repair(given("d0", "d1", "d2"), own, scene())) == ["d0", "d1", "d2"]  # type: ignore[arg-type]


LISTS = st.lists(st.sampled_from(sorted(CLAUSES)), max_size=6, unique=True)


@settings(max_examples=200, deadline=None)
@over(LISTS, LISTS, st.sampled_from([("d1",), ("d1", "d3")]), st.booleans())
@pytest.mark.parametrize("role", [retriever, ranker])
def test_repairs_keep_the_contract_are_idempotent_and_invent_nothing(
    role: object, before: list[str], after: list[str], gold: tuple[str, ...], ranked: bool
) -> None:
    if role is ranker:
        after = [i for i in after if i in before]
    own, around, taken = Passages(passages(*after)), scene(gold=gold, ranked=ranked), given(*before)
    fixed = role.repair(taken, own, around)  # type: ignore[attr-defined]
    assert role.kept(taken, fixed, around)  # type: ignore[attr-defined]
    assert role.repair(taken, fixed, around) is fixed  # type: ignore[attr-defined]
    source = set(before) if role is ranker else set(after) | set(gold)
    assert set(ids(fixed)) <= source
    assert len(fixed.passages) in (len(after), max(len(after), len(set(ids(fixed)) & set(gold))))
