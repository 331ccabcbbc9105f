"""One replay: every stage on what the stages before it gave, each input once."""

from __future__ import annotations

import pytest

from diagnose.core.artifact import Answer, Context, Decision, Output, Passages, Query, Route, Text
from diagnose.core.game import Runs
from diagnose.core.stage import Given, Stage
from diagnose.replay.memo import Memo
from diagnose.replay.run import Broken, Meter, Runner, State, advance, replayed
from tests.replay.made_stages import QUERY, Counting, broken, pack, pipeline, read, retrieve, verify


def runner_of(counting: Counting, *more: Stage, seed: int = 0) -> Runner:
    stages = (counting.stage("retriever", retrieve), counting.stage("packer", pack))
    return Runner(pipeline(*stages, *(more or (counting.stage("model", read),))), Memo(), seed)


def test_stages_run_in_order_on_each_others_outputs() -> None:
    state = replayed(runner_of(Counting()), QUERY, Meter())
    assert [role for role, _ in state.outputs] == ["retriever", "packer", "model"]
    assert state.said == "ABOUT RED / ABOUT OR / ABOUT BLUE?"
    packed = state.output("packer")
    assert isinstance(packed, Context)
    assert [p.id for p in packed.passages] == ["red", "or", "blue?"]
    assert state.output("ranker") is None
    assert state.repaired == frozenset()


def test_no_stage_runs_twice_on_the_same_input() -> None:
    counting = Counting()
    runner, meter = runner_of(counting), Meter()
    first, again = replayed(runner, QUERY, meter), replayed(runner, QUERY, meter)
    assert first == again
    assert counting.calls == {"retriever": 1, "packer": 1, "model": 1}
    assert runner.executed == dict(counting.calls)
    assert meter.runs == Runs(model=1, stage=2, memo_hits=3)
    assert len(meter.model_keys) == 1


def test_counts_of_a_trace_do_not_depend_on_what_ran_before() -> None:
    runner = runner_of(Counting())
    replayed(runner, QUERY, Meter())
    meter = Meter()
    replayed(runner, QUERY, meter)
    assert meter.runs == Runs(model=1, stage=2, memo_hits=0)


def test_repeats_of_a_seeded_model_differ_by_their_seed() -> None:
    counting = Counting()
    runner = runner_of(counting, counting.stage("model", read, deterministic=False, seeded=True), seed=40)
    said = [replayed(runner, QUERY, Meter(), repeat).said for repeat in (0, 1, 0, 2)]
    assert [text.split()[-1] for text in said if text] == ["40", "41", "40", "42"]
    assert counting.calls["model"] == 3
    assert counting.calls["retriever"] == 1


def test_runs_under_two_seeds_are_kept_apart() -> None:
    counting, memo = Counting(), Memo()
    model = counting.stage("model", read, deterministic=False, seeded=True)
    said = [replayed(Runner(pipeline(model), memo, seed), QUERY, Meter()).said for seed in (0, 7)]
    assert said == ["nothing 0", "nothing 7"]


def test_a_deterministic_stage_gets_one_seed_whatever_the_repeat() -> None:
    counting = Counting()
    runner = runner_of(counting, counting.stage("model", read, seeded=True), seed=5)
    assert replayed(runner, QUERY, Meter(), 3).said == replayed(runner, QUERY, Meter(), 0).said
    assert counting.calls["model"] == 1


def test_a_stage_found_unsteady_is_repeated_from_then_on() -> None:
    counting = Counting()
    runner = runner_of(counting)
    replayed(runner, QUERY, Meter(), 1)
    replayed(runner, QUERY, Meter(), 2)
    assert counting.calls["model"] == 1
    runner.unsteady.add("model")
    assert not runner.steady(runner.pipeline.stages[-1])
    replayed(runner, QUERY, Meter(), 1)
    replayed(runner, QUERY, Meter(), 2)
    assert counting.calls["model"] == 3
    assert counting.calls["retriever"] == 1


def test_a_failure_is_a_value_and_is_not_tried_again() -> None:
    counting = Counting()
    runner = runner_of(counting, counting.stage("model", broken))
    for _ in range(2):
        with pytest.raises(Broken) as caught:
            replayed(runner, QUERY, Meter())
        assert caught.value.failure.role == "model"
        assert caught.value.failure.kind == "raised"
        assert "ValueError: no" in caught.value.failure.reason
    assert counting.calls["model"] == 1


def test_a_failure_is_not_remembered_in_the_memo() -> None:
    counting, memo = Counting(), Memo()
    model = counting.stage("model", broken)
    for _ in range(2):
        with pytest.raises(Broken):
            replayed(Runner(pipeline(model), memo), QUERY, Meter())
    assert counting.calls["model"] == 2


def test_a_repair_is_marked_where_it_changed_something() -> None:
    runner = runner_of(Counting())
    state = State.start(QUERY)

    def same(stage: Stage, given: Given, own: Output) -> Output:
        return own

    def shorter(stage: Stage, given: Given, own: Output) -> Output:
        assert isinstance(own, Passages)
        return Passages(own.passages[:1])

    stage = runner.pipeline.stages[0]
    assert advance(runner, state, stage, Meter(), mend=same).repaired == frozenset()
    mended = advance(runner, state, stage, Meter(), mend=shorter)
    assert mended.repaired == {"retriever"}
    assert len(mended.passages) == 1
    assert mended.output("retriever") == Passages(mended.passages)


def test_what_each_output_does_to_the_state() -> None:
    start = State.start(Query("as asked"))
    assert start.after("router", Route("cheap"), "").route == "cheap"
    rewritten = start.after("rewriter", Text("as searched"), "")
    assert (rewritten.text, rewritten.given().query, rewritten.given().conversation.text) == (
        "as searched",
        "as searched",
        "as asked",
    )
    drafted = start.after("model", Answer("draft"), "")
    assert drafted.said == "draft"
    assert drafted.given().answer == Answer("draft")


@pytest.mark.parametrize(
    "decision, said",
    [
        (Decision(True), "draft"),
        (Decision(False), "No."),
        (Decision(False, "rather"), "rather"),
        (Decision(False, ""), ""),
    ],
)
def test_what_is_said_after_a_verifier(decision: Decision, said: str) -> None:
    state = State.start(QUERY).after("model", Answer("draft"), "No.").after("verifier", decision, "No.")
    assert state.said == said
    assert state.answer == Answer("draft")


def test_without_a_packer_the_passages_are_the_context() -> None:
    counting = Counting()
    stages = (
        counting.stage("retriever", retrieve),
        counting.stage("model", read),
        counting.stage("verifier", verify),
    )
    state = replayed(Runner(pipeline(*stages), Memo()), QUERY, Meter())
    assert state.said == "ABOUT RED\n\nABOUT OR\n\nABOUT BLUE?"
    assert state.output("verifier") == Decision(True)
    assert State.start(QUERY).given().context is None
