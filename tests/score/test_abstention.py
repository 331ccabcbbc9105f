from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnose.score.abstention import OPENING_CHARACTERS, abstains

ABSTAINS = [
    "I don't know.",
    "I do not know the answer to that.",
    "I\u2019m not sure.",
    "Sorry, but I have no information regarding that.",
    "I'm sorry. I cannot answer this question from the documents.",
    "Unfortunately, I do not have any specific information on how to do it.",
    "The provided context does not contain information about the refund period.",
    "The documents don't mention it.",
    "Based on the provided sources, there is no specific information about customer data.",
    "The role of care management is not specified in the provided sources.",
    "None of the passages mention it.",
    "This question cannot be answered from the context.",
    "I couldn't find any information about the second job.",
    "Unanswerable",
    "N/A",
    "no answer",
    "",
    "  \n",
]
ANSWERS = [
    "30 days.",
    "30 days. The documents do not mention exceptions.",
    "I don't know the exact date, but it was in May 2020.",
    "The plan does not cover mental health.",
    "According to the information provided, the plan does not cover prescriptions.",
    "No, Northwind Standard does not offer coverage for out-of-network providers.",
    "You cannot find the setting there any more.",
    "Although the text does not specifically say how, it does stress exercise.",
    "While the documents do not give examples, they stress the importance of research.",
    "The similar series are Community and 30 Rock but the document does not say which is the rival.",
    "She did not know who he was.",
    "Yes. The documents do not mention limits.",
    "There is no fee.",
    "None of the above applies to you.",
    "Unknown Pleasures",
    "!!!",
]


@pytest.mark.parametrize("answer", ABSTAINS)
def test_abstentions_are_seen(answer: str) -> None:
    assert abstains(answer)
    assert abstains(answer.upper())


@pytest.mark.parametrize("answer", ANSWERS)
def test_answers_are_no_abstentions(answer: str) -> None:
    assert not abstains(answer)


def test_the_pipelines_own_text_abstains() -> None:
    own = "Please ask a colleague."
    assert abstains("please ask a colleague", own)
    assert abstains("Please ask a colleague. Have a nice day!", own)
    assert not abstains("Please ask a colleague whether 30 days apply.", own)
    assert not abstains("please ask a colleague")
    long = "We are closed. " * 60
    assert len(long) > OPENING_CHARACTERS
    assert abstains(long, long)


@given(st.text(min_size=OPENING_CHARACTERS, max_size=OPENING_CHARACTERS + 50))
def test_what_comes_late_changes_nothing(opening: str) -> None:
    assert abstains(opening) == abstains(opening + " I don't know.")


def _rows(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def test_real_answers_of_three_systems(shared_data: Path) -> None:
    """Short answers to unanswerable questions abstain; long ones to answerable questions mostly answer."""
    rows = _rows(shared_data / "mtrag" / "traces_human_eval.jsonl")
    unanswerable = [r for r in rows if r["answerability"] == ["UNANSWERABLE"] and len(r["response"]) < 160]
    answerable = [r for r in rows if r["answerability"] == ["ANSWERABLE"]]
    assert len(unanswerable) >= 10
    assert sum(abstains(r["response"]) for r in unanswerable) >= 0.8 * len(unanswerable)
    assert sum(abstains(r["response"]) for r in answerable) <= 0.04 * len(answerable)
