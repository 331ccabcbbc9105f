"""One fault in one stage: that stage is convicted, and nobody for another's fault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from diagnose.core.artifact import Answer, Context, Decision, Passages, Text
from diagnose.core.blame import Blame
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import Role
from diagnose.core.trace import Trace
from diagnose.flow import Settings
from diagnose.stages.faults import FAULTS
from tests.planted.desk import (
    clauses,
    diagnosed,
    due,
    failures,
    gold_of,
    log_of,
    queries,
    spoilt,
    with_faults,
    without_gold,
)

UPSTREAM: dict[str, str | None] = {
    "lose-gold": "missed",
    "stale-version": "stale",
    "duplicate-flood": "duplicated",
    "truncated-query": "missed",
    "inverted": "inverted",
    "shuffled": None,
    "length-biased": None,
    "distractor-first": None,
    "no-op": "no-op",
    "truncated": "truncated",
    "dropped": "dropped",
    "reordered": "reordered",
    "duplicated": "duplicated",
    "garbled": "garbled",
    "over-window": "truncated",
}
"""Faults before the model and the mode each is found out as; None where it shows in several ways."""
ON_MODEL = {
    "ignores-context": {"ignored", "closed-book"},
    "cut-off": {"cut-off"},
    "refuses": {"over-abstained"},
}
AROUND: dict[str, tuple[Role, str]] = {
    "drops-evidence": ("compressor", "lost"),
    "wrong-numbers": ("compressor", "distorted"),
    "rejects-all": ("verifier", "false-reject"),
}
GOLD = {trace.trace_id: f"pay{i:02}" for i, trace in enumerate(queries())}
TEXT = {p.id: p.text for p in clauses()}


def broke_contract(trace: Trace, role: Role) -> bool:
    """Whether a logged stage broke its contract, told by ids and texts alone, not by `repairs`."""
    gold, output = GOLD[trace.trace_id], trace.output(role)
    match output:
        case Passages() if role == "ranker":
            return not output.passages or output.passages[0].id != gold
        case Passages():
            return all(p.text != TEXT[gold] for p in output.passages)
        case Context():
            return not output.text.startswith(TEXT[gold])
        case Answer():
            return due(int(trace.trace_id[1:])) not in output.text
        case Decision():
            return not output.accept
    raise AssertionError(f"{role} has no output in {trace.trace_id}")


def verdicts(blames: Sequence[Blame]) -> Counter[str]:
    return Counter(b.verdict for b in blames)


def check(pipeline: Pipeline, fault: str) -> Sequence[Blame]:
    """The blame of the failures that a planted fault causes, after checking what holds for every fault."""
    planted = FAULTS[fault]
    log = log_of(with_faults(pipeline, planted))
    found = diagnosed(with_faults(pipeline, planted), log)
    failed = failures(log)
    assert len(failed) >= 5, "a fault that breaks nothing shows nothing"
    assert [b.trace_id for b in found.blames] == [t.trace_id for t in failed]
    assert all(broke_contract(t, planted.role) for t in failed)
    assert verdicts(found.blames) == {planted.role: len(failed)}
    for blame in found.blames:
        assert blame.minimal_repairs == ((planted.role,),)
        assert blame.shares == {role: float(role == planted.role) for role in pipeline.roles}
        assert blame.confidence == 1.0
    return found.blames


@pytest.mark.parametrize("desk", ["four", "seven"])
def test_the_healthy_desk_answers_everything(desk: str, request: pytest.FixtureRequest) -> None:
    pipeline: Pipeline = request.getfixturevalue(desk)
    log = log_of(pipeline)
    assert failures(log) == []
    assert diagnosed(pipeline, log, Settings(passing=15)).fragile == ()


@pytest.mark.parametrize("fault", UPSTREAM)
def test_an_upstream_fault_convicts_its_stage_and_never_the_model(four: Pipeline, fault: str) -> None:
    blames = check(four, fault)
    modes = Counter(b.mode for b in blames)
    if UPSTREAM[fault] is not None:
        assert modes == {UPSTREAM[fault]: len(blames)}
    assert None not in modes
    assert sum(b.runs.model for b in blames) <= 2.2 * len(blames)


@pytest.mark.parametrize("fault", ON_MODEL)
def test_a_model_fault_convicts_the_model(four: Pipeline, fault: str) -> None:
    blames = check(four, fault)
    assert {b.mode for b in blames} <= ON_MODEL[fault]


@pytest.mark.parametrize("fault", [*UPSTREAM, *ON_MODEL])
def test_the_same_faults_among_seven_stages(seven: Pipeline, fault: str) -> None:
    blames = check(seven, fault)
    assert sum(b.runs.model for b in blames if b.verdict != "model") <= 2.2 * len(blames)


@pytest.mark.parametrize("fault", AROUND)
def test_faults_of_compressor_and_verifier(seven: Pipeline, fault: str) -> None:
    role, mode = AROUND[fault]
    blames = check(seven, fault)
    assert FAULTS[fault].role == role
    assert {b.mode for b in blames} == {mode}


def test_a_rewriter_that_drifts_off_to_another_supplier(seven: Pipeline) -> None:
    def drift(given: object, own: object) -> Text:
        return Text("When may Orchid Farms end its contract?")

    faulty = spoilt(seven, "rewriter", drift)
    found = diagnosed(faulty, log_of(faulty))
    # Among the passages that the drifted query finds, the gold clause of the last suppliers is by chance.
    assert verdicts(found.blames)["rewriter"] >= 10
    assert {b.mode for b in found.blames if b.verdict == "rewriter"} == {"drifted"}
    assert "model" not in verdicts(found.blames)


def test_a_rewriter_may_word_the_question_as_it_likes(seven: Pipeline) -> None:
    def reworded(given: object, own: object) -> Text:
        assert isinstance(own, Text)
        return Text("payable invoices days: " + own.text)

    spoiled = with_faults(spoilt(seven, "rewriter", reworded), FAULTS["dropped"])
    found = diagnosed(spoiled, log_of(spoiled))
    assert verdicts(found.blames) == {"packer": len(found.blames)}


def test_a_verifier_that_blocks_wrong_drafts_is_not_to_blame(seven: Pipeline) -> None:
    """It blocks, the user gets no answer, and still the retriever lost the gold."""
    faulty = with_faults(seven, FAULTS["lose-gold"])
    blocking = spoilt(faulty, "verifier", lambda given, own: Decision(not _wrong(given)))
    log = log_of(blocking)
    assert all(t.output("verifier") == Decision(False) for t in failures(log))
    found = diagnosed(blocking, log)
    assert verdicts(found.blames) == {"retriever": 15}
    assert all(b.shares["verifier"] == 0.0 for b in found.blames)


def _wrong(given: object) -> bool:
    conversation, answer = given.conversation.text, given.answer.text  # type: ignore[attr-defined]
    return not any(due(i) in answer for i, trace in enumerate(queries()) if trace.query.text == conversation)


def test_a_right_answer_by_luck_is_listed_as_fragile(four: Pipeline) -> None:
    def knows(given: object, own: object) -> Answer:
        question = given.conversation.text  # type: ignore[attr-defined]
        return Answer(next(due(i) for i, t in enumerate(queries()) if t.query.text == question))

    lucky = spoilt(spoilt(four, "retriever", without_gold), "model", knows)
    log = log_of(lucky)
    assert failures(log) == []
    assert diagnosed(lucky, log).fragile == tuple(t.trace_id for t in queries())


def test_the_harness_tells_a_kept_contract_from_a_broken_one(four: Pipeline) -> None:
    healthy, broken = log_of(four), log_of(with_faults(four, FAULTS["reordered"]))
    for role in four.roles:
        assert not any(broke_contract(t, role) for t in healthy)
    assert all(broke_contract(t, "packer") for t in broken)
    assert not any(broke_contract(t, "ranker") for t in broken)
    assert [gold_of(t.query.text, clauses()).count(True) for t in queries()] == [1] * 15
