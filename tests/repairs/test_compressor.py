"""The compressor owes the evidence, unharmed."""

from __future__ import annotations

import pytest
from hypothesis import given as over
from hypothesis import strategies as st

from diagnose.attribute.modes import mode_of
from diagnose.core.artifact import Passage, Passages
from diagnose.core.stage import Given
from diagnose.core.trace import Gold, GoldPassage
from diagnose.repairs import compressor
from diagnose.repairs.contract import Scene
from diagnose.score.content import sentences
from diagnose.score.label import Library, label_of
from diagnose.stages.corpus import MemoryCorpus
from tests.repairs.scenes import QUERY

PAID = "Invoices of Borealis Freight, unless disputed, are payable within 45 days of receipt."
GOLD = f"The contract runs since May. {PAID} Payment is not made in cash."
OTHER = "Austral Mining delivers copper. It is paid at the end of the month."
BEFORE = (Passage("d1", GOLD, 2.0), Passage("d0", OTHER, 1.0))


def scene(*labelled: str) -> Scene:
    """The gold passage, its evidence sentences labelled or not."""
    gold = Gold(("45 days",), (GoldPassage("d1", sentences=labelled),))
    label = label_of(gold, QUERY, Library(MemoryCorpus(BEFORE)))
    assert label is not None
    return Scene(label, "I don't know.")


TAKEN = Given(QUERY.text, QUERY, BEFORE)


def own(gold: str | None, other: str = "Austral delivers copper.") -> Passages:
    """What a compressor made of the two; None where it left the gold out."""
    kept = (Passage("d0", other, 1.0),)
    return Passages(kept if gold is None else (Passage("d1", gold, 2.0), *kept))


def repaired(gold: str | None) -> list[tuple[str, str]]:
    fixed = compressor.repair(TAKEN, own(gold), scene(PAID))
    assert isinstance(fixed, Passages)
    return [(p.id, p.text) for p in fixed.passages]


def test_a_passage_cut_to_its_evidence_is_left_alone() -> None:
    short = own(PAID)
    assert compressor.repair(TAKEN, short, scene(PAID)) is short


@pytest.mark.parametrize(
    "gold, mode",
    [
        (None, "lost"),
        ("", "lost"),
        ("The contract runs since May.", "lost"),
        ("Invoices of Borealis Freight, unless", "lost"),
        (PAID.replace("45", "54"), "distorted"),
        (PAID.replace("are payable", "are not payable"), "distorted"),
        (PAID.replace("Borealis Freight", "Cirrus Software"), "distorted"),
        (
            "Invoices of Borealis Freight, unless disputed, have to be paid within 45 days of receipt.",
            "distorted",
        ),
    ],
)
def test_evidence_that_is_gone_or_changed_is_the_compressors(gold: str | None, mode: str) -> None:
    around = scene(PAID)
    assert not compressor.kept(TAKEN, own(gold), around)
    assert mode_of("compressor", TAKEN, own(gold), around) == mode
    fixed = compressor.repair(TAKEN, own(gold), around)
    assert compressor.kept(TAKEN, fixed, around)
    assert compressor.repair(TAKEN, fixed, around) is fixed


def test_it_is_made_whole_no_further_than_the_evidence() -> None:
    assert repaired("The contract runs since May.") == [
        ("d1", f"The contract runs since May. {PAID}"),
        ("d0", "Austral delivers copper."),
    ]
    assert repaired(None) == [("d1", PAID), ("d0", "Austral delivers copper.")]


def test_unlabelled_evidence_comes_back_with_what_is_around_it() -> None:
    """The window around the answer reaches over the sentence: all of the passage is needed."""
    fixed = compressor.repair(TAKEN, own(None), scene())
    assert isinstance(fixed, Passages)
    assert fixed.passages[0].text == GOLD


def test_a_long_sentence_with_one_figure_changed_is_not_held_for_its_length() -> None:
    long = PAID.replace(
        "unless disputed", "unless they are disputed in writing by the buyer within ten working days"
    )
    taken = Given(QUERY.text, QUERY, (Passage("d1", f"Opening. {long} End."), BEFORE[1]))
    label = label_of(
        Gold(("receipt",), (GoldPassage("d1", sentences=(long,)),)),
        QUERY,
        Library(MemoryCorpus(taken.passages)),
    )
    assert label is not None
    around = Scene(label, "I don't know.")
    changed = Passages((Passage("d1", long.replace("45", "54")), BEFORE[1]))
    assert compressor.changed(taken, changed.passages, around) == "number"
    assert not compressor.kept(taken, changed, around)


CUTS = st.lists(st.sampled_from([*sentences(GOLD), "Borealis pays 30 days.", ""]), max_size=4).map(" ".join)


@over(st.none() | CUTS, st.sampled_from(["", "Copper.", OTHER]))
def test_a_repair_keeps_the_contract_and_invents_nothing(gold: str | None, other: str) -> None:
    around = scene(PAID)
    fixed = compressor.repair(TAKEN, own(gold, other), around)
    assert isinstance(fixed, Passages)
    assert compressor.kept(TAKEN, fixed, around)
    assert [p.id for p in fixed.passages] == ["d1", "d0"]
    assert fixed.passages[1].text == other
    assert fixed.passages[0].text == gold or fixed.passages[0].text in GOLD or PAID in fixed.passages[0].text
