from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnose.score.numerals import NUMBERS_MOST, SCALES, TENS, UNITS, find_numbers


@pytest.mark.parametrize(
    "text, expected",
    [
        ("1,234.5", ["#1234.5"]),
        ("1,2345", ["#1", "#2345"]),
        ("1,2,3", ["#1", "#2", "#3"]),
        ("-5 to 10", ["#-5", "#10"]),
        ("10-15 days", ["#10", "#15"]),
        ("12 %, 7 percent", ["#12%", "#7%"]),
        ("$1.5M", ["#1500000"]),
        ("$-3.5 million", ["#-3500000"]),
        ("5k and 5m", ["#5000", "#5"]),
        ("1/2 cup", ["#0.5"]),
        (".5", ["#0.5"]),
        ("1e5", ["#100000"]),
        ("twenty-five", ["#25"]),
        ("two hundred and fifty thousand", ["#250000"]),
        ("one hundred twenty-three million four hundred", ["#123000400"]),
        ("one two three", ["#1", "#2", "#3"]),
        ("between ten and twenty", ["#10", "#20"]),
        ("twenty and five", ["#20", "#5"]),
        ("a hundred and one", ["#101"]),
        ("5kg", ["#5"]),
        ("someone often tends to attend", []),
        ("Q1 GPT-4 COVID-19 v1.2.3 10:45 3/4/2024", []),
        ("1/0", []),
        ("9" * 60, []),
    ],
)
def test_numbers_are_read_and_names_are_not(text: str, expected: list[str]) -> None:
    assert [number.token for number in find_numbers(text)] == expected


@given(st.integers(-(10**9), 10**9))
def test_any_integer_is_read_back_plain_and_grouped(value: int) -> None:
    for text in (f"{value}", f"it is {value:,} then"):
        assert [number.value for number in find_numbers(text)] == [float(value)]


def _in_words(value: int) -> str:
    names = {value: word for word, value in UNITS.items()} | {value: word for word, value in TENS.items()}
    for scale in ("million", "thousand", "hundred"):
        if value >= (size := int(SCALES[scale])):
            rest = f" {_in_words(value % size)}" if value % size else ""
            return f"{_in_words(value // size)} {scale}{rest}"
    return names.get(value) or f"{names[value // 10 * 10]}-{names[value % 10]}"


@given(st.integers(0, 999_999_999))
def test_any_number_in_words_is_read_back(value: int) -> None:
    assert [number.value for number in find_numbers(f"exactly {_in_words(value)} of them")] == [float(value)]


@given(st.text(alphabet="0123456789.,-/%eEkM$ onetwhudra", max_size=60))
def test_spans_are_in_order_and_apart(text: str) -> None:
    found = find_numbers(text)
    assert all(0 <= n.start < n.end <= len(text) for n in found)
    assert all(one.end <= other.start for one, other in pairwise(found))


@pytest.mark.parametrize(
    "piece", ["1,", "1,234", "1.2.", "twenty ", "hundred and ", "1/", "-", "$", "9", "1e"]
)
def test_hostile_texts_give_few_numbers(piece: str) -> None:
    assert len(find_numbers(piece * 50_000)) <= NUMBERS_MOST
