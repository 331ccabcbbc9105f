"""What a log says by itself."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pytest

from diagnose.core.artifact import Answer, Context, Decision, Output, Passages, Query
from diagnose.core.blame import FunnelStep
from diagnose.core.trace import Gold, GoldPassage, Outcome, Step, Trace
from diagnose.flow.logged import failed, logged_answer, observed, scored
from diagnose.score.table import Scorer
from tests.repairs.scenes import CLAUSES, QUERY, passages

SCORER = Scorer()
GOLD = Gold(("45 days",), (GoldPassage("d1", CLAUSES["d1"]),))


def trace(
    trace_id: str = "t",
    outputs: Mapping[str, Output] = MappingProxyType({}),
    gold: Gold | None = GOLD,
    outcome: Outcome | None = None,
) -> Trace:
    steps = tuple(Step(role, output) for role, output in outputs.items())  # type: ignore[arg-type]
    return Trace(trace_id, QUERY, steps, gold, outcome, {"k": "v"})


SAID: dict[str, Output] = {"model": Answer("45 days")}
LOST: dict[str, Output] = {
    "retriever": Passages(passages("d0", "d1")),
    "packer": Context(CLAUSES["d0"], passages("d0")),
    "model": Answer("30 days"),
}


@pytest.mark.parametrize(
    "decision, said",
    [(None, "draft"), (Decision(True), "draft"), (Decision(False), "No."), (Decision(False, "x"), "x")],
)
def test_what_was_said_in_the_end(decision: Decision | None, said: str) -> None:
    outputs: dict[str, Output] = {"model": Answer("draft")}
    if decision is not None:
        outputs["verifier"] = decision
    assert logged_answer(trace("t", outputs), "No.") == said


def test_nothing_was_said_where_no_answer_is_logged() -> None:
    assert logged_answer(trace("t", {"retriever": Passages(())}), "No.") is None


def test_the_logs_own_score_goes_before_the_metric() -> None:
    right = trace("t", SAID, outcome=Outcome(0.0))
    assert scored(right, SCORER).score == 0.0
    assert scored(trace("t", SAID), SCORER).score == 1.0
    assert scored(trace("t", {"model": Answer("30 days")}), SCORER).score == 0.0


@pytest.mark.parametrize(
    "item, why",
    [
        (trace("t", {"retriever": Passages(())}), "no answer is logged"),
        (trace("t", SAID, gold=None), "no label"),
        (trace("t", SAID, gold=Gold((), (GoldPassage("d1"),))), "the label has no answers"),
    ],
)
def test_an_undefined_score_has_a_reason_and_is_no_failure(item: Trace, why: str) -> None:
    one = scored(item, SCORER)
    assert (one.score, one.why) == (None, why)
    assert not failed(one, SCORER)
    assert observed([item], SCORER).blames == ()


def test_the_funnel_of_a_failure() -> None:
    found = observed([trace("t", LOST)], SCORER)
    (blame,) = found.blames
    assert (blame.verdict, blame.level, blame.tags) == ("undecided", "observed", {"k": "v"})
    assert blame.funnel == (
        FunnelStep("retriever", True),
        FunnelStep("packer", False),
        FunnelStep("model", False),
    )
    assert blame.undecided is not None
    assert "--pipeline" in blame.undecided.detail
    assert blame.shares == {}


def test_a_failure_is_laid_open_as_it_was_logged() -> None:
    failing = trace("t", LOST)
    (case,) = observed([failing, trace("right", SAID)], SCORER).cases
    assert case.trace_id == "t"
    assert case.logged == failing.steps
    assert case.logged_evidence == {"retriever": True, "packer": False, "model": None}
    assert (case.logged_score, case.replays, case.gold) == (0.0, (), GOLD)


def test_a_failure_without_a_label_is_laid_open_too() -> None:
    found = observed([trace("t", LOST, gold=None, outcome=Outcome(0.0))], SCORER)
    assert [b.level for b in found.blames] == ["unlabelled"]
    assert found.cases[0].logged_evidence == {"retriever": None, "packer": None, "model": None}
    assert found.cases[0].gold is None


def test_what_the_log_shows_at_the_stage_that_lost_it() -> None:
    cut = LOST | {"packer": Context(CLAUSES["d0"] + "\n\n" + CLAUSES["d1"][:40], passages("d0", "d1"))}
    (blame,) = observed([trace("t", cut)], SCORER).blames
    assert blame.evidence == "the log shows a packer that looks truncated"


def test_a_strict_scorer_is_found_without_a_replay() -> None:
    said = LOST | {"model": Answer("It is 45 days.")}
    (blame,) = observed([trace("t", said)], Scorer("exact")).blames
    assert blame.verdict == "scorer"
    assert blame.evidence


def test_lucky_passes_are_listed() -> None:
    lucky = trace("lucky", LOST | SAID)
    earned = trace("earned", SAID | {"packer": Context(CLAUSES["d1"], passages("d1"))})
    unpacked = trace("unpacked", {"retriever": Passages(passages("d0"))} | SAID)
    bare = trace("bare", SAID)
    guessed = trace("guessed", LOST | SAID, gold=Gold(("45 days",)))
    log = [lucky, earned, unpacked, bare, guessed, trace("wrong", LOST)]
    assert observed(log, SCORER).fragile == ("lucky", "unpacked")


def test_an_empty_log() -> None:
    found = observed([], SCORER)
    assert (found.scored, found.blames, found.cases) == ((), (), ())


def test_a_query_without_steps_is_no_failure() -> None:
    assert observed([Trace("q", Query("x"), gold=GOLD)], SCORER).blames == ()


def test_a_right_draft_that_a_verifier_blocked_is_not_the_models_loss() -> None:
    packed = Context(CLAUSES["d1"], passages("d1"))
    blocked = trace("t", {"packer": packed, "model": Answer("45 days"), "verifier": Decision(False)})
    (blame,) = observed([blocked], SCORER).blames
    assert [(s.role, s.evidence) for s in blame.funnel] == [
        ("packer", True),
        ("model", True),
        ("verifier", False),
    ]


def test_a_wrong_draft_that_a_verifier_blocked_is() -> None:
    packed = Context(CLAUSES["d1"], passages("d1"))
    blocked = trace("t", {"packer": packed, "model": Answer("30 days"), "verifier": Decision(False)})
    (blame,) = observed([blocked], SCORER).blames
    assert [(s.role, s.evidence) for s in blame.funnel] == [
        ("packer", True),
        ("model", False),
        ("verifier", False),
    ]
