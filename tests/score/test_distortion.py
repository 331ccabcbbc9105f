"""What a shorter text changed of the one it stands for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnose.score.content import sentences
from diagnose.score.distortion import distortion

CLAUSE = (
    "Invoices of Borealis Freight are payable within 45 days of receipt. Refunds are not granted after May."
)


@pytest.mark.parametrize(
    "shorter, change",
    [
        (CLAUSE, None),
        ("Invoices of Borealis Freight are payable within 45 days.", None),
        ("Borealis: payable within 45 days of receipt", None),
        ("Refunds are not granted.", None),
        ("", None),
        ("Something else entirely.", None),
        ("Invoices of Borealis Freight are payable within 54 days of receipt.", "number"),
        ("Borealis invoices payable in 30 days of receipt", "number"),
        ("Refunds are granted after May.", "negation"),
        ("Refunds aren't not granted after May.", "negation"),
        ("Invoices of Borealis Freight aren't payable within 45 days of receipt.", "negation"),
        ("Invoices of Austral Mining are payable within 45 days of receipt.", "name"),
        ("Invoices of Freight are payable within 45 days of receipt.", None),
    ],
)
def test_a_change_is_told_from_an_omission(shorter: str, change: str | None) -> None:
    assert distortion(CLAUSE, shorter) == change


def test_a_sentence_of_the_source_stands_for_itself_only() -> None:
    source = "Dogs are allowed in the garden. Dogs are not allowed in the house."
    assert distortion("Dogs are not allowed in the house.", "Dogs are allowed in the garden.", source) is None
    assert (
        distortion("Dogs are not allowed in the house.", "Dogs are allowed in the house.", source)
        == "negation"
    )


def test_numbers_of_the_source_are_not_foreign() -> None:
    source = "Austral is paid within 30 days. Borealis is paid within 45 days."
    assert (
        distortion("Borealis is paid within 45 days.", "Austral and Borealis: 30 and 45 days", source) is None
    )


TEXT = st.lists(st.sampled_from([*sentences(CLAUSE), "Is it?", "No.", "Oslo has 7 of 9."]), max_size=5)


@given(TEXT, st.data())
def test_leaving_sentences_out_changes_nothing(text: list[str], data: st.DataObject) -> None:
    left = [s for s in text if data.draw(st.booleans())]
    assert distortion(" ".join(text), " ".join(left)) is None


@given(st.text(), st.text())
def test_any_text_can_be_compared(a: str, b: str) -> None:
    assert distortion(a, b) in (None, "number", "negation", "name")
    assert distortion(a, a) is None
