"""Two faults at once: both stages are in some minimal repair set wherever each of them matters."""

from __future__ import annotations

from itertools import combinations

import pytest

from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import in_order
from diagnose.stages.faults import FAULTS
from tests.planted.desk import diagnosed, failures, log_of, with_faults

LOSING = ("lose-gold", "stale-version", "inverted", "dropped", "garbled")
"""Faults after which the evidence is gone."""
DISORDERING = ("distractor-first", "reordered")
"""Faults after which it is there, in a bad place."""
MODEL = ("ignores-context", "refuses")
PAIRS = [
    (a, b)
    for a, b in combinations((*LOSING, *DISORDERING, *MODEL), 2)
    if a in LOSING and FAULTS[a].role != FAULTS[b].role
]


@pytest.mark.parametrize("pair", PAIRS, ids="+".join)
def test_both_stages_are_found(four: Pipeline, pair: tuple[str, str]) -> None:
    faults = [FAULTS[name] for name in pair]
    roles = in_order(tuple(fault.role for fault in faults))
    needed = [{t.trace_id for t in failures(log_of(with_faults(four, fault)))} for fault in faults]
    both = needed[0] & needed[1]
    assert len(both) >= 10
    faulty = with_faults(four, *faults)
    found = diagnosed(faulty, [t for t in log_of(faulty) if t.trace_id in both])
    assert len(found.blames) == len(both)
    for blame in found.blames:
        assert roles in blame.minimal_repairs
        assert blame.verdict in roles
        for role in roles:
            assert blame.shares[role] == pytest.approx(0.5)
        assert blame.interactions["+".join(roles)] > 0.9


def test_neither_repair_alone_is_enough(four: Pipeline) -> None:
    faulty = with_faults(four, FAULTS["lose-gold"], FAULTS["reordered"])
    found = diagnosed(faulty, log_of(faulty))
    for game in found.games:
        assert game.worth["retriever"] == game.worth["packer"] == 0.0
        assert game.worth["retriever+packer"] == 1.0


def test_a_fault_that_changes_nothing_takes_no_blame(four: Pipeline) -> None:
    """Where the retriever's fault does not bite, the packer alone is to blame, however the retriever is spoilt."""
    retriever, packer = FAULTS["truncated-query"], FAULTS["reordered"]
    bitten = {t.trace_id for t in failures(log_of(with_faults(four, retriever)))}
    faulty = with_faults(four, retriever, packer)
    untouched = [t for t in log_of(faulty) if t.trace_id not in bitten]
    found = diagnosed(faulty, untouched)
    assert 5 <= len(found.blames) == len(untouched)
    assert {b.verdict for b in found.blames} == {"packer"}
    assert all(b.shares["retriever"] == 0.0 for b in found.blames)


@pytest.mark.parametrize("fault", DISORDERING)
def test_a_model_that_cannot_answer_at_all_takes_the_blame_where_the_evidence_reached_it(
    four: Pipeline, fault: str
) -> None:
    """Its repair is the answer wherever the evidence is, so that nothing else has to be repaired."""
    faulty = with_faults(four, FAULTS[fault], FAULTS["refuses"])
    found = diagnosed(faulty, log_of(faulty))
    assert len(found.blames) == 15
    for blame in found.blames:
        assert blame.verdict == "model"
        assert ("model",) in blame.minimal_repairs


def test_faults_that_cancel_do_not_fail(four: Pipeline) -> None:
    faulty = with_faults(four, *(FAULTS[name] for name in DISORDERING))
    assert failures(log_of(faulty)) == []
