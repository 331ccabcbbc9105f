"""The metric beside people's marks: what agrees, by how much, and with what doubt."""

from __future__ import annotations

import numpy as np
import pytest

from diagnose.core.artifact import Query
from diagnose.core.trace import Gold, Outcome, Trace
from diagnose.errors import StageFailed
from diagnose.flow.agreeing import Marked, agreement_of, kappa, marked_of, told
from diagnose.flow.found import Scored
from diagnose.score.table import Scorer

GOLD = Gold(("fourteen days",))


def marks(right: int, wrong: int, lenient: int = 0, strict: int = 0) -> list[Marked]:
    """Answers that both sides pass, that both fail, that the metric alone passes, that people alone accept."""
    return [
        *[Marked("fourteen days", GOLD, True, None)] * right,
        *[Marked("a week", GOLD, False, None)] * wrong,
        *[Marked("fourteen days", GOLD, False, None)] * lenient,
        *[Marked("two weeks", GOLD, True, None)] * strict,
    ]


def test_what_is_counted() -> None:
    found = agreement_of(marks(6, 2, lenient=1, strict=1), Scorer(), 0)
    assert found is not None
    assert (found.metric, found.n, found.agrees) == ("contains", 10, 0.8)
    assert (found.too_lenient, found.too_strict) == (1, 1)
    assert found.kappa == pytest.approx((0.8 - 0.58) / 0.42)
    assert found.low is not None
    assert found.high is not None
    assert 0.4 < found.low < 0.8 < found.high < 1.0
    assert "on 80% of 10 answers" in told(found)
    assert "passes 1 that they rejected and fails 1 that they accepted" in told(found)


def test_marks_of_one_conversation_tell_less() -> None:
    apart = agreement_of([m._replace(cluster=str(i)) for i, m in enumerate(marks(30, 0, 30))], Scorer(), 0)
    one = agreement_of([m._replace(cluster=m.answer + str(m.right)) for m in marks(30, 0, 30)], Scorer(), 0)
    assert apart is not None
    assert one is not None
    assert apart.low is not None
    assert one.low is not None
    assert one.low < apart.low


def test_a_judge_is_asked_as_often_as_it_votes_and_another_pass_mark_is_named() -> None:
    """Three votes of five for what people reject, four of five for what they accept."""
    asked: list[int] = []

    def ask(question: str, seed: int) -> str:
        asked.append(seed)
        return "yes" if seed < (4 if "good" in question else 3) else "no"

    judge = Scorer("judge", options={"repeats": 5}, ask=ask)
    answers = [Marked(f"good {i}", GOLD, True, None) for i in range(15)]
    answers += [Marked(f"bad {i}", GOLD, False, None) for i in range(15)]
    found = agreement_of(answers, judge, 0)
    assert found is not None
    assert len(asked) == 150
    assert set(asked) == {0, 1, 2, 3, 4}
    assert (found.agrees, found.too_lenient, found.kappa) == (0.5, 15, 0.0)
    assert found.best_pass == 0.7
    assert found.best_agrees == 1.0
    assert agreement_of(answers[:9], judge, 0).best_pass is None  # type: ignore[union-attr]


def test_a_judge_that_fails_costs_the_comparison_alone() -> None:
    def ask(question: str, seed: int) -> str:
        raise StageFailed("no such host")

    assert agreement_of(marks(2, 2), Scorer("judge", ask=ask), 0) is None
    assert agreement_of(marks(2, 2), Scorer("judge"), 0) is None
    assert agreement_of([], Scorer(), 0) is None


@pytest.mark.parametrize(
    "outcome, gold, right",
    [
        (Outcome(None, 1.0), GOLD, True),
        (Outcome(0.0, -0.5), GOLD, False),
        (Outcome(1.0, 0.0), GOLD, None),
        (Outcome(1.0), GOLD, None),
        (None, GOLD, None),
        (Outcome(None, 1.0), None, None),
    ],
)
def test_a_mark_is_feedback_above_or_below_nothing(
    outcome: Outcome | None, gold: Gold | None, right: bool | None
) -> None:
    item = Scored(Trace("t", Query("q"), gold=gold, outcome=outcome), "a week", None)
    marked = marked_of(item, None)
    assert (marked.right if marked is not None else None) is right
    assert marked_of(Scored(item.trace, None, None), None) is None


def test_kappa_is_nothing_where_a_side_never_differs() -> None:
    yes = np.ones(5, dtype=bool)
    assert kappa(yes, yes) is None
    assert kappa(yes, np.array([True, True, True, True, False])) == 0.0
