"""How far a replay with nothing changed reproduces the log, stage by stage.

Where a stage got what it got in the log and gave something else, it is run once more past the memo: two
replays that disagree mean that the stage is unstable (an A/A test), two that agree mean that it has drifted
since the log was written. Logged outputs serve as the first run of the A/A test, so a faithful log costs
nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from diagnose.core.artifact import Answer, Context, Decision, Output, Passages, Route, Text
from diagnose.core.pipeline import Pipeline
from diagnose.core.report import Fidelity
from diagnose.core.stage import Role
from diagnose.core.trace import Trace
from diagnose.replay.run import Broken, Meter, Runner, State

Match = Literal["same", "drifted", "unstable", "upstream"]
"""`upstream`: the stage got something else than in the log, so that its output says nothing about it."""


@dataclass(frozen=True)
class Compared:
    """One trace's replay held against its log, by role of the stages that are in both."""

    matches: dict[Role, Match]


def same(logged: Output, again: Output) -> bool:
    """Whether two outputs are the same in what the next stage sees.

    Passages are compared by id and (where both have one) text, in order; scores and token counts are not. A context
    may be logged as the part of a prompt that holds the passages, while the stage gives the whole prompt.
    """
    match logged, again:
        case Passages(), Passages():
            a, b = logged.passages, again.passages
            return len(a) == len(b) and all(
                x.id == y.id and (not x.text or not y.text or x.text == y.text)
                for x, y in zip(a, b, strict=True)
            )
        case Context(), Context():
            alike = [p.id for p in logged.passages] == [p.id for p in again.passages]
            if logged.text and again.text:
                part = bool(logged.passages) and alike and logged.text in again.text
                return part or logged.text == again.text
            return alike
        case Answer(), Answer():
            return logged.text.strip() == again.text.strip()
        case Text(), Text():
            return logged.text == again.text
        case Route(), Route():
            return logged.route == again.route
        case Decision(), Decision():
            return logged.accept == again.accept and (logged.text or "") == (again.text or "")
    return False


def compared(runner: Runner, trace: Trace, state: State, meter: Meter) -> Compared:
    """Hold the final state of an unchanged replay against the trace's log."""
    matches: dict[Role, Match] = {}
    faithful = True
    before = State.start(trace.query)
    for role, again in state.outputs:
        logged = trace.output(role)
        if logged is None:
            before = before.after(role, again, runner.pipeline.abstention)
            continue
        if not faithful:
            matches[role] = "upstream"
        elif same(logged, again):
            matches[role] = "same"
        else:
            matches[role] = _why(runner, role, before, again, meter)
            faithful = False
        before = before.after(role, again, runner.pipeline.abstention)
    return Compared(matches)


def _why(runner: Runner, role: Role, before: State, again: Output, meter: Meter) -> Match:
    stage = runner.pipeline.stage(role, before.route)
    if stage is None or not runner.steady(stage):
        return "unstable"
    try:
        once_more = runner.again(stage, before.given())
    except Broken:
        return "unstable"
    return "drifted" if same(again, once_more) else "unstable"


def fidelity_of(pipeline: Pipeline, compared: Iterable[Compared]) -> dict[Role, Fidelity]:
    """Fidelity per stage over many traces, of those traces in which the stage got what it got in the log."""
    everything = list(compared)
    table: dict[Role, Fidelity] = {}
    for role in pipeline.roles:
        found = [c.matches[role] for c in everything if c.matches.get(role, "upstream") != "upstream"]
        if found:
            n = len(found)
            part = {kind: found.count(kind) / n for kind in ("same", "drifted", "unstable")}
            table[role] = Fidelity(n, part["same"], part["drifted"], part["unstable"])
    return table
