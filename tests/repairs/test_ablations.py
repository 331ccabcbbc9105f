"""Ablations: each takes one thing away and leaves the rest."""

from __future__ import annotations

import pytest

from diagnose.core.artifact import Context, Passage
from diagnose.repairs.ablations import ABLATIONS
from tests.repairs.scenes import CLAUSES, ids, passages, scene

SHOWN = passages("d0", "d1", "d2", "d3")
CONTEXT = Context("\n\n".join(p.text for p in SHOWN), SHOWN)
OTHERS = (
    Passage("x1", "Tea is served at four."),
    Passage("x2", "The canteen is closed on the first Monday of May."),
)


def ablated(name: str, seed: int = 0, others: tuple[Passage, ...] = OTHERS) -> Context:
    return ABLATIONS[name](CONTEXT, scene(), others, seed)


def test_identity_changes_nothing() -> None:
    assert ablated("identity") is CONTEXT


@pytest.mark.parametrize("name", ["nothing", "closed-book"])
def test_nothing_is_nothing(name: str) -> None:
    assert ablated(name) == Context("", ())


def test_gold_only() -> None:
    assert ids(ablated("gold-only")) == ["d1"]
    assert ablated("gold-only").text == CLAUSES["d1"]


@pytest.mark.parametrize("seed", range(6))
def test_shuffle_keeps_the_passages_and_never_the_order(seed: int) -> None:
    found = ablated("shuffle", seed)
    assert sorted(ids(found)) == ids(CONTEXT)
    assert ids(found) != ids(CONTEXT)
    assert ablated("shuffle", seed) == found
    assert all(p.text in found.text for p in SHOWN)


def test_one_passage_cannot_be_shuffled() -> None:
    alone = Context(CLAUSES["d1"], passages("d1"))
    assert ids(ABLATIONS["shuffle"](alone, scene(), (), 0)) == ["d1"]


def test_irrelevant_swap_keeps_the_gold_in_its_place() -> None:
    found = ablated("irrelevant-swap")
    assert len(found.passages) == 4
    assert found.passages[1].id == "d1"
    assert sorted(p.id for p in found.passages if p.id.startswith("x")) == ["x1", "x2"]
    # There are too few irrelevant passages: the last distractor stays.
    assert found.passages[3].id == "d3"


def test_swapped_passages_are_as_long_as_may_be() -> None:
    assert ablated("irrelevant-swap").passages[0].id == "x2"


def test_without_other_passages_nothing_is_swapped() -> None:
    assert ids(ablated("irrelevant-swap", others=())) == ids(CONTEXT)
