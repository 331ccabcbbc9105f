from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagnose.core.score import Score
from diagnose.errors import UsageError
from diagnose.score.answer import contains, exact_match, numeric, rouge_l, token_f1
from diagnose.score.tokens import CHARACTERS_MOST

Metric = Callable[[str, tuple[str, ...]], Score]
TEXTUAL: tuple[Metric, ...] = (exact_match, contains, token_f1, rouge_l)
ALL: tuple[Metric, ...] = (*TEXTUAL, numeric)

VOCABULARY = ["refund", "paris", "days", "30", "A", "the", "no"]
WORDS = st.lists(st.sampled_from(VOCABULARY), max_size=6).map(" ".join)


def test_exact_match_known_values() -> None:
    assert exact_match("The Eiffel Tower.", ("eiffel tower",)).value == 1.0
    assert exact_match("Eiffel", ("eiffel tower",)).value == 0.0
    assert exact_match("b", ("a thing", "B!")).value == 1.0
    assert exact_match("3.5", ("35",)).value == 0.0


def test_token_f1_known_values() -> None:
    # 2 tokens in common, 3 said, 4 wanted.
    assert token_f1("cat sat here", ("the cat sat down there",)).value == pytest.approx(2 * 2 / (3 + 4))
    # A token counts as often as both have it.
    assert token_f1("x x x", ("x x y",)).value == pytest.approx(2 * 2 / 6)
    assert token_f1("one", ("two", "one")).value == 1.0
    assert token_f1("", ("two",)).value == 0.0


def test_rouge_l_known_values() -> None:
    # Lin (2004), section 3: the longest common subsequence of S1 and S2 has 3 words, of S1 and S3 2.
    assert rouge_l("police kill gunman", ("police killed gunman",)).value == pytest.approx(2 / 3)
    assert rouge_l("gunman kill police", ("police killed gunman",)).value == pytest.approx(1 / 3)
    assert rouge_l("w x y z", ("w q x r z",)).value == pytest.approx(2 * 3 / (4 + 5))


@pytest.mark.parametrize(
    "answer, reference, expected",
    [
        ("It takes 30 days.", "30 days", 1.0),
        ("It takes 130 days.", "30 days", 0.0),
        ("It takes 30.5 days.", "30", 0.0),
        ("category", "cat", 0.0),
        ("days 30", "30 days", 0.0),
        ("Paris[1] it is", "Paris", 1.0),
        ("hepatitis B", "hepatitis A", 0.0),
        ("首都是北京。", "北京", 1.0),
        ("", "x", 0.0),
    ],
)
def test_contains_matches_whole_words_in_a_row(answer: str, reference: str, expected: float) -> None:
    assert contains(answer, (reference,)).value == expected


@pytest.mark.parametrize(
    "answer, reference, expected",
    [
        ("No.", "no", 1.0),
        ("No, it is not.", "no", 1.0),
        ("**No** \u2013 never", "no", 1.0),
        ("No it is not", "no", 1.0),
        ("The answer is no.", "no", 1.0),
        ("Hm.\nYes", "yes", 1.0),
        ("There is no such rule.", "no", 0.0),
        ("No information is available.", "no", 0.0),
        ("Nobody knows", "no", 0.0),
        ("Yes, both are American.", "yes", 1.0),
        ("Yes, both are American.", "no", 0.0),
        ("A", "A", 1.0),
        ("(A) Paris", "A", 1.0),
        ("The answer is A.", "A", 1.0),
        ("B, as a rule", "A", 0.0),
    ],
)
def test_bare_yes_no_and_choices_have_to_be_stated(answer: str, reference: str, expected: float) -> None:
    assert contains(answer, (reference,)).value == expected


@pytest.mark.parametrize(
    "answer, reference, expected",
    [
        ("about 1,234.5 units", "1234.5", 1.0),
        ("thirty days", "30", 1.0),
        ("12%", "0.12", 1.0),
        ("0.12", "12 percent", 1.0),
        ("12", "12%", 1.0),
        ("12%", "12", 1.0),
        ("12%", "1200", 0.0),
        ("1.5 million", "1500000", 1.0),
        ("between 10 and 20", "10 to 20", 1.0),
        ("10", "10 to 20", 0.0),
        ("-5", "5", 0.0),
        ("none at all", "5", 0.0),
    ],
)
def test_numeric_known_values(answer: str, reference: str, expected: float) -> None:
    assert numeric(answer, (reference,)).value == expected


def test_numeric_tolerances_and_picks() -> None:
    assert numeric("3.14", ("3.14159",)).value == 0.0
    assert numeric("3.14", ("3.14159",), relative=0.001).value == 1.0
    assert numeric("102", ("100",), absolute=2).value == 1.0
    assert numeric("103", ("100",), absolute=2).value == 0.0
    assert numeric("in 2019 it was 7", ("7",), pick="last").value == 1.0
    assert numeric("in 2019 it was 7", ("7",), pick="first").value == 0.0
    with pytest.raises(UsageError, match="any, first, last"):
        numeric("1", ("1",), pick="best")
    with pytest.raises(UsageError, match="0 or more"):
        numeric("1", ("1",), relative=float("nan"))


def test_undefined_is_never_a_number() -> None:
    for metric in ALL:
        assert metric("anything", ()) == Score(None, "no reference answer")
        assert metric("anything", ("  ", "")).value is None
    assert numeric("5", ("many",)) == Score(None, "no reference holds a number")
    assert numeric("5", ("many", "5")).value == 1.0


@settings(max_examples=60)
@given(WORDS, st.lists(WORDS, max_size=3).map(tuple))
def test_scores_are_scores_and_more_references_never_hurt(answer: str, references: tuple[str, ...]) -> None:
    for metric in ALL:
        fewer, more = metric(answer, references[:1]), metric(answer, references)
        assert more.value is None or 0.0 <= more.value <= 1.0
        if fewer.value is not None:
            assert more.value is not None
            assert more.value >= fewer.value


@given(st.text(min_size=1, max_size=40))
def test_a_text_matches_itself(text: str) -> None:
    for metric in (exact_match, token_f1, rouge_l):
        assert metric(text, (text,)).value == (1.0 if text.split() else None)


@settings(max_examples=60)
@given(WORDS, WORDS)
def test_the_metrics_are_ordered(answer: str, reference: str) -> None:
    exact, f1 = exact_match(answer, (reference,)).value, token_f1(answer, (reference,)).value
    rouge = rouge_l(answer, (reference,)).value
    if exact is not None and f1 is not None and rouge is not None:
        assert exact <= rouge <= f1 + 1e-12


@pytest.mark.parametrize("metric", ALL)
def test_what_lies_beyond_the_limit_is_not_scored(metric: Metric) -> None:
    assert metric("- " * (CHARACTERS_MOST // 2) + "7", ("7",)).value == 0.0


def _rows(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def test_a_bare_no_is_not_found_in_real_passages(shared_data: Path) -> None:
    """What the rule of stated yes and no is for: prose holds `no` without answering no."""
    texts = [row["text"] for row in _rows(shared_data / "hotpotqa500" / "corpus.jsonl")]
    with_no = [text for text in texts if " no " in text.lower()]
    assert len(with_no) > 50
    assert sum(contains(text, ("no",)).value or 0.0 for text in with_no) <= 0.02 * len(with_no)
