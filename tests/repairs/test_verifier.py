"""The verifier owes that right drafts pass and wrong ones are blocked where that is worth something."""

from __future__ import annotations

import pytest

from diagnose.attribute.modes import mode_of
from diagnose.core.artifact import Answer, Decision
from diagnose.core.stage import Given
from diagnose.core.trace import Gold
from diagnose.repairs import verifier
from diagnose.repairs.contract import Scene
from diagnose.score.label import Library, label_of
from diagnose.score.table import Scorer
from tests.repairs.scenes import QUERY

ABSTENTION = "I don't know."
ANSWERABLE, UNANSWERABLE = Gold(("45 days",)), Gold(answerable=False)


def scene(gold: Gold, **worths: float) -> Scene:
    scorer = Scorer(**worths)  # type: ignore[arg-type]
    label = label_of(gold, QUERY, Library(None))
    assert label is not None

    def worth(answer: str) -> float:
        value = scorer.score(answer, gold).value
        assert value is not None
        return value

    return Scene(label, ABSTENTION, right=lambda answer: scorer.passes(worth(answer)), worth=worth)


def given(draft: str) -> Given:
    return Given(QUERY.text, QUERY, answer=Answer(draft))


RIGHT, WRONG = "Within 45 days.", "Within 30 days."


@pytest.mark.parametrize(
    "draft, decision, gold, fixed",
    [
        (RIGHT, Decision(True), ANSWERABLE, None),
        (RIGHT, Decision(False), ANSWERABLE, Decision(True)),
        (RIGHT, Decision(False, "It is 45 days."), ANSWERABLE, None),
        (RIGHT, Decision(False, "It depends."), ANSWERABLE, Decision(True)),
        (WRONG, Decision(True), ANSWERABLE, None),
        (WRONG, Decision(False), ANSWERABLE, None),
        (WRONG, Decision(True), UNANSWERABLE, Decision(False, ABSTENTION)),
        (WRONG, Decision(False), UNANSWERABLE, None),
        (WRONG, Decision(False, "Perhaps 30."), UNANSWERABLE, Decision(False, ABSTENTION)),
        (ABSTENTION, Decision(True), UNANSWERABLE, None),
        (ABSTENTION, Decision(False), UNANSWERABLE, None),
    ],
)
def test_it_is_judged_by_what_is_said_in_the_end(
    draft: str, decision: Decision, gold: Gold, fixed: Decision | None
) -> None:
    around = scene(gold)
    assert verifier.kept(given(draft), decision, around) is (fixed is None)
    assert verifier.repair(given(draft), decision, around) == (fixed or decision)


@pytest.mark.parametrize("worths", [{"abstention_worth": 0.3}, {"wrong_cost": 0.5}])
def test_where_an_abstention_is_worth_something_a_wrong_draft_has_to_be_blocked(
    worths: dict[str, float],
) -> None:
    around = scene(ANSWERABLE, **worths)
    assert not verifier.kept(given(WRONG), Decision(True), around)
    assert verifier.repair(given(WRONG), Decision(True), around) == Decision(False, ABSTENTION)
    assert verifier.kept(given(RIGHT), Decision(True), around)
    assert mode_of("verifier", given(WRONG), Decision(True), around) == "false-accept"


def test_a_blocked_right_draft_is_a_false_reject() -> None:
    assert mode_of("verifier", given(RIGHT), Decision(False), scene(ANSWERABLE)) == "false-reject"


def test_without_a_scorer_nobody_can_say() -> None:
    label = scene(ANSWERABLE).label
    assert verifier.kept(given(RIGHT), Decision(False), Scene(label, ABSTENTION))
