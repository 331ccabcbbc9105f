"""Makes a stage of a callable: binds its arguments, runs it, turns whatever goes wrong into `RunFailed`."""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import msgspec

from diagnose.core.artifact import Output
from diagnose.core.stage import TAKES, Ended, Given, Role, Stage
from diagnose.errors import DiagnoseError, StageFailed, UsageError
from diagnose.secrets import SHOWN, secrets_in
from diagnose.stages.adapt import NOTHING_KNOWN, Known, adapt
from diagnose.stages.endpoint import BEGUN, Endpoint
from diagnose.stages.failure import Kind, RunFailed, TimedOut, one_line
from diagnose.stages.passage import WrongField, shown

ARGUMENTS = ("query", "conversation", "passages", "context", "answer")
"""The parameter names that say which argument is wanted; any other is filled by position."""
SEED = "seed"


@dataclass(frozen=True)
class Identity:
    """What a stage is, beside the callable that runs it (the fields mean what `Stage`'s do)."""

    role: Role
    name: str
    fingerprint: str
    deterministic: bool | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
    timeout_s: float | None = None
    count_tokens: Callable[[str], int] | None = None


def as_stage(target: Callable[..., object], identity: Identity, known: Known = NOTHING_KNOWN) -> Stage:
    """The stage that calls `target`.

    `target` may carry attributes that say more of it: `deterministic`, `count_tokens`, `window_tokens` and
    `batch` (a callable that takes a list of `Given` and returns a list of outputs). What `identity` says of
    `deterministic` goes before what `target` does. UsageError where `target` has a parameter that no stage of
    this role is given.

    With `timeout_s` the callable runs in a thread that is given up when the time is over. Python cannot end a
    thread: what hangs goes on hanging in the background, result unread, until the process ends.
    """
    role, name = identity.role, identity.name
    known = replace(known, secrets=secrets_in(os.environ))
    bound = bind(target, role, name)

    def run(given: Given, seed: int | None) -> Output:
        args, kwargs = bound.arguments(given, seed)
        value = _guarded(lambda: _settled(target(*args, **kwargs)), identity, identity.timeout_s)
        return _adapted(identity, value, given, known)

    stated = identity.deterministic
    window = getattr(target, "window_tokens", None)
    prompt_of = getattr(target, "prompt_of", None)
    return Stage(
        role=role,
        name=name,
        run=run,
        fingerprint=identity.fingerprint,
        deterministic=bool(getattr(target, "deterministic", False)) if stated is None else stated,
        seeded=bound.seeded,
        settings=identity.settings,
        count_tokens=getattr(target, "count_tokens", None) or identity.count_tokens,
        window_tokens=window if isinstance(window, int) else None,
        run_batch=_batch(target, identity, known),
        takes=tuple(dict.fromkeys((*bound.positional, *(name for _, name in bound.keywords)))),
        run_each=_each(target, identity, known),
        prompt_of=prompt_of if callable(prompt_of) else None,
    )


@dataclass(frozen=True)
class Bound:
    """How a callable takes its arguments: by position, by keyword, and whether it takes (or needs) a seed."""

    positional: tuple[str, ...]
    keywords: tuple[tuple[str, str], ...] = ()
    seeded: bool = False
    needs_seed: bool = False

    def arguments(self, given: Given, seed: int | None) -> tuple[list[object], dict[str, object]]:
        """The arguments of one call. Passages come as a list of the callable's own, to sort as it likes."""

        def value(name: str) -> object:
            return list(given.passages) if name == "passages" else getattr(given, name)

        kwargs = {parameter: value(name) for parameter, name in self.keywords}
        if self.seeded and (seed is not None or self.needs_seed):
            kwargs[SEED] = seed
        return [value(name) for name in self.positional], kwargs


def bind(target: Callable[..., object], role: Role, name: str) -> Bound:
    """Matches a callable's parameters to what a stage of its role is called with.

    A parameter named as one of ARGUMENTS gets that; the role's arguments that nobody named go, in order, to
    the other parameters that have no default (then to `*args`). A parameter with a default keeps it.
    """
    try:
        parameters = list(inspect.signature(target).parameters.values())
    except (TypeError, ValueError):  # written in C: no signature to look at
        return Bound(TAKES[role])
    rest = [argument for argument in TAKES[role] if all(p.name != argument for p in parameters)]
    positional: list[str] = []
    keywords: list[tuple[str, str]] = []
    for i, p in enumerate(parameters):
        in_row = len(positional) == i
        if p.kind is p.VAR_POSITIONAL:
            positional += rest if in_row else []
        elif p.name in ARGUMENTS or _needs_value(p):
            wanted = p.name if p.name in ARGUMENTS else _next(rest, p.name, role, name)
            if in_row and p.kind is not p.KEYWORD_ONLY:
                positional.append(wanted)
            else:
                keywords.append((p.name, wanted))
    seed = next((p for p in parameters if p.name == SEED and not _is_set(target, SEED)), None)
    needs_seed = seed is not None and seed.default is seed.empty
    return Bound(tuple(positional), tuple(keywords), seed is not None, needs_seed)


def _is_set(target: Callable[..., object], parameter: str) -> bool:
    """Whether a partial function has its parameter set already: a pipeline file's `seed = 3` stands."""
    return isinstance(target, functools.partial) and parameter in target.keywords


def _needs_value(p: inspect.Parameter) -> bool:
    return p.kind is not p.VAR_KEYWORD and p.default is p.empty and p.name != SEED


def _next(rest: list[str], parameter: str, role: Role, name: str) -> str:
    """Takes the next argument that no parameter is named after."""
    if rest:
        return rest.pop(0)
    raise UsageError(
        f"stage {role} ({name}): its parameter {parameter!r} gets no value: a {role} is called with"
        f" {', '.join(TAKES[role])}; give it a default, or one of the names {', '.join(ARGUMENTS)}"
    )


def _guarded(work: Callable[[], object], identity: Identity, timeout_s: float | None) -> object:
    """What `work` returns; its exceptions, and its being late, as RunFailed."""
    with _translated(identity):
        return work() if timeout_s is None else _in_time(work, timeout_s)


@contextmanager
def _translated(identity: Identity) -> Iterator[None]:
    role, name = identity.role, identity.name
    try:
        yield
    except (TimedOut, TimeoutError) as exc:
        raise RunFailed(role, name, "timeout", _reason(exc)) from exc
    except RunFailed:
        raise
    except StageFailed as exc:
        raise RunFailed(role, name, "raised", str(exc)) from exc
    except DiagnoseError:
        raise
    except (Exception, SystemExit) as exc:
        raise RunFailed(role, name, "raised", f"raised {one_line(exc)}") from exc


def _reason(exc: BaseException) -> str:
    return str(exc) if isinstance(exc, StageFailed) else one_line(exc)


def _in_time(work: Callable[[], object], timeout_s: float) -> object:
    """What `work` returns, run in a daemon thread: one that hangs does not keep the process from ending."""
    results: list[object] = []
    errors: list[BaseException] = []

    def body() -> None:
        try:
            results.append(work())
        except BaseException as exc:  # noqa: BLE001  raised again, in the thread that waits
            errors.append(exc)

    thread = threading.Thread(target=body, name="diagnose-stage", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if errors:
        raise errors[0]
    if not results:
        raise TimedOut(f"gave nothing within its timeout_s of {timeout_s:g} seconds")
    return results[0]


def _settled(value: object) -> object:
    """What a coroutine returns, a generator's items: their bodies are the stage's code, and are to fail where that is
    caught."""
    if inspect.isawaitable(value):
        return asyncio.run_coroutine_threadsafe(_awaited(value), _loop()).result()
    if inspect.isasyncgen(value):
        return asyncio.run_coroutine_threadsafe(_gathered(value), _loop()).result()
    return list(value) if inspect.isgenerator(value) else value


async def _awaited(value: Awaitable[object]) -> object:
    try:
        return await value
    except SystemExit as exc:  # it would end the loop that every other stage waits for
        raise RuntimeError(f"SystemExit: {exc}") from exc


async def _gathered(value: AsyncIterator[object]) -> object:
    async def items() -> list[object]:
        return [item async for item in value]

    return await _awaited(items())


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    """One event loop for all asynchronous stages: their clients and locks are bound to the loop of the first call."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="diagnose-loop", daemon=True).start()
    return loop


def _adapted(identity: Identity, value: object, given: Given, known: Known) -> Output:
    kind: Kind = "nonsense"
    try:
        return _without_secrets(adapt(identity.role, value, given, known), known.secrets)
    except WrongField as exc:
        reason = f"returned {shown(value)}: {exc}"
        raise RunFailed(identity.role, identity.name, kind, reason) from exc


def _without_secrets(output: Output, secrets: tuple[str, ...]) -> Output:
    """The output without the keys that a stage let slip into it: outputs are kept, and shown."""
    if not secrets:
        return output
    try:
        body = msgspec.json.encode(output)
    except UnicodeEncodeError:
        return output
    cleared = body.decode()
    for secret in secrets:
        cleared = cleared.replace(msgspec.json.encode(secret).decode()[1:-1], SHOWN)
    return output if cleared.encode() == body else msgspec.json.decode(cleared, type=type(output))


def _batch(
    target: Callable[..., object], identity: Identity, known: Known
) -> Callable[[Sequence[Given]], list[Output]] | None:
    batch = getattr(target, "batch", None)
    if not callable(batch):
        return None

    def run_batch(givens: Sequence[Given]) -> list[Output]:
        limit_s = None if identity.timeout_s is None else identity.timeout_s * len(givens)
        values = _guarded(lambda: list(batch(list(givens))), identity, limit_s)
        if not isinstance(values, list) or len(values) != len(givens):
            n = len(values) if isinstance(values, list) else 0
            reason = f"its batch returned {n} outputs for {len(givens)} inputs"
            raise RunFailed(identity.role, identity.name, "nonsense", reason)
        return [_adapted(identity, value, given, known) for value, given in zip(values, givens, strict=True)]

    return run_batch


@asynccontextmanager
async def _limit(timeout_s: float | None) -> AsyncIterator[None]:
    """Ends what takes longer than `timeout_s` from when the endpoint lets it through."""
    if timeout_s is None:
        yield
        return
    async with asyncio.timeout(None) as limit:

        def begun() -> None:
            if limit.when() is None:
                limit.reschedule(asyncio.get_running_loop().time() + timeout_s)

        before = BEGUN.set(begun)
        try:
            yield
        finally:
            BEGUN.reset(before)


def _each(
    target: object, identity: Identity, known: Known
) -> Callable[[Sequence[tuple[Given, int | None]], Ended, Callable[[], bool]], None] | None:
    """`Stage.run_each` of a target behind an endpoint (it has `endpoint` and `asked`)."""
    endpoint, asked = getattr(target, "endpoint", None), getattr(target, "asked", None)
    if not isinstance(endpoint, Endpoint) or asked is None:
        return None

    async def one(place: int, given: Given, seed: int | None, ended: Ended, stop: Callable[[], bool]) -> None:
        if stop():
            return
        found: Output | Exception
        try:
            with _translated(identity):
                async with _limit(identity.timeout_s):
                    value = await asked(given, seed)
            found = _adapted(identity, value, given, known)
        except StageFailed as exc:
            found = exc
        ended(place, found)

    def run_each(calls: Sequence[tuple[Given, int | None]], ended: Ended, stop: Callable[[], bool]) -> None:
        works = [partial(one, place, given, seed, ended, stop) for place, (given, seed) in enumerate(calls)]
        endpoint.together(works)

    return run_each
