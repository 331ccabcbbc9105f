"""How far a replay with nothing changed reproduces the log, stage by stage."""

from __future__ import annotations

import pytest

from diagnose.core.artifact import Answer, Context, Decision, Output, Passage, Passages, Route, Text
from diagnose.core.report import Fidelity
from diagnose.core.stage import Given, Role
from diagnose.core.trace import Step, Trace
from diagnose.replay.fidelity import Compared, compared, fidelity_of, same
from diagnose.replay.memo import Memo
from diagnose.replay.run import Meter, Runner, replayed
from tests.replay.made_stages import QUERY, Counting, Run, broken, pack, pipeline, read, retrieve

A, B = Passage("a", "one"), Passage("b", "two")


@pytest.mark.parametrize(
    "logged, again, alike",
    [
        (Passages((A, B)), Passages((A, B)), True),
        (Passages((A, B)), Passages((B, A)), False),
        (Passages((A, B)), Passages((A,)), False),
        (Passages((Passage("a"),)), Passages((A,)), True),
        (Passages((Passage("a", "one", 0.3),)), Passages((Passage("a", "one", 0.4),)), True),
        (Passages((Passage("a", "uno"),)), Passages((A,)), False),
        (Context("x", (A,)), Context("x", (B,)), True),
        (Context("x"), Context("y"), False),
        (Context("", (A,)), Context("one", (A,)), True),
        (Context("", (A,)), Context("one", (B,)), False),
        (Answer("yes "), Answer("yes", 4, 5), True),
        (Answer("yes"), Answer("no"), False),
        (Text("x"), Text("x"), True),
        (Text("x"), Text("y"), False),
        (Route("x"), Route("y"), False),
        (Route("x"), Route("x"), True),
        (Decision(False), Decision(False, ""), True),
        (Decision(False), Decision(True), False),
        (Decision(False, "x"), Decision(False, "y"), False),
        (Answer("x"), Text("x"), False),
    ],
)
def test_sameness_is_what_the_next_stage_sees(logged: Output, again: Output, alike: bool) -> None:
    assert same(logged, again) is alike


def log_of(runner: Runner, **changed: Output) -> Trace:
    """What the pipeline gives, logged, but for what is changed."""
    state = replayed(runner, QUERY, Meter())
    return Trace("t", QUERY, tuple(Step(role, changed.get(role, output)) for role, output in state.outputs))


def held(trace: Trace, runner: Runner) -> dict[Role, str]:
    return dict(compared(runner, trace, replayed(runner, QUERY, Meter()), Meter()).matches)


def runner_of(counting: Counting, packer: Run = pack) -> Runner:
    stages = (
        counting.stage("retriever", retrieve),
        counting.stage("packer", packer),
        counting.stage("model", read),
    )
    return Runner(pipeline(*stages), Memo())


def test_a_faithful_log_costs_no_further_call() -> None:
    counting = Counting()
    runner = runner_of(counting)
    assert held(log_of(runner), runner) == {"retriever": "same", "packer": "same", "model": "same"}
    assert counting.calls.total() == 3


def test_a_stage_that_drifted_is_named_and_what_follows_it_is_not() -> None:
    counting = Counting()
    runner = runner_of(counting)
    log = log_of(runner, packer=Context("other"), model=Answer("other"))
    assert held(log, runner) == {"retriever": "same", "packer": "drifted", "model": "upstream"}
    assert counting.calls["packer"] == 2


def test_a_stage_that_disagrees_with_itself_is_unstable() -> None:
    turn = 0

    def moody(given: Given, seed: int | None) -> Output:
        nonlocal turn
        turn += 1
        return Context(f"mood {turn}", given.passages)

    runner = runner_of(Counting(), moody)
    assert held(log_of(runner, packer=Context("mood 0")), runner)["packer"] == "unstable"


def test_a_stage_that_says_so_itself_is_unstable_without_a_further_call() -> None:
    counting = Counting()
    runner = Runner(pipeline(counting.stage("model", read, deterministic=False)), Memo())
    assert held(log_of(runner, model=Answer("other")), runner) == {"model": "unstable"}
    assert counting.calls["model"] == 1


def test_a_stage_that_fails_when_asked_again_is_unstable() -> None:
    counting = Counting()

    def once(given: Given, seed: int | None) -> Output:
        return read(given, seed) if counting.calls["model"] == 1 else broken(given, seed)

    runner = Runner(pipeline(counting.stage("model", once)), Memo())
    assert held(log_of(runner, model=Answer("other")), runner) == {"model": "unstable"}


def test_a_stage_that_is_not_in_the_log_is_passed_over() -> None:
    runner = runner_of(Counting())
    log = log_of(runner)
    without = Trace("t", QUERY, tuple(s for s in log.steps if s.role != "packer"))
    assert held(without, runner) == {"retriever": "same", "model": "same"}


def test_fidelity_counts_only_traces_whose_input_was_that_of_the_log() -> None:
    found = [
        Compared({"retriever": "same", "packer": "same", "model": "same"}),
        Compared({"retriever": "drifted", "packer": "upstream", "model": "upstream"}),
        Compared({"retriever": "same", "packer": "unstable", "model": "upstream"}),
        Compared({"retriever": "same", "packer": "drifted"}),
    ]
    table = fidelity_of(runner_of(Counting()).pipeline, found)
    assert table["retriever"] == Fidelity(4, 0.75, 0.25, 0.0)
    assert table["packer"] == Fidelity(3, 1 / 3, 1 / 3, 1 / 3)
    assert table["model"] == Fidelity(1, 1.0, 0.0, 0.0)
    assert list(table) == ["retriever", "packer", "model"]


def test_no_replay_no_fidelity() -> None:
    assert fidelity_of(runner_of(Counting()).pipeline, []) == {}
