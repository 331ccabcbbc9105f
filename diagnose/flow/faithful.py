"""Before any blame: does the pipeline still do what it did in the log, and which right answers are luck?"""

from __future__ import annotations

from collections.abc import Sequence, Set

from diagnose.core.artifact import Context, Passages
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import Role
from diagnose.core.trace import Trace
from diagnose.errors import Unfaithful
from diagnose.flow.found import Scored
from diagnose.flow.together import unchanged_ahead, window_of
from diagnose.replay.fidelity import Compared, compared, fidelity_of
from diagnose.replay.run import Broken, Meter, Runner, State, Stopped, advance
from diagnose.score.label import Label, Library, label_of
from diagnose.score.table import Scorer


def checked_fidelity(
    traces: Sequence[Trace], runner: Runner, models: int | None = None
) -> tuple[Compared, ...]:
    """Replay traces with nothing changed and hold them against the log.

    Stages that say they are deterministic and turn out not to be are put down in `runner.unsteady`. Where
    the model (or what follows it) is not deterministic it is left out: that its answers differ says
    nothing. Of the first `models` traces is the model run; None: of all.
    """
    found: list[Compared] = []
    size = window_of(runner)
    for i, trace in enumerate(traces):
        if size > 1 and i % size == 0:
            unchanged_ahead(traces[i : i + size], runner, _looked_at(runner, models is None or i < models))
        try:
            one = _compared(trace, runner, with_model=models is None or i < models)
        except Stopped:
            if not runner.stopped:
                raise
            break
        if one is not None:
            found.append(one)
            runner.unsteady |= {role for role, match in one.matches.items() if match == "unstable"}
    return tuple(_without_chance(one, runner.unsteady) for one in found)


def _looked_at(runner: Runner, with_model: bool) -> tuple[Role, ...]:
    """The roles that are replayed under every route; a router's own is found out trace by trace."""
    roles = runner.pipeline.roles
    for i, role in enumerate(roles):
        stage = runner.pipeline.stage(role)
        assert stage is not None
        if role in ("model", "verifier") and not (with_model and runner.steady(stage)):
            return roles[:i]
    return roles


def _without_chance(one: Compared, unsteady: Set[Role]) -> Compared:
    """Of a stage that was seen to disagree with itself, two replays that agree say nothing: it has not drifted."""
    return Compared(
        {
            role: "unstable" if match == "drifted" and role in unsteady else match
            for role, match in one.matches.items()
        }
    )


def _compared(trace: Trace, runner: Runner, with_model: bool = True) -> Compared | None:
    meter, state = Meter(), State.start(trace.query)
    for role in runner.pipeline.roles:
        stage = runner.pipeline.stage(role, state.route)
        assert stage is not None
        if role in ("model", "verifier") and not (with_model and runner.steady(stage)):
            break
        try:
            state = advance(runner, state, stage, meter)
        except Broken:
            return None
    return compared(runner, trace, state, meter)


def refuse_unfaithful(pipeline: Pipeline, found: Sequence[Compared], floor: float) -> None:
    """Raise `Unfaithful` where a stage drifted from the log in more traces than the floor allows, naming
    each."""
    drifted = [
        f"{role} gives something else in {seen.drifted:.0%} of {seen.n} replays"
        for role, seen in fidelity_of(pipeline, found).items()
        if 1.0 - seen.drifted < floor
    ]
    if drifted:
        raise Unfaithful(
            f"the pipeline no longer does what the log says: {'; '.join(drifted)} "
            "(its index, settings or model changed since). "
            "Record the log again, give the pipeline it was written with, or lower --fidelity-floor"
        )


def fragile_of(everything: Sequence[Scored], library: Library, scorer: Scorer) -> tuple[str, ...]:
    """Right answers whose evidence never reached the model: the ids of lucky passes."""
    lucky: list[str] = []
    for item in everything:
        if item.score is None or not scorer.passes(item.score) or item.trace.gold is None:
            continue
        label = label_of(item.trace.gold, item.trace.query, library, scorer.abstention)
        if is_lucky(item.trace, label):
            lucky.append(item.trace.trace_id)
    return tuple(lucky)


def is_lucky(trace: Trace, label: Label | None) -> bool:
    """Whether the evidence of a right answer never reached the model, as far as its log shows."""
    if label is None or not label.evidence or label.inferred:
        return False
    outputs = [s.output for s in trace.steps if isinstance(s.output, Passages | Context)]
    if not outputs:
        return False
    last, evidence = outputs[-1], label.evidence
    held = (
        evidence.held_in_text(last.text, last.passages)
        if isinstance(last, Context)
        else evidence.held(last.passages)
    )
    return not evidence.enough(held)
