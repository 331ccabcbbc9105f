"""Judgements that a log holds of itself (annotations, assessments, scores, feedback) as labels and outcomes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from diagnose.traces.account import Account
from diagnose.traces.cited import as_number
from diagnose.traces.span import Cited, Labelled

EXPECTED = frozenset(
    {
        *(
            "expected_response",
            "expected_answer",
            "expected_output",
            "expected",
            "ground_truth",
            "ground_truths",
        ),
        *(
            "reference",
            "reference_answer",
            "gold_answer",
            "correct_answer",
            "ideal",
            "target",
            "expected_facts",
        ),
    }
)
CORRECTNESS = frozenset(
    {
        *("correctness", "correct", "is_correct", "answer_correctness", "accuracy", "answer_accuracy"),
        *("exact_match", "qa_correctness", "answer_correct", "response_correctness", "result"),
    }
)
FEEDBACK_WORDS = ("feedback", "thumb", "rating", "user_score", "user-score", "vote", "like")
OURS = "diagnose."
YES = frozenset(
    {"true", "yes", "correct", "pass", "passed", "up", "thumbs_up", "thumbs-up", "good", "positive", "1"}
)
NO = frozenset(
    {
        "false",
        "no",
        "incorrect",
        "fail",
        "failed",
        "down",
        "thumbs_down",
        "thumbs-down",
        "bad",
        "negative",
        "0",
    }
)
NO_FEEDBACK = frozenset({*NO, "-1"})


class Judgement(NamedTuple):
    """One judgement: a number, a word, or (an expectation) the answer itself."""

    name: str
    score: Any = None
    label: Any = None
    expectation: Any = None


def labelled_by(judgements: Iterable[Judgement], account: Account) -> Labelled | None:
    """What the judgements say in our words. Names that say neither answer nor correctness are noted."""
    answers: list[str] = []
    score: float | None = None
    feedback: float | None = None
    for judgement in judgements:
        name = judgement.name.strip().lower().replace(" ", "_")
        if name in EXPECTED or judgement.expectation is not None:
            given = judgement.expectation if judgement.expectation is not None else judgement.label
            answers += _texts(given if given is not None else judgement.score)
        elif name in CORRECTNESS and (found := _unit(judgement)) is not None:
            score = found
        elif any(word in name for word in FEEDBACK_WORDS) and (found := _thumb(judgement)) is not None:
            feedback = found
        elif not name.startswith(OURS):
            account.note(f"judgement {judgement.name[:80]!r} is neither correctness nor feedback: left out")
    if not answers and score is None and feedback is None:
        return None
    return Labelled(tuple(dict.fromkeys(answers)), (), score, feedback)


def merged(labels: Iterable[Labelled | None]) -> Labelled | None:
    """All labels of a trace as one; the first score counts."""
    answers: dict[str, None] = {}
    passages: list[Cited] = []
    score: float | None = None
    feedback: float | None = None
    found = False
    for label in labels:
        if label is None:
            continue
        found = True
        answers.update(dict.fromkeys(label.answers))
        passages += [passage for passage in label.passages if passage not in passages]
        score = label.score if score is None else score
        feedback = label.feedback if feedback is None else feedback
    return Labelled(tuple(answers), tuple(passages), score, feedback) if found else None


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value] if value.strip() else []
    if isinstance(value, list | tuple):
        return [text for item in value for text in _texts(item)]
    return [str(value)] if isinstance(value, int | float) else []


def _unit(judgement: Judgement) -> float | None:
    """A judgement of correctness from 0 to 1."""
    for value in (judgement.score, judgement.label):
        if isinstance(value, bool):
            return float(value)
        if (number := as_number(value)) is not None and 0 <= number <= 1:
            return number
        if isinstance(value, str) and value.strip().lower() in YES | NO:
            return float(value.strip().lower() in YES)
    return None


def _thumb(judgement: Judgement) -> float | None:
    """A user's reaction from -1 to 1; a lone 0 of a yes-or-no button is a no."""
    for value in (judgement.label, judgement.score):
        if isinstance(value, str) and (word := value.strip().lower()) in YES | NO_FEEDBACK:
            return 1.0 if word in YES else -1.0
        if isinstance(value, bool):
            return 1.0 if value else -1.0
        if (number := as_number(value)) is not None and -1 <= number <= 1:
            return number if number else -1.0
    return None
