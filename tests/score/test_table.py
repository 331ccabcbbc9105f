from __future__ import annotations

import inspect
from dataclasses import replace

import pytest

from diagnose.core.pipeline import ScoreSettings
from diagnose.core.score import Score
from diagnose.core.trace import Gold
from diagnose.errors import UsageError
from diagnose.score.table import METRICS, Metric, Scorer, metric


@pytest.mark.parametrize("known", METRICS.values(), ids=METRICS.keys())
def test_every_metric_says_what_it_is_and_runs(known: Metric) -> None:
    assert METRICS[known.name] is known
    for text in (known.title, known.definition, known.formula, known.source):
        assert len(text) > 2
        assert text == text.strip()
    assert (known.range, known.unit) == ("0 to 1", "none")
    if known.name == "judge":
        assert "needs a model" in (known.function("7", ("7",)).undefined or "")  # test_judged.py gives it one
        return
    right = known.function("7", ("7",)) if known.kind == "answer" else known.function(("d",), {"d"})
    wrong = known.function("8", ("7",)) if known.kind == "answer" else known.function(("e",), {"d"})
    assert (right.value, wrong.value) == (0.1 if known.name == "P@10" else 1.0, 0.0)
    undefined = known.function("8", ()) if known.kind == "answer" else known.function(("e",), ())
    assert undefined.value is None


def test_cutoffs_are_free() -> None:
    assert metric("nDCG@3").name == "nDCG@3"
    assert metric("R@2").function(("a", "b", "c"), {"c"}).value == 0.0
    assert metric("R@3").function(("a", "b", "c"), {"c"}).value == 1.0
    assert metric("RR@1").function(("a", "b"), {"b"}).value == 0.0
    assert metric("f1") is METRICS["f1"]
    with pytest.raises(UsageError, match=r'"bleu".*exact, contains, f1, numeric'):
        metric("bleu")


def test_a_scorer_is_built_from_the_settings() -> None:
    scorer = Scorer.from_settings(ScoreSettings("numeric", 0.8, {"relative": 0.1}), abstention="Pass.")
    assert scorer == Scorer("numeric", 0.8, {"relative": 0.1}, "Pass.")
    assert scorer.score("104", Gold(answers=("100",))).value == 1.0
    assert Scorer.from_settings(ScoreSettings()) == Scorer()


def test_the_pass_mark_is_reached_not_exceeded() -> None:
    scorer = Scorer("f1", 0.5)
    assert scorer.passes(0.5)
    assert not scorer.passes(0.49)


def test_unanswerable_questions_ask_for_abstention() -> None:
    scorer, gold = Scorer(abstention="Ask a colleague."), Gold(answerable=False)
    assert scorer.score("I don't know.", gold).value == 1.0
    assert scorer.score("Ask a colleague.", gold).value == 1.0
    assert scorer.score("30 days", gold).value == 0.0
    listed = Gold(answers=("Nobody ever found out", "30 days after"), answerable=False)
    assert scorer.score("nobody ever found out!", listed).value == 1.0
    assert scorer.score("30 days", listed).value == 0.0


def test_abstaining_from_an_answerable_question_scores_by_the_metric() -> None:
    assert Scorer().score("I don't know.", Gold(answers=("30 days",))).value == 0.0
    assert Scorer("exact").score("unknown", Gold(answers=("Unknown",))).value == 1.0


@pytest.mark.parametrize(
    "worths, declined",
    [
        ({}, 0.0),
        ({"abstention_worth": 0.3}, 0.3),
        ({"wrong_cost": 1.0}, 0.5),
        ({"abstention_worth": 0.2, "wrong_cost": 3}, 0.8),
    ],
)
def test_an_abstention_is_worth_what_the_settings_say(worths: dict[str, float], declined: float) -> None:
    """Right answers are worth 1 and wrong ones -wrong_cost; a score is where that is on a scale of 0 to 1."""
    scorer, gold = Scorer(**worths), Gold(answers=("30 days",))  # type: ignore[arg-type]
    assert scorer.declined == pytest.approx(declined)
    assert scorer.score("I don't know.", gold).value == pytest.approx(declined)
    assert scorer.score("45 days", gold).value == 0.0
    assert scorer.score("30 days", gold).value == 1.0
    assert scorer.score("I don't know.", Gold(answerable=False)).value == 1.0
    assert scorer.score("45 days", Gold(answerable=False)).value == 0.0


def test_an_abstention_that_is_the_answer_scores_as_one() -> None:
    assert Scorer("exact", abstention_worth=0.3).score("unknown", Gold(answers=("Unknown",))).value == 1.0


def test_part_of_an_answer_keeps_its_score() -> None:
    """A score of s stands for s right and 1 - s wrong, which is s on the same scale."""
    gold = Gold(answers=("thirty days",))
    assert Scorer("f1", wrong_cost=4.0).score("ten days", gold) == Scorer("f1").score("ten days", gold)


def test_a_label_without_answers_leaves_the_score_undefined() -> None:
    assert Scorer().score("30 days", Gold()) == Score(None, "the label has no answers")
    assert Scorer("numeric").score("30", Gold(answers=("many",))).value is None


def test_leniency_is_for_answerable_questions() -> None:
    scorer = Scorer()
    assert scorer.lenient("thirty days", Gold(answers=("30 days",))) == "same number, written in another way"
    assert scorer.lenient("45 days", Gold(answers=("30 days",))) is None
    assert scorer.lenient("thirty days", Gold(answers=("30 days",), answerable=False)) is None


@pytest.mark.parametrize(
    "settings, message",
    [
        (ScoreSettings("bleu"), r'metric "bleu": there is none.*exact, contains, f1, numeric, rouge-l'),
        (ScoreSettings("nDCG@10"), "judges rankings"),
        (ScoreSettings("contains", 0.0), "above 0"),
        (ScoreSettings("contains", float("nan")), "above 0"),
        (ScoreSettings("contains", 1.01), 'found "1.01"'),
        (ScoreSettings("contains", options={"fuzzy": 1}), r'"fuzzy".*options: none'),
        (ScoreSettings("numeric", options={"fuzzy": 1}), r"relative, absolute, pick"),
        (ScoreSettings("numeric", options={"relative": "much"}), 'expected a number, found "much"'),
        (ScoreSettings("numeric", options={"relative": True}), "expected a number"),
        (ScoreSettings("numeric", options={"relative": -0.1}), "0 or more"),
        (ScoreSettings("numeric", options={"pick": "best"}), "any, first, last"),
        (ScoreSettings(abstention_worth=1.2), "abstention_worth: expected a number from 0 to 1"),
        (ScoreSettings(abstention_worth=float("nan")), "abstention_worth: expected a number from 0 to 1"),
        (ScoreSettings(wrong_cost=-1.0), "wrong_cost: expected a number of 0 or more"),
        (ScoreSettings(wrong_cost=float("inf")), "wrong_cost: expected a number of 0 or more"),
    ],
)
def test_wrong_settings_are_usage_errors(settings: ScoreSettings, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Scorer.from_settings(settings)


def test_the_fingerprint_follows_whatever_changes_a_score() -> None:
    base = Scorer("numeric", 0.5, {"relative": 0.1}, "Pass.")
    assert base.fingerprint == Scorer("numeric", 0.5, {"relative": 0.1}, "Pass.").fingerprint
    changed = [
        replace(base, metric="f1", options={}),
        replace(base, pass_mark=0.6),
        replace(base, options={"relative": 0.2}),
        replace(base, abstention="No."),
        replace(base, abstention_worth=0.1),
        replace(base, wrong_cost=0.1),
    ]
    assert len({scorer.fingerprint for scorer in [base, *changed]}) == 7
    spelled_out = {"relative": 1e-9, "absolute": 0.0, "pick": "any"}
    assert Scorer("numeric").fingerprint == Scorer("numeric", options=spelled_out).fingerprint


def test_options_are_those_of_the_functions() -> None:
    for known in METRICS.values():
        parameters = inspect.signature(known.function).parameters.values()
        named = {parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY}
        assert set(known.options) == named - {"measure"}
    assert METRICS["numeric"].options == {"relative": 1e-9, "absolute": 0.0, "pick": "any"}
