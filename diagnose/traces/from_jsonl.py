"""Our own trace format (`diagnose.trace/1`), one JSON object a line."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from diagnose.core.artifact import Frozen, Query
from diagnose.core.stage import ROLES
from diagnose.core.trace import TRACE_SCHEMA, Gold, Outcome, Provenance, Trace
from diagnose.traces.by_role import AnyStepLine, StepLine, line_type, role_of, to_step
from diagnose.traces.decode import LineDecoder
from diagnose.traces.fields import found
from diagnose.traces.limits import DEFAULT_LIMITS, Limits
from diagnose.traces.lines import Finding, Line, Problem, read_lines
from diagnose.traces.once import Once

_RANK = {role: i for i, role in enumerate(ROLES)}


class TraceLine(Frozen, frozen=True, kw_only=True):
    """A trace as it stands on a line."""

    trace_id: str
    query: Query
    steps: tuple[StepLine, ...] = ()
    gold: Gold | None = None
    outcome: Outcome | None = None
    tags: dict[str, str] = {}
    provenance: Provenance | None = None


@cache
def trace_decoder() -> LineDecoder[TraceLine]:
    """Decodes lines of `diagnose.trace/1`; steps' outputs by their role."""
    return LineDecoder(line_type(TraceLine, steps=tuple[AnyStepLine, ...]), TRACE_SCHEMA)


def read_traces(path: Path | str, *, limits: Limits = DEFAULT_LIMITS) -> Iterator[Trace | Problem]:
    """The traces of a file (`-`: standard input; gzip is unpacked), in order, one at a time.

    A line that holds no usable trace comes out as one Problem per fault and costs no other line. Steps
    are put into pipeline order; unknown fields are ignored (`check_log` counts them). A query to record
    is a trace without steps. Raises BadInput, on the first `next`, for a file that cannot be read as
    lines at all.
    """
    decoder, ids = trace_decoder(), TraceIds()
    for line in read_lines(path, limits):
        if isinstance(line, Problem):
            yield line
            continue
        decoded = decode_trace(line, decoder, ids)
        if isinstance(decoded, list):
            yield from map(line.problem, decoded)
        else:
            yield to_trace(decoded)


def decode_trace(line: Line, decoder: LineDecoder[TraceLine], ids: TraceIds) -> TraceLine | list[Finding]:
    """The line's trace, or at least one finding; its id is put down in `ids`."""
    decoded = decoder.decode(line)
    if isinstance(decoded, list):
        return decoded
    wrong = [] if _sound(decoded) else list(_findings(decoded))
    return [*wrong, *ids.findings(decoded, line.number)] or decoded


def _sound(line: TraceLine) -> bool:
    """Whether nothing can be wrong in a line, seen at a glance: what says nothing of its costs, in pipeline order."""
    return (
        line.outcome is None
        and bool(line.trace_id.strip())
        and in_pipeline_order(line)
        and all(step.elapsed_s is None and step.usage is None for step in line.steps)
    )


def to_trace(line: TraceLine) -> Trace:
    """The line as a trace, its steps in pipeline order."""
    steps = tuple(map(to_step, line.steps))
    if not in_pipeline_order(line):
        steps = tuple(sorted(steps, key=lambda step: _RANK[step.role]))
    return Trace(line.trace_id, line.query, steps, line.gold, line.outcome, line.tags, line.provenance)


def in_pipeline_order(line: TraceLine) -> bool:
    """Whether each step's role comes after the one before it."""
    before = -1
    for step in line.steps:
        rank = _RANK[role_of(step)]
        if rank <= before:
            return False
        before = rank
    return True


def _findings(line: TraceLine) -> Iterator[Finding]:
    """What is wrong in a line whose fields all have the right type."""
    if not line.trace_id.strip():
        yield Finding("trace_id", "a text that is not blank", found(line.trace_id))
    first: dict[str, int] = {}
    for i, step in enumerate(line.steps):
        role = role_of(step)
        if first.setdefault(role, i) != i:
            expected = f"one step per role (steps[{first[role]}] has it already)"
            yield Finding(f"steps[{i}].role", expected, found(role))
        yield from _between(f"steps[{i}].elapsed_s", step.elapsed_s, 0.0)
        if usage := step.usage:
            yield from _between(f"steps[{i}].usage.prompt_tokens", usage.prompt_tokens, 0)
            yield from _between(f"steps[{i}].usage.completion_tokens", usage.completion_tokens, 0)
            yield from _between(f"steps[{i}].usage.cost", usage.cost, 0.0)
    if outcome := line.outcome:
        yield from _between("outcome.score", outcome.score, 0, 1)
        yield from _between("outcome.feedback", outcome.feedback, -1, 1)


def _between(field: str, value: float | None, low: float, high: float | None = None) -> Iterator[Finding]:
    if value is not None and not (low <= value and (high is None or value <= high)):
        span = f"a number from {low:g} to {high:g}" if high is not None else "a number that is not negative"
        yield Finding(field, span, found(value))


class TraceIds:
    """Ids seen so far."""

    def __init__(self) -> None:
        self._ids = Once()

    def findings(self, line: TraceLine, number: int) -> Iterator[Finding]:
        """A finding where an earlier line has the same id; `number` is this line's."""
        first = self._ids.first(line.trace_id, number)
        if first != number:
            yield Finding("trace_id", f"an id of its own (line {first} has it already)", found(line.trace_id))
