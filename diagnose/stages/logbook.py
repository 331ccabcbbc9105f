"""What the stages of one query did, as it comes in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from diagnose.core.artifact import (
    Answer,
    Context,
    Decision,
    Output,
    Passages,
    Query,
    Route,
    Text,
)
from diagnose.core.stage import ROLES, Role
from diagnose.core.trace import Gold, Outcome, Provenance, Step, Trace, Usage
from diagnose.errors import UsageError, quoted
from diagnose.stages.adapt import adapt, clean
from diagnose.stages.failure import one_line
from diagnose.stages.framework_values import plain_output
from diagnose.stages.passage import WrongField, shown
from diagnose.stages.recorded import given_in

SOURCE = "diagnose.recording"
NOTHING: Mapping[Role, Output] = {
    "router": Route(""),
    "rewriter": Text(""),
    "retriever": Passages(()),
    "ranker": Passages(()),
    "compressor": Passages(()),
    "packer": Context(""),
    "model": Answer(""),
    "verifier": Decision(False),
}
"""What stands for the output of a stage that raised."""


class Unlogged(Exception):
    """What a stage gave is no such output; it is left out of the log."""


class Logbook:
    """The steps of one query. Thread-safe; it grows until `trace` makes a value of it."""

    def __init__(self, query: Query, clock: Callable[[], float] | None, tags: Mapping[str, object]) -> None:
        self.query = query
        self._clock = clock
        self._tags = {str(name): str(value) for name, value in tags.items()}
        self._outcome = Outcome()
        self._steps: dict[Role, Step] = {}
        self._calls: dict[Role, int] = {}
        self._lock = threading.RLock()

    def step(self, role: Role, output: Any, name: str | None = None, elapsed_s: float | None = None) -> None:
        """Logs a stage that is no function of its own. UsageError where `output` is no output of the role."""
        if role not in ROLES:
            raise UsageError(f"step: expected one of {', '.join(ROLES)}, found {quoted(role)}")
        try:
            self._put(role, self._read(role, output), name, elapsed_s)
        except Unlogged as why:
            raise UsageError(str(why)) from why

    def score(self, value: float) -> None:
        """How right the answer was, from 0 to 1."""
        if not 0 <= value <= 1:
            raise UsageError(f"score: expected a number from 0 to 1, found {value:g}")
        self._outcome = msgspec.structs.replace(self._outcome, score=float(value))

    def feedback(self, value: float) -> None:
        """The user's reaction, from -1 to 1."""
        if not -1 <= value <= 1:
            raise UsageError(f"feedback: expected a number from -1 to 1, found {value:g}")
        self._outcome = msgspec.structs.replace(self._outcome, feedback=float(value))

    def tag(self, name: str, value: object) -> None:
        """A property by which traces can be told apart: a tenant, a release, a language."""
        self._tags[str(name)] = str(value)

    def now(self) -> float | None:
        """The clock's seconds, None without a clock."""
        return self._clock() if self._clock else None

    def log(self, role: Role, value: Any, name: str | None, started: float | None) -> None:
        """Logs what a stage returned. Raises Unlogged where it is no output of the role."""
        self._put(role, self._read(role, value), name, self._since(started))

    def fail(self, role: Role, error: BaseException, name: str | None, started: float | None) -> None:
        """Logs what a stage raised, unless the query has an output of the role already."""
        with self._lock:
            if role not in self._steps:
                reason = one_line(error)
                self._steps[role] = Step(role, NOTHING[role], name, self._since(started), error=reason)

    def trace(self, trace_id: str, gold: Gold | None) -> Trace:
        """The trace so far. A role that was called more than once has its calls among the tags."""
        with self._lock:
            calls = {f"calls.{role}": str(n) for role, n in self._calls.items() if n > 1}
            return Trace(
                trace_id=trace_id,
                query=msgspec.structs.replace(self.query, text=clean(self.query.text)),
                steps=self._in_order(),
                gold=gold,
                outcome=self._outcome if self._outcome != Outcome() else None,
                tags={**self._tags, **calls},
                provenance=Provenance(SOURCE),
            )

    def _since(self, started: float | None) -> float | None:
        return self._clock() - started if self._clock and started is not None else None

    def _in_order(self) -> tuple[Step, ...]:
        return tuple(self._steps[role] for role in ROLES if role in self._steps)

    def _read(self, role: Role, value: Any) -> Output:
        if hasattr(value, "__next__") or hasattr(value, "__anext__") or hasattr(value, "__await__"):
            what = "an iterator or awaitable, which logging would use up (decorate the generator function itself)"
            raise Unlogged(f"stage {role}: not logged: it gave {what}")
        with self._lock:
            so_far = Trace("", self.query, self._in_order())
        try:
            return adapt(role, plain_output(role, value), given_in(so_far, role))
        except WrongField as exc:
            raise Unlogged(f"stage {role}: not logged: it gave {shown(value)}: {exc}") from exc

    def _put(self, role: Role, output: Output, name: str | None, elapsed_s: float | None) -> None:
        usage = None
        if isinstance(output, Answer):
            counted = (output.prompt_tokens, output.completion_tokens)
            usage = Usage(*counted) if counted != (None, None) else None
            output = Answer(output.text, finish_reason=output.finish_reason)
        with self._lock:
            before = self._steps.get(role)
            self._calls[role] = self._calls.get(role, 0) + 1
            if before is not None and before.error is None:
                output = _joined(before.output, output)
                usage = _added(before.usage, usage)
                if elapsed_s is not None and before.elapsed_s is not None:
                    elapsed_s += before.elapsed_s
            self._steps[role] = Step(role, output, name, elapsed_s, usage)


def _joined(before: Output, after: Output) -> Output:
    """The output of two calls: all passages, each once; else the later one's."""
    if not (isinstance(before, Passages) and isinstance(after, Passages)):
        return after
    known = {passage.id for passage in before.passages}
    return Passages((*before.passages, *(p for p in after.passages if p.id not in known)))


def _added(before: Usage | None, after: Usage | None) -> Usage | None:
    if before is None or after is None:
        return after or before
    pairs = (
        (before.prompt_tokens, after.prompt_tokens),
        (before.completion_tokens, after.completion_tokens),
    )
    return Usage(*(None if None in pair else sum(n for n in pair if n is not None) for pair in pairs))
