from __future__ import annotations

import re
import string
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnose.score.tokens import CHARACTERS_MOST, MARKS_MOST, comparable, composed, normalised, tokens


def _squad(text: str) -> list[str]:
    """The official normalisation, as SQuAD's paper and script describe it."""
    text = "".join(c for c in text.lower() if c not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", text).split()


@given(st.text(alphabet=string.ascii_lowercase + " ,;!?'\"()", max_size=60))
def test_plain_english_is_normalised_as_squad_does(text: str) -> None:
    assert list(tokens(text)) == _squad(text)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("The U.S. Treasury's", "us treasurys"),
        ("«Paris» — “the” capital…", "paris capital"),
        ("Paris—the capital", "paris capital"),
        ("Paris[1].", "paris 1"),
        ("within [30] days", "within 30 days"),
        ("3.5 mg", "3.5 mg"),
        ("-5 °C", "-5 °c"),
        ("\u22125 and $-7", "-5 and -7"),
        (".5 or 0.5", ".5 or 0.5"),
        ("1,234.5 and 1,2", "1234.5 and 1 2"),
        ("10\u201315 days", "10-15 days"),
        ("2024-03-05 10:45 1/2", "2024-03-05 10:45 1/2"),
        ("- item one", "item one"),
        ("€5 £6 $7", "5 6 7"),
        ("Straße STRASSE", "strasse strasse"),
        ("cafe\u0301", "café"),
        ("答案是北京。", "答 案 是 北 京"),
        ("wait...what 1..2", "wait what 1 2"),
        ("vitamin A", "vitamin a"),
        ("Once Upon A Time", "once upon time"),
        ("get a refund", "get refund"),
    ],
)
def test_what_differs_from_squad(text: str, expected: str) -> None:
    assert normalised(text) == expected


@pytest.mark.parametrize(
    "one, other", [("3.5", "35"), ("-5", "5"), ("1/2", "12"), ("10-15", "1015"), ("10:45", "1045")]
)
def test_different_numbers_stay_different(one: str, other: str) -> None:
    assert tokens(one) != tokens(other)


def test_a_reference_keeps_what_it_would_vanish_without() -> None:
    assert comparable("The Who", "The") == (("the", "who"), ("the",))
    assert comparable("C + D", "+") == (("C", "+", "D"), ("+",))
    assert comparable("anything", " \t") == (("anything",), ())


@given(st.text(alphabet="athex 0159.,-/:$([]é—東\u0301", max_size=40))
def test_tokens_of_tokens_are_the_same(text: str) -> None:
    found = tokens(text)
    assert tokens(" ".join(found)) == found


@given(st.text(max_size=80))
def test_no_token_is_blank_or_an_article_out_of_place(text: str) -> None:
    assert all(token and token == "".join(token.split()) for token in tokens(text))
    assert not {"an", "the"} & set(tokens(text))


def test_hostile_sizes_are_cut() -> None:
    marks = composed("x" + "\u0301\u0323" * CHARACTERS_MOST)
    assert len(marks) <= MARKS_MOST + 2
    assert len(tokens("w " * CHARACTERS_MOST)) == CHARACTERS_MOST // 2
    assert tokens("z" * CHARACTERS_MOST + " tail") == ("z" * CHARACTERS_MOST,)


def test_stand_ins_in_a_text_do_no_harm() -> None:
    assert Counter(tokens("a\ue000b \ue004 c"))["c"] == 1
