"""Stages that are not deterministic: repeats, budgets, and a stage that claims what is not so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from diagnose.ablate.spread import Effort
from diagnose.core.artifact import Answer, Output, Passages
from diagnose.core.blame import Blame
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import Given, Stage
from diagnose.errors import Unfaithful
from diagnose.flow import Settings
from diagnose.stages.faults import FAULTS, Around, faulty
from tests.planted.desk import diagnosed, failures, gold_of, log_of, spoilt, with_faults


def noisy(pipeline: Pipeline, rate: float) -> Pipeline:
    """The pipeline with a model that is wrong with this probability, drawn from its seed."""

    def flaky(stage: Stage) -> Stage:
        return faulty(stage, FAULTS["flaky"], Around(gold_of, rate)) if stage.role == "model" else stage

    return replace(pipeline, stages=tuple(map(flaky, pipeline.stages)))


def counted(blames: Sequence[Blame]) -> Counter[str]:
    return Counter(b.verdict for b in blames)


def test_a_flaky_model_is_convicted_of_its_own_failures_only(four: Pipeline) -> None:
    flaky = noisy(four, 0.75)
    found = diagnosed(flaky, log_of(flaky))
    assert len(found.blames) >= 8
    assert set(counted(found.blames)) <= {"model", "undecided"}
    assert counted(found.blames)["model"] >= 0.8 * len(found.blames)


@pytest.mark.parametrize("fault", ["lose-gold", "inverted", "reordered"])
def test_an_upstream_fault_is_not_pinned_on_a_flaky_model(four: Pipeline, fault: str) -> None:
    planted = with_faults(four, FAULTS[fault])
    broken = {t.trace_id for t in failures(log_of(planted))}
    flaky = noisy(planted, 0.15)
    found = diagnosed(flaky, [t for t in log_of(flaky) if t.trace_id in broken])
    assert counted(found.blames)[FAULTS[fault].role] >= 0.9 * len(broken)
    assert set(counted(found.blames)) <= {FAULTS[fault].role, "undecided"}
    for blame in found.blames:
        assert blame.confidence is not None
        assert blame.verdict == "undecided" or blame.confidence >= 0.99


def test_too_few_calls_a_trace_leave_it_undecided_with_what_it_would_take(four: Pipeline) -> None:
    flaky = noisy(with_faults(four, FAULTS["inverted"]), 0.4)
    found = diagnosed(flaky, log_of(flaky), Settings(Effort(alpha=0.0001, max_calls_per_trace=1)))
    undecided = [b.undecided for b in found.blames if b.undecided is not None]
    assert undecided
    assert {u.reason for u in undecided} == {"noise"}
    assert all(u.power is not None and 0.0 <= u.power <= 1.0 for u in undecided)
    assert any(u.calls_needed for u in undecided)
    assert all("odds after" in u.detail for u in undecided)


def test_a_spent_budget_is_told_from_noise(four: Pipeline) -> None:
    flaky = noisy(with_faults(four, FAULTS["inverted"]), 0.4)
    found = diagnosed(flaky, log_of(flaky), Settings(Effort(max_calls=3)))
    reasons = Counter(b.undecided.reason for b in found.blames if b.undecided is not None)
    assert reasons["budget"] >= 10
    assert sum(b.runs.model for b in found.blames) <= 3


def test_a_stage_that_fails_in_a_repeat_costs_its_trace(four: Pipeline) -> None:
    flaky = noisy(four, 0.75)
    log = log_of(flaky)
    first = failures(log)[0]

    def gone(stage: Stage) -> Stage:
        def run(given: Given, seed: int | None) -> Output:
            if given.conversation.text == first.query.text:
                from diagnose.stages.failure import RunFailed

                raise RunFailed("model", stage.name, "timeout", "gave nothing")
            return stage.run(given, seed)

        return replace(stage, run=run) if stage.role == "model" else stage

    found = diagnosed(replace(flaky, stages=tuple(map(gone, flaky.stages))), log)
    by_id = {b.trace_id: b for b in found.blames}
    undecided = by_id[first.trace_id].undecided
    assert undecided is not None
    assert undecided.reason == "not-replayable"
    assert counted(found.blames)["model"] >= len(found.blames) // 2


class Moody:
    """A ranker that turns its list round every other time it is asked, whatever it says of itself."""

    def __init__(self) -> None:
        self.n = 0

    def __call__(self, given: Given, own: Output) -> Output:
        assert isinstance(own, Passages)
        self.n += 1
        return Passages(own.passages[::-1]) if self.n % 2 else own


def test_a_stage_that_only_claims_to_be_deterministic_is_found_out(four: Pipeline) -> None:
    lying = spoilt(four, "ranker", Moody())
    log = log_of(lying)
    assert len(failures(log)) >= 5
    found = diagnosed(lying, log, Settings(fidelity_floor=0.0))
    assert any("the ranker says that it is deterministic" in note for note in found.notes)
    assert any(c.matches.get("ranker") == "unstable" for c in found.compared)
    assert counted(found.blames)["model"] == 0
    steady = with_faults(four, FAULTS["inverted"])
    assert diagnosed(steady, log_of(steady)).notes == ()


def test_a_pipeline_that_drifted_from_its_log_is_refused(four: Pipeline) -> None:
    log = log_of(with_faults(four, FAULTS["inverted"]))
    with pytest.raises(
        Unfaithful, match=r"ranker gives something else in 100% of 15 replays.*--fidelity-floor"
    ):
        diagnosed(four, log)
    assert diagnosed(four, log, Settings(fidelity_floor=0.0)).blames


def test_drift_of_a_model_is_named_too(four: Pipeline) -> None:
    log = log_of(with_faults(four, FAULTS["refuses"]))
    other = spoilt(four, "model", lambda given, own: Answer("No idea."))
    with pytest.raises(Unfaithful, match="model gives something else"):
        diagnosed(other, log)


def test_a_little_drift_is_borne(four: Pipeline) -> None:
    faulty_log = log_of(with_faults(four, FAULTS["inverted"]))
    log = [*log_of(with_faults(four, FAULTS["reordered"]))[:1], *faulty_log[1:]]
    found = diagnosed(with_faults(four, FAULTS["inverted"]), log)
    assert sum(m == "drifted" for c in found.compared for m in c.matches.values()) == 1
    assert counted(found.blames) == {"ranker": 15}
