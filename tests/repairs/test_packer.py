"""The packer's repair restores the contract and touches nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given as over
from hypothesis import settings
from hypothesis import strategies as st

from diagnose.core.artifact import Context, Passage
from diagnose.repairs import packer
from tests.repairs.scenes import CLAUSES, given, ids, passages, scene

SEPARATOR = "\n\n"
FRAMES = {
    "plain": ("", "{text}", SEPARATOR, ""),
    "numbered": ("Context:\n", "[{n}] {text}", "\n", "\nEnd."),
    "labelled": ("", "## {id}\n{text}", "\n\n", ""),
    "bulleted": ("Use only this:\n", "- ({id}) {text}", "\n", ""),
}


def packed(shown: Sequence[Passage], frame: str = "plain") -> Context:
    head, block, separator, tail = FRAMES[frame]
    blocks = [block.format(n=i + 1, id=p.id, text=p.text) for i, p in enumerate(shown)]
    return Context(head + separator.join(blocks) + tail, tuple(shown))


def repaired(own: Context, *order: str, **around: Any) -> Context:
    result = packer.repair(given(*order), own, scene(**around))
    assert isinstance(result, Context)
    return result


@pytest.mark.parametrize("frame", FRAMES)
def test_a_sound_context_is_left_as_it_is(frame: str) -> None:
    own = packed(passages("d1", "d2", "d3"), frame)
    assert repaired(own, "d1", "d2", "d3", "d4") is own


@pytest.mark.parametrize("frame", FRAMES)
def test_reordered_passages_come_back_in_rank_order_in_the_same_frame(frame: str) -> None:
    own = packed(passages("d3", "d2", "d1"), frame)
    assert packer.faults(given("d1", "d2", "d3"), own, scene()) == ("reordered",)
    assert repaired(own, "d1", "d2", "d3") == packed(passages("d1", "d2", "d3"), frame)


@pytest.mark.parametrize("frame", FRAMES)
def test_dropped_gold_takes_its_rank_place_at_the_cost_of_the_last_non_gold(frame: str) -> None:
    own = packed(passages("d0", "d2", "d3"), frame)
    assert packer.faults(given("d0", "d1", "d2", "d3"), own, scene()) == ("dropped",)
    assert repaired(own, "d0", "d1", "d2", "d3") == packed(passages("d0", "d1", "d2"), frame)


def test_truncated_gold_is_made_whole() -> None:
    cut = Context(
        CLAUSES["d0"] + SEPARATOR + CLAUSES["d1"][:40], (*passages("d0"), Passage("d1", CLAUSES["d1"][:40]))
    )
    assert packer.faults(given("d0", "d1", "d2"), cut, scene()) == ("truncated",)
    assert repaired(cut, "d0", "d1", "d2", budget_tokens=40) == packed(passages("d0", "d1"))
    assert ids(repaired(cut, "d0", "d1", "d2", budget_tokens=12)) == ["d1"]


def test_duplicates_are_shown_once() -> None:
    own = packed(passages("d0", "d0", "d0", "d1"))
    assert packer.faults(given("d0", "d1"), own, scene()) == ("duplicated",)
    assert repaired(own, "d0", "d1") == packed(passages("d0", "d1"))


def test_duplicates_that_pushed_the_gold_out_give_way_to_it() -> None:
    own = packed(passages("d0", "d0", "d0"))
    assert ids(repaired(own, "d0", "d2", "d1", budget_tokens=30)) == ["d0", "d1"]


def test_what_copies_displaced_comes_back_in_their_places() -> None:
    own = packed(passages("d0", "d0", "d1", "d1", "d1"))
    order = ("d0", "d2", "d3", "d1", "d4")
    assert repaired(own, *order, budget_tokens=1000) == packed(passages("d0", "d2", "d3", "d1"))


def test_what_a_cut_displaced_comes_back_as_far_as_the_declared_budget_goes() -> None:
    cut = Context(CLAUSES["d0"][:30], (Passage("d0", CLAUSES["d0"][:30]),))
    order = ("d0", "d2", "d1", "d3")
    assert repaired(cut, *order, budget_tokens=1000) == packed(passages("d0", "d2", "d1"))
    assert repaired(cut, *order, budget_tokens=30) == packed(passages("d0", "d1"))
    assert ids(repaired(cut, *order)) == ["d1"], "without a declared budget it may take what it took"


@pytest.mark.parametrize(
    "garble",
    [
        lambda text: text[::-1],
        lambda text: text.upper(),
        lambda text: "".join(c for c in text if c.isalnum() or c == " "),
        lambda text: text.replace(" ", ""),
        lambda text: " ".join(reversed(text.split())),
    ],
    ids=["reversed", "upper", "unpunctuated", "unspaced", "backwards"],
)
def test_garbled_passages_come_from_the_input(garble: object) -> None:
    shown = passages("d1", "d2")
    own = Context(SEPARATOR.join(garble(p.text) for p in shown), shown)  # type: ignore[operator]
    assert packer.faults(given("d1", "d2", "d3"), own, scene())[0] == "garbled"
    assert repaired(own, "d1", "d2", "d3", budget_tokens=40) == packed(shown)


def test_a_context_over_the_models_window_loses_its_last_non_gold() -> None:
    own = packed(passages("d1", "d2", "d3", "d4"))
    around: dict[str, Any] = {"window_tokens": 25, "budget_tokens": 1000}
    assert packer.faults(given("d1", "d2", "d3", "d4"), own, scene(**around)) == ("over-window",)
    assert ids(repaired(own, "d1", "d2", "d3", "d4", **around)) == ["d1", "d2"]


def test_the_budget_is_at_fault_only_where_the_evidence_cannot_fit() -> None:
    own = Context(CLAUSES["d1"][:30], (Passage("d1", CLAUSES["d1"][:30]),))
    assert packer.cannot_fit(given("d1", "d2"), scene(budget_tokens=5))
    assert not packer.cannot_fit(given("d1", "d2"), scene(budget_tokens=50))
    assert repaired(own, "d1", "d2", budget_tokens=5).text == CLAUSES["d1"]


def test_behind_the_gold_anything_goes() -> None:
    own = packed(passages("d1", "d4", "d2", "d4"))
    assert packer.kept(given("d1", "d2", "d4"), own, scene())


def test_without_gold_in_its_input_nothing_is_owed() -> None:
    own = packed(passages("d4", "d2"))
    assert packer.kept(given("d2", "d4"), own, scene())


ORDERS = st.permutations(list(CLAUSES)).flatmap(
    lambda order: st.tuples(st.just(order), st.lists(st.sampled_from(order), max_size=8))
)


@settings(max_examples=150, deadline=None)
@over(ORDERS, st.sampled_from(sorted(FRAMES)), st.integers(5, 60))
def test_a_repaired_context_keeps_the_contract_and_is_repaired_no_further(
    order_shown: tuple[list[str], list[str]], frame: str, budget: int
) -> None:
    order, shown = order_shown
    own = packed(passages(*shown), frame)
    around: dict[str, Any] = {"budget_tokens": budget}
    fixed = repaired(own, *order, **around)
    assert packer.kept(given(*order), fixed, scene(**around))
    assert repaired(fixed, *order, **around) is fixed
