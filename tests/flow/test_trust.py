"""What `trust` counts apart: failures about which no verdict could be right."""

from __future__ import annotations

import random
from io import StringIO

import pytest
from rich.console import Console

from diagnose.core.artifact import Output, Passage, Passages
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import Given
from diagnose.core.trust import Trust
from diagnose.flow.trust import trusted
from diagnose.replay.memo import Memo
from diagnose.replay.run import Runner
from diagnose.report.trust_text import trust_text
from diagnose.stages.faults import FAULTS, Around, Fault
from tests.planted.desk import desk, queries, scorer_of


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return desk(tmp_path_factory.mktemp("four"))


def _echo_behind(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    """Gold first, as it is owed, and behind it what reads more like the question than any answer."""
    assert isinstance(own, Passages)
    marks = around.gold_of(given.conversation.text, own.passages)
    gold = [p for p, mark in zip(own.passages, marks, strict=True) if mark]
    return Passages((*gold, Passage("echo", given.conversation.text), *own.passages[:1]))


ECHO = Fault("echo-behind", "ranker", None, "repeats the question behind the gold", _echo_behind)


def planted(pipeline: Pipeline, *faults: Fault) -> Trust:
    return trusted(queries(), Runner(pipeline, Memo()), scorer_of(pipeline), [faults])


def printed(found: Trust) -> str:
    page = StringIO()
    trust_text(found, Console(file=page, width=200, color_system=None))
    return page.getvalue()


def test_a_fault_that_breaks_no_contract_is_neither_right_nor_wrong(four: Pipeline) -> None:
    found = planted(four, ECHO)
    [trial] = found.trials
    assert trial.failed == trial.inert > 10
    assert trial.right == trial.wrong == trial.undecided == 0
    assert trial.verdicts == {"model": trial.failed}
    assert (found.failed, found.inert, found.right) == (0, trial.failed, None)
    assert f"{trial.failed} in which the planted fault broke no contract" in printed(found)


def test_a_fault_that_breaks_one_is_judged(four: Pipeline) -> None:
    found = planted(four, FAULTS["inverted"])
    [trial] = found.trials
    assert trial.failed == trial.right > 10
    assert (trial.inert, trial.read_through, found.inert, found.right) == (0, 0, 0, 1.0)
    assert "Counted apart" not in printed(found)


def test_pairs_whose_evidence_reaches_the_faulty_model_are_counted_apart(four: Pipeline) -> None:
    [through] = planted(four, FAULTS["reordered"], FAULTS["refuses"]).trials
    assert through.failed == through.read_through > 10
    [lost] = planted(four, FAULTS["inverted"], FAULTS["refuses"]).trials
    assert lost.failed == lost.right > 10
    assert lost.read_through == 0


def test_a_model_fault_owes_nothing_to_the_stages_before_it(four: Pipeline) -> None:
    [trial] = planted(four, FAULTS["refuses"]).trials
    assert trial.failed == trial.right > 10
    assert trial.inert == 0
