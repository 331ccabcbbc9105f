"""Fewer failures or calls than there are: which are replayed, what is said of the rest."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest

from diagnose.ablate.spread import Effort
from diagnose.core.pipeline import Pipeline
from diagnose.core.trace import Usage
from diagnose.errors import UsageError
from diagnose.flow import Settings, replayed, reported
from diagnose.flow.chosen import Price, affordable, drawn, price_of
from diagnose.replay.memo import Memo
from diagnose.replay.run import Runner
from diagnose.stages.faults import FAULTS
from tests.planted.desk import desk, log_of, queries, scorer_of, with_faults


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return with_faults(desk(tmp_path_factory.mktemp("desk")), FAULTS["no-op"], FAULTS["lose-gold"])


def test_every_beginning_of_the_order_has_the_strata_in_proportion() -> None:
    strata = [("ranker", "")] * 60 + [("model", "")] * 30 + [("retriever", "a")] * 10
    order = drawn(strata, seed=3)
    assert sorted(order) == list(range(100))
    for n in (10, 33, 50, 90):
        counts = Counter(strata[i] for i in order[:n])
        for stratum, size in Counter(strata).items():
            assert abs(counts[stratum] - n * size / 100) <= 1.0
    assert drawn(strata, seed=3) == order
    assert drawn(strata, seed=4) != order


def test_a_sample_is_replayed_and_the_rest_is_undecided_for_want_of_it(faulty: Pipeline) -> None:
    log = log_of(faulty, queries())
    every = replayed(log, Runner(faulty, Memo()), scorer_of(faulty))
    some = replayed(log, Runner(faulty, Memo()), scorer_of(faulty), Settings(sample=6))
    assert len(some.blames) == len(every.blames) == len(some.cases) > 12
    assert [b.trace_id for b in some.blames] == [b.trace_id for b in every.blames]
    kept = [(a, b) for a, b in zip(every.blames, some.blames, strict=True) if b.shares]
    assert len(kept) == 6
    assert all(a == b for a, b in kept)
    left = {b.undecided.reason for b in some.blames if not b.shares and b.undecided}
    assert left == {"budget"}
    report = reported(some, faulty, scorer_of(faulty), 0, "diagnose run")
    assert any(f"6 of {len(every.blames)} failures were replayed" in note for note in report.notes)
    assert not any("failures were replayed" in note for note in every.notes)


@pytest.mark.parametrize("calls", [1, 7, 15])
@pytest.mark.parametrize("only", [False, True])
def test_no_more_model_runs_than_were_allowed(faulty: Pipeline, calls: int, only: bool) -> None:
    log = log_of(faulty, queries())
    settings = Settings(Effort(max_calls=calls), verdict_only=only)
    runner = Runner(faulty, Memo())
    found = replayed(log, runner, scorer_of(faulty), settings)
    assert runner.executed.get("model", 0) <= calls
    if calls > 1:
        assert any(b.shares for b in found.blames)
    assert any(b.undecided and b.undecided.reason == "budget" for b in found.blames)
    again = replayed(log, runner, scorer_of(faulty), settings)
    assert again.blames == found.blames


def test_the_forecast_is_made_before_any_model_run(faulty: Pipeline) -> None:
    log = [
        msgspec.structs.replace(t, steps=tuple(_timed(s) if s.role == "model" else s for s in t.steps))
        for t in log_of(faulty, queries())
    ]
    runner, said, ran = Runner(faulty, Memo()), [], []

    def told(text: str) -> None:
        said.append(text)
        ran.append(runner.executed.get("model", 0))

    found = replayed(log, runner, scorer_of(faulty), Settings(probe=False), told=told)
    total = sum(b.runs.model for b in found.blames)
    assert ran == [0]
    forecast = int(said[0].split()[1].replace(",", ""))
    assert 0.5 * total <= forecast <= 2.0 * total
    assert "by the log's times" in said[0]
    assert "by the log's costs" in said[0]


def _timed(step: object) -> object:
    return msgspec.structs.replace(step, elapsed_s=2.0, usage=Usage(cost=0.01))  # type: ignore[type-var]


def test_money_is_turned_into_calls_at_what_the_log_says() -> None:
    assert affordable(None, None, Price(None, None)) is None
    assert affordable(5, None, Price(None, None)) == 5
    assert affordable(None, 0.3, Price(None, 0.1)) == 3
    assert affordable(2, 0.3, Price(None, 0.1)) == 2
    assert affordable(9, 0.0, Price(None, 0.1)) == 0
    assert price_of([]) == Price(None, None)
    with pytest.raises(UsageError, match="does not say what its model calls cost"):
        affordable(None, 1.0, Price(2.0, None))


@pytest.mark.parametrize("only", [False, True])
def test_a_failure_that_could_not_be_paid_for_says_what_it_would_take(faulty: Pipeline, only: bool) -> None:
    log = log_of(faulty, queries())
    whole = replayed(log, Runner(faulty, Memo()), scorer_of(faulty), Settings(probe=False))
    takes = {b.trace_id: b.runs.model for b in whole.blames}
    settings = Settings(Effort(max_calls=2), probe=False, verdict_only=only)
    found = replayed(log, Runner(faulty, Memo()), scorer_of(faulty), settings)
    unpaid = [b for b in found.blames if b.undecided and b.undecided.reason == "budget"]
    assert len(unpaid) > 5
    for blame in unpaid:
        assert blame.undecided is not None
        assert blame.undecided.calls_needed == takes[blame.trace_id] - blame.runs.model
