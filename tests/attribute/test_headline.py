from __future__ import annotations

import re

import pytest

from diagnose.attribute.headline import headline, quantity
from diagnose.core.report import Findings, Gain, Ranked, Triage, UndecidedCount
from diagnose.core.stage import Role

NONE = UndecidedCount(0, {})
NO_GAIN = Gain(0.0, None, None)


def ranked(role: Role, loss: float, total: float, p_first: float, half: float | None = None) -> Ranked:
    share = loss / total
    low, high = (None, None) if half is None else (share - half / total, share + half / total)
    return Ranked(role, share, low, high, p_first, loss, NO_GAIN, round(loss), {})


RANKING = (
    ranked("ranker", 14, 26, 0.97, 4),
    ranked("model", 6, 26, 0.03, 3),
    ranked("packer", 6, 26, 0.0, 3),
)
TRIAGE = Triage({"retriever": 5, "model": 26}, {"ranker": 14}, 6, 20)


def said(
    ranking: tuple[Ranked, ...] = RANKING,
    triage: Triage | None = TRIAGE,
    undecided: UndecidedCount = NONE,
    findings: Findings = Findings(),
    lost_at: dict[Role, int] | None = None,
    n_failures: int = 31,
) -> str:
    return headline(ranking, triage, undecided, findings, lost_at or {}, n_failures, 100)


def test_what_to_fix_first_against_usual_triage() -> None:
    assert said() == (
        "Fix the ranker first: it costs 14 of 31 failures (95 % interval 10 to 18); the model, which usual "
        "triage blames for 26, costs 6."
    )


def test_the_failures_that_no_stage_is_convicted_of_are_said_too() -> None:
    text = said(undecided=UndecidedCount(4, {"noise": 4}, 90), findings=Findings(corpus=("q1",)))
    assert text.endswith("costs 6. 4 are undecided and 1 is no stage's fault (corpus 1).")


def test_an_uncertain_leader_is_only_probably_first() -> None:
    close = (ranked("ranker", 7, 13, 0.61), ranked("model", 6, 13, 0.39))
    assert said(close, None, n_failures=13) == (
        "Probably fix the ranker first (probability 0.61): it costs 7 of 13 failures."
    )


def test_where_triage_is_right_it_says_so() -> None:
    text = said((ranked("model", 20, 26, 1.0),))
    assert text == "Fix the model first: it costs 20 of 31 failures; usual triage blames it for 26."


def test_triage_may_name_a_stage_that_the_pipeline_has_not() -> None:
    assert "triage" not in said((ranked("ranker", 20, 20, 1.0),))


def test_one_failure() -> None:
    assert said((ranked("ranker", 1, 1, 1.0),), None, n_failures=1) == (
        "Fix the ranker first: it costs 1 of 1 failure."
    )


def test_no_failures() -> None:
    assert said((), None, n_failures=0) == "No failures in 100 traces: nothing to blame."


def test_all_undecided_says_why_and_what_would_settle_it() -> None:
    text = said(
        (), undecided=UndecidedCount(30, {"noise": 20, "no-label": 10}, 340), findings=Findings(label=("q",))
    )
    assert text == (
        "No stage is convicted of 31 failures. "
        "30 are undecided (noise 20, no-label 10) and 1 is no stage's fault (label 1). "
        "Some 340 more model calls should settle it."
    )


def test_an_observed_log_says_where_the_evidence_was_lost_and_convicts_nobody() -> None:
    text = said(
        (),
        undecided=UndecidedCount(31, {"observed-only": 31}),
        lost_at={"retriever": 10, "ranker": 12, "model": 9},
    )
    assert text == (
        "Nothing was replayed, so no stage is convicted. Of 31 failures the evidence was lost at the ranker "
        "in 12, at the retriever in 10. It reached the model in 9."
    )
    assert not re.search("fix|blame|costs", text)


@pytest.mark.parametrize(
    "failures,expected",
    [(0.0, "0"), (-0.04, "0"), (-0.4, "-0.4"), (13.96, "14"), (13.6, "13.6"), (640.4, "640")],
)
def test_quantity(failures: float, expected: str) -> None:
    assert quantity(failures) == expected
