"""The verifiers `overlap` and `judge`."""

from __future__ import annotations

import pytest

from diagnose.core.artifact import Answer, Context, Decision
from diagnose.errors import StageFailed, UsageError
from diagnose.stages.groundedness import grounded, judge, overlap, verdict_in
from tests.stages.test_rewrite import speaking

CONTEXT = Context("Parental leave lasts 16 weeks and is paid in full. Bikes are kept in the cellar.")
QUERY = "How long is parental leave in 2024?"


@pytest.mark.parametrize(
    "draft, accept",
    [
        ("Parental leave lasts 16 weeks.", True),
        ("It lasts 16 weeks.", True),
        ("It lasts 18 weeks.", False),
        ("In 2024 parental leave lasts 16 weeks.", True),
        ("The annual bonus is paid by the treasurer on request.", False),
        ("I don't know.", True),
        ("i don't know", True),
        ("", True),
    ],
)
def test_a_draft_has_to_stand_in_the_context(draft: str, accept: bool) -> None:
    assert overlap()(QUERY, CONTEXT, Answer(draft)) == Decision(accept)


def test_numbers_are_looked_at_only_where_asked_for() -> None:
    assert overlap(numbers=False)(QUERY, CONTEXT, Answer("It lasts 18 weeks.")).accept


def test_the_bar_is_where_it_is_set() -> None:
    draft = Answer("Parental leave lasts many happy weeks.")
    part = grounded(draft.text, CONTEXT.text)
    assert 0.5 < part < 0.9
    assert overlap(min_overlap=part)(QUERY, CONTEXT, draft).accept
    assert not overlap(min_overlap=part + 0.01)(QUERY, CONTEXT, draft).accept


def test_without_a_context_nothing_is_grounded() -> None:
    assert not overlap()(QUERY, None, Answer("Sixteen weeks.")).accept


@pytest.mark.parametrize(
    "said, accept", [("Yes.", True), ("**no** - the context says 16", False), ("Entailment", True)]
)
def test_a_judge_says_yes_or_no(said: str, accept: bool) -> None:
    model, asked = speaking(said)
    assert judge(model)(QUERY, CONTEXT, Answer("16 weeks")) == Decision(accept)
    [given] = asked
    assert given.context == CONTEXT
    assert "16 weeks" in given.query


def test_a_judge_that_says_neither_stops_the_run_unless_told_otherwise() -> None:
    model, _ = speaking("It depends.")
    with pytest.raises(StageFailed, match=r'neither yes nor no: "It depends\."'):
        judge(model)(QUERY, CONTEXT, Answer("x"))
    assert judge(model, unclear="accept")(QUERY, CONTEXT, Answer("x")).accept
    assert not judge(model, unclear="reject")(QUERY, CONTEXT, Answer("x")).accept


@pytest.mark.parametrize("said", ["", "?", "42", "the answer is yes"])
def test_only_the_first_word_is_a_verdict(said: str) -> None:
    assert verdict_in(said) is None


def test_a_judge_has_to_be_shown_the_draft() -> None:
    with pytest.raises(UsageError, match=r"prompt: expected \{answer\}"):
        judge(speaking("yes")[0], prompt="Is that right?")
