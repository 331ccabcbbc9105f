"""The evidence funnel: where the evidence went in and did not come out."""

from __future__ import annotations

import pytest

from diagnose.attribute.funnel import evidence_in, funnel_of, lost_at, triage
from diagnose.core.artifact import Answer, Context, Decision, Output, Passage, Passages, Route, Text
from diagnose.core.blame import FunnelStep
from diagnose.core.stage import ROLES, Role
from tests.repairs.scenes import CLAUSES, passages, scene

LABEL = scene().label


def funnel(**evidence: bool | None) -> tuple[FunnelStep, ...]:
    """A funnel by role, in pipeline order."""
    return tuple(FunnelStep(role, evidence[role]) for role in ROLES if role in evidence)


@pytest.mark.parametrize(
    "steps, lost",
    [
        ({"retriever": False, "ranker": False, "model": False}, "retriever"),
        ({"retriever": True, "ranker": False, "packer": False, "model": False}, "ranker"),
        ({"retriever": True, "packer": False, "model": False}, "packer"),
        ({"retriever": True, "packer": True, "model": False}, "model"),
        ({"rewriter": None, "retriever": False, "model": False}, "retriever"),
        ({"rewriter": None, "retriever": True, "model": False}, "model"),
        ({"retriever": None, "packer": None, "model": False}, None),
        ({"retriever": None, "model": False, "verifier": False}, None),
        ({"model": False}, None),
        ({"packer": True, "model": True, "verifier": False}, "verifier"),
        ({"packer": True, "model": None, "verifier": False}, None),
        ({"retriever": None, "packer": True, "model": False}, "model"),
        ({"retriever": True, "packer": True, "model": True}, None),
        ({}, None),
    ],
)
def test_lost_at(steps: dict[Role, bool | None], lost: Role | None) -> None:
    assert lost_at(funnel(**steps)) == lost


@pytest.mark.parametrize(
    "steps, usual",
    [
        ({"retriever": True, "ranker": False, "model": False}, "model"),
        ({"retriever": False, "model": False}, "retriever"),
        ({"ranker": True, "model": False}, "model"),
        ({"packer": False, "model": False}, "retriever"),
        ({"retriever": None, "model": False}, None),
        ({"model": False, "verifier": False}, None),
    ],
)
def test_usual_triage_looks_at_what_was_retrieved(steps: dict[Role, bool | None], usual: Role | None) -> None:
    assert triage(funnel(**steps)) == usual


STALE = Passage("d1", CLAUSES["d1"].replace("45", "30"))
HALVES = (
    Passage("a", " ".join(CLAUSES["d1"].split()[:5])),
    Passage("b", " ".join(CLAUSES["d1"].split()[5:])),
)


@pytest.mark.parametrize(
    "output, holds",
    [
        (Passages(passages("d0", "d1")), True),
        (Passages(passages("d0", "d2")), False),
        (Passages((STALE,)), False),
        (Passages((Passage("other", CLAUSES["d1"]),)), True),
        (Passages(HALVES), True),
        (Passages(()), False),
        (Context(CLAUSES["d1"], ()), True),
        (Context(CLAUSES["d1"][:40], passages("d1")), False),
        (Text("what"), None),
        (Route("cheap"), None),
    ],
)
def test_evidence_is_in_the_text(output: Output, holds: bool | None) -> None:
    assert evidence_in(output, LABEL, passed=False) is holds


@pytest.mark.parametrize("passed", [True, False, None])
def test_an_answer_holds_it_when_it_is_right(passed: bool | None) -> None:
    assert evidence_in(Answer("x"), LABEL, passed) is passed
    assert evidence_in(Decision(True), LABEL, passed) is passed


def test_without_a_label_nothing_can_be_told() -> None:
    steps = funnel_of([("retriever", Passages(passages("d1"))), ("model", Answer("x"))], None, False)
    assert steps == funnel(retriever=None, model=False)
    assert lost_at(steps) is None


def test_one_step_for_each_stage_in_order() -> None:
    outputs: list[tuple[Role, Output]] = [
        ("retriever", Passages(passages("d0", "d1"))),
        ("ranker", Passages(passages("d0"))),
        ("packer", Context(CLAUSES["d0"], passages("d0"))),
        ("model", Answer("30 days")),
    ]
    assert funnel_of(outputs, LABEL, False) == funnel(retriever=True, ranker=False, packer=False, model=False)
