"""Run a pipeline over queries and log what every stage gave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from diagnose.core.artifact import Answer, Output
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import Failure, Role
from diagnose.core.trace import Outcome, Provenance, Step, Trace, Usage
from diagnose.replay.run import Broken, Meter, Runner, State, advance

LOG_SPACE = "log/"
"""The space of the memo that recording keeps its runs in: a replay that was answered with the logged run
itself would find every stage faithful and deterministic."""
LOG_REPEAT = 1_000_003
"""The repeat that is logged, of stages that are not deterministic: none that a replay makes."""

Clock = Callable[[], float]
"""Seconds, from any start; only differences count."""


@dataclass(frozen=True)
class Recorded:
    """A recorded trace, or the failure of the stage that ended it."""

    trace: Trace
    failure: Failure | None = None


def recorded(
    query: Trace,
    pipeline: Pipeline,
    runner: Runner,
    score: Callable[[str], float | None],
    clock: Clock | None,
) -> Recorded:
    """Run the pipeline on one query. Without a `clock` no times are logged, and the same input gives the same
    bytes."""
    meter = Meter()
    state = State.start(query.query)
    steps: list[Step] = []
    for role in pipeline.roles:
        stage = pipeline.stage(role, state.route)
        assert stage is not None
        started = clock() if clock else 0.0
        try:
            state = advance(runner, state, stage, meter, LOG_REPEAT)
        except Broken as broken:
            return Recorded(_traced(query, tuple(steps), None, pipeline), broken.failure)
        elapsed_s = clock() - started if clock else None
        steps.append(_step(state.outputs[-1][1], role, stage.name, elapsed_s))
    score_now = score(state.said or "") if query.gold is not None else None
    return Recorded(_traced(query, tuple(steps), score_now, pipeline))


def _step(output: Output, role: Role, name: str, elapsed_s: float | None) -> Step:
    usage = None
    if isinstance(output, Answer) and (
        output.prompt_tokens is not None or output.completion_tokens is not None
    ):
        usage = Usage(output.prompt_tokens, output.completion_tokens)
        output = Answer(output.text, finish_reason=output.finish_reason)
    return Step(role, output, name=name, elapsed_s=elapsed_s, usage=usage)


def _traced(query: Trace, steps: tuple[Step, ...], score: float | None, pipeline: Pipeline) -> Trace:
    return Trace(
        trace_id=query.trace_id,
        query=query.query,
        steps=steps,
        gold=query.gold,
        outcome=Outcome(score) if score is not None else None,
        tags=query.tags,
        provenance=Provenance(source=f"diagnose record {pipeline.name}"),
    )
