"""Before any blame: does the pipeline still do what it did in the log?"""

from __future__ import annotations

import pytest

from diagnose.core.artifact import Answer, Context, Output, Query
from diagnose.core.stage import Given
from diagnose.core.trace import Step, Trace
from diagnose.errors import Unfaithful
from diagnose.flow.faithful import checked_fidelity, refuse_unfaithful
from diagnose.replay.fidelity import Compared
from diagnose.replay.memo import Memo
from diagnose.replay.run import Meter, Runner, replayed
from diagnose.stages.failure import RunFailed
from tests.replay.made_stages import QUERY, Counting, pack, pipeline, read, retrieve


def runner_of(counting: Counting, steady_model: bool = True) -> Runner:
    stages = (counting.stage("retriever", retrieve), counting.stage("packer", pack))
    return Runner(pipeline(*stages, counting.stage("model", read, steady_model)), Memo())


def log_of(runner: Runner, **changed: Output) -> Trace:
    state = replayed(runner, QUERY, Meter())
    return Trace("t", QUERY, tuple(Step(role, changed.get(role, output)) for role, output in state.outputs))


def test_a_faithful_pipeline_is_not_refused() -> None:
    runner = runner_of(Counting())
    found = checked_fidelity([log_of(runner)], runner)
    refuse_unfaithful(runner.pipeline, found, 1.0)
    assert found == (Compared({"retriever": "same", "packer": "same", "model": "same"}),)
    assert runner.unsteady == set()


def test_a_noisy_model_is_not_asked() -> None:
    counting = Counting()
    runner = runner_of(counting, steady_model=False)
    log = log_of(runner)
    counting.calls.clear()
    assert checked_fidelity([log], runner) == (Compared({"retriever": "same", "packer": "same"}),)
    assert counting.calls["model"] == 0


def test_a_trace_that_cannot_be_replayed_says_nothing_of_fidelity() -> None:
    def down(given: Given, seed: int | None) -> Output:
        raise RunFailed("packer", "down", "raised", "no")

    counting = Counting()
    runner = Runner(pipeline(counting.stage("packer", down), counting.stage("model", read)), Memo())
    assert checked_fidelity([Trace("t", QUERY)], runner) == ()


@pytest.mark.parametrize("floor, refused", [(0.0, False), (0.5, False), (0.7, True), (1.0, True)])
def test_the_floor(floor: float, refused: bool) -> None:
    runner = runner_of(Counting())
    found = [
        Compared({"retriever": "drifted"}),
        Compared({"retriever": "same"}),
        Compared({"retriever": "same"}),
    ]
    if not refused:
        refuse_unfaithful(runner.pipeline, found, floor)
        return
    with pytest.raises(Unfaithful, match="retriever gives something else in 33% of 3 replays"):
        refuse_unfaithful(runner.pipeline, found, floor)


def test_instability_is_no_drift() -> None:
    runner = runner_of(Counting())
    refuse_unfaithful(runner.pipeline, [Compared({"packer": "unstable"})] * 3, 1.0)


def test_every_stage_that_drifted_is_named() -> None:
    runner = runner_of(Counting())
    with pytest.raises(Unfaithful, match=r"retriever .* 100% of 1 replays; model .* 100% of 1"):
        refuse_unfaithful(runner.pipeline, [Compared({"retriever": "drifted", "model": "drifted"})], 0.8)


def test_an_unsteady_stage_is_put_down() -> None:
    turn = 0

    def moody(given: Given, seed: int | None) -> Output:
        nonlocal turn
        turn += 1
        return Context(f"mood {turn}", given.passages)

    counting = Counting()
    runner = Runner(pipeline(counting.stage("packer", moody), counting.stage("model", read)), Memo())
    log = Trace("t", QUERY, (Step("packer", Context("mood 0")), Step("model", Answer("MOOD 0"))))
    checked_fidelity([log], runner)
    assert runner.unsteady == {"packer"}


def test_a_stage_seen_to_disagree_with_itself_has_not_drifted() -> None:
    """A packer that flips a coin: on four traces two replays agree by chance, on the fifth they do not."""
    flips = iter("bb" * 4 + "ab")

    def coin(given: Given, seed: int | None) -> Output:
        return Context(next(flips), given.passages)

    counting = Counting()
    runner = Runner(pipeline(counting.stage("packer", coin), counting.stage("model", read)), Memo())
    steps = (Step("packer", Context("c")), Step("model", Answer("C")))
    found = checked_fidelity([Trace(f"t{n}", Query(f"question {n}"), steps) for n in range(5)], runner)
    assert runner.unsteady == {"packer"}
    refuse_unfaithful(runner.pipeline, found, 0.8)
