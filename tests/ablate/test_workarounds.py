"""Repairs of sound stages that would have helped: beside the blame, never in it."""

from __future__ import annotations

from diagnose.ablate.workarounds import workarounds
from diagnose.core.artifact import Output, Passages, Text
from diagnose.core.stage import Given
from diagnose.replay.run import Meter
from tests.ablate.test_plan import FOUND, WITHOUT, finds, gold_first, keeps, packs
from tests.ablate.test_trial import reads, trial_of, worth
from tests.repairs.scenes import QUERY
from tests.replay.made_stages import Run


def drifts(given: Given, seed: int | None) -> Output:
    return Text("something else entirely")


def searches(given: Given, seed: int | None) -> Output:
    """Finds the gold with the user's words only."""
    found = finds(*(FOUND if given.query == QUERY.text else WITHOUT))(given, seed)
    assert isinstance(found, Passages)
    return found


def won(**stages: Run) -> tuple[dict[str, float], dict[str, float]]:
    """The shares' stages and the workarounds of a pipeline's failure."""
    trial, runner = trial_of(**stages)
    assert trial.plan is not None and trial.table is not None and trial.game is not None
    found = workarounds(runner, QUERY, trial.plan, trial.table, worth, Meter())
    return dict(trial.game.worth), {str(role): gain for role, gain in found.items()}


def test_a_model_that_could_read_through_a_mess_is_no_culprit() -> None:
    game, found = won(retriever=finds(*FOUND), ranker=keeps(3), packer=packs, model=reads)
    assert game["model"] == 0.0
    assert found == {"model": 1.0}


def test_a_retriever_makes_up_for_a_drifted_query() -> None:
    game, found = won(rewriter=drifts, retriever=searches, ranker=gold_first, packer=packs, model=reads)
    assert (game["retriever"], game["rewriter"]) == (0.0, 1.0)
    assert found == {"retriever": 1.0}


def test_nothing_else_helps_where_the_evidence_is_gone() -> None:
    _, found = won(retriever=finds(*FOUND), ranker=keeps(1), packer=packs, model=reads)
    assert found == {}
