"""Log what your own stages do, as traces, in four lines, in your own process:

    from diagnose.recording import recording, stage

    @stage("retriever")
    def search(question): ...

    with recording("traces.jsonl", question):
        answer = rag(question)

Each query becomes one line of the file, with the passages, the context, the answer and the seconds of every
decorated stage that ran inside the block. Outside of one, a decorated function is the function it was.
"""

from __future__ import annotations

import functools
import inspect
import os
import time
import uuid
import warnings
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec

from diagnose.core.artifact import Query, Turn
from diagnose.core.stage import ROLES, Role
from diagnose.core.trace import Gold, Trace
from diagnose.errors import UsageError, quoted
from diagnose.stages.failure import one_line
from diagnose.stages.framework_values import text_of
from diagnose.stages.logbook import Logbook, Unlogged
from diagnose.traces.to_jsonl import encode_line

__all__ = ["RecordingWarning", "recording", "stage"]

F = TypeVar("F", bound=Callable[..., Any])


class RecordingWarning(UserWarning):
    """Something was not logged. What the application does is never changed by being logged."""


_CURRENT: ContextVar[Logbook | None] = ContextVar("diagnose_recording", default=None)
_INSIDE: ContextVar[frozenset[Role]] = ContextVar("diagnose_inside", default=frozenset())
"""The roles whose functions are running here: a call inside another of its role is a part of that."""


@contextmanager
def recording(
    path: Path | str,
    query: str,
    *,
    trace_id: str | None = None,
    history: Sequence[tuple[str, str] | Mapping[str, str]] = (),
    gold: Mapping[str, Any] | None = None,
    tags: Mapping[str, object] | None = None,
    clock: Callable[[], float] | None = time.perf_counter,
) -> Iterator[Logbook]:
    """Logs the stages that run in the block as one trace, appended to `path` when the block ends.

    `history` holds the turns before the query, as (role, text) or {"role", "content"}; `gold` is a label as in a
    trace file ({"answers": […], "passages": […]}). Without a `clock` no times are logged. The block's value has
    `.step(role, output)` for a stage that is no function of its own, `.score(x)`, `.feedback(x)`, `.tag(name, value)`.

    A block that raises is logged up to there, and raises. Threads that the block starts are not seen unless they run in
    a copy of its context (`contextvars.copy_context().run`); tasks of asyncio are. Raises UsageError, before
    the block is run, where the file cannot be written or an argument is no such thing.
    """
    asked = Query(query, tuple(_turn(turn) for turn in history))
    label = _label(gold)
    book = Logbook(asked, clock, dict(tags or {}))
    with _appending(path) as write:
        token = _CURRENT.set(book)
        try:
            yield book
        finally:
            _CURRENT.reset(token)
            write(book.trace(trace_id or uuid.uuid4().hex, label))


def stage(role: Role, name: str | None = None) -> Callable[[F], F]:
    """Decorates a function (also an async one, a generator or an async generator) that is a stage of this role.

    What it returns is logged in any form that a stage of a pipeline file may return: texts, dicts, passages of
    LangChain, LlamaIndex and Haystack; a generator's parts are logged joined. A stage that is called again in one
    query adds its passages to the first ones, and its text replaces the earlier one. What cannot be logged is left
    out with a RecordingWarning. UsageError for an unknown role.
    """
    if role not in ROLES:
        raise UsageError(f"stage: expected one of {', '.join(ROLES)}, found {quoted(role)}")

    def decorate(function: F) -> F:
        return cast(F, _wrapped(function, role, name or getattr(function, "__name__", None)))

    return decorate


def _wrapped(function: Callable[..., Any], role: Role, name: str | None) -> Callable[..., Any]:
    if inspect.isasyncgenfunction(function):

        @functools.wraps(function)
        async def stream(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            with _logged(role, name) as log:
                parts: list[Any] = []
                try:
                    async for part in function(*args, **kwargs):
                        parts.append(part)
                        yield part
                except GeneratorExit:  # the caller has heard enough
                    log(_whole(role, parts))
                    raise
                log(_whole(role, parts))

        return stream
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def parts_of(*args: Any, **kwargs: Any) -> Iterator[Any]:
            with _logged(role, name) as log:
                parts: list[Any] = []
                try:
                    for part in function(*args, **kwargs):
                        parts.append(part)
                        yield part
                except GeneratorExit:
                    log(_whole(role, parts))
                    raise
                log(_whole(role, parts))

        return parts_of
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            with _outermost(role, name) as log:
                value = await function(*args, **kwargs)
                log(value)
                return value

        return awaited

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        with _outermost(role, name) as log:
            value = function(*args, **kwargs)
            log(value)
            return value

    return called


def _whole(role: Role, parts: list[Any]) -> Any:
    """What a generator gave, as one value: passages as a list, a text put together."""
    listed = role in ("retriever", "ranker", "compressor")
    return parts if listed else "".join(text_of(part) for part in parts)


@contextmanager
def _outermost(role: Role, name: str | None) -> Iterator[Callable[[Any], None]]:
    """As `_logged`; a call inside another of the same role logs nothing."""
    inside = _INSIDE.get()
    if role in inside:
        yield lambda value: None
        return
    token = _INSIDE.set(inside | {role})
    try:
        with _logged(role, name) as log:
            yield log
    finally:
        _INSIDE.reset(token)


@contextmanager
def _logged(role: Role, name: str | None) -> Iterator[Callable[[Any], None]]:
    """Times a stage and logs what it gave, or what it raised."""
    book = _CURRENT.get()
    if book is None:
        yield lambda value: None
        return
    started = book.now()

    def log(value: Any) -> None:
        try:
            book.log(role, value, name, started)
        except Unlogged as why:
            warnings.warn(str(why), RecordingWarning, stacklevel=2)
        except Exception as error:  # noqa: BLE001  whatever a foreign object raises when it is looked at
            warnings.warn(f"stage {role}: not logged: {one_line(error)}", RecordingWarning, stacklevel=2)

    try:
        yield log
    except Exception as error:
        book.fail(role, error, name, started)
        raise


def _turn(turn: tuple[str, str] | Mapping[str, str]) -> Turn:
    role, content = (turn.get("role"), turn.get("content")) if isinstance(turn, Mapping) else turn
    if not isinstance(role, str) or not isinstance(content, str):
        raise UsageError("recording: history: expected (role, text) pairs")
    return Turn(role, content)


def _label(gold: Mapping[str, Any] | None) -> Gold | None:
    try:
        return None if gold is None else msgspec.convert(dict(gold), Gold)
    except msgspec.ValidationError as error:
        raise UsageError(f"recording: gold: {error}") from error


@contextmanager
def _appending(path: Path | str) -> Iterator[Callable[[Trace], None]]:
    """Appends whole lines: one write each, so that threads and processes may share a file."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    except OSError as error:
        raise UsageError(f"recording: {path}: cannot be written: {error.strerror}") from error

    def write(trace: Trace) -> None:
        try:
            os.write(file, encode_line(trace))
        except OSError as error:
            warnings.warn(f"{path}: not logged: {error.strerror}", RecordingWarning, stacklevel=6)

    try:
        yield write
    finally:
        os.close(file)
