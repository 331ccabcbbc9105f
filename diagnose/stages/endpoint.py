"""One HTTP endpoint that takes JSON and gives JSON: what every stage behind a network shares.

A request has a deadline that covers all of it (an endpoint that drips a byte a second is late, too), an answer a
greatest length, a busy endpoint a bounded number of retries. Redirects are not followed: a key would go with them.
"""

from __future__ import annotations

import asyncio
import inspect
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast
from urllib.parse import urlsplit

import msgspec

from diagnose.errors import StageFailed, UsageError, quoted
from diagnose.secrets import FILE, file_text
from diagnose.stages.at_once import AtOnce
from diagnose.stages.breaker import Breaker
from diagnose.stages.event_loop import each, run
from diagnose.stages.failure import TimedOut, one_line
from diagnose.stages.transport import (
    DROPPED,
    LONGEST_COMPLAINT,
    LONGEST_REPLY,
    BrokeOff,
    Reply,
    Unreachable,
    posted,
    session_for,
)

if TYPE_CHECKING:
    import aiohttp

__all__ = ["LONGEST_COMPLAINT", "LONGEST_REPLY", "Endpoint", "Waiting", "address", "key_in", "retry_after_s"]

FIRST_WAIT_S = 0.5
"""The longest wait before the first retry; it doubles with each further one."""
LONGEST_WAIT_S = 60.0
"""A server that asks for a longer wait than this is taken at its word: the call fails and says so."""
RETRIED = frozenset({DROPPED, 408, 409, 429, 500, 502, 503, 504, 529})
KEYLESS = frozenset({401, 403})
"""The key is missing, wrong or expired."""
TOO_MUCH = frozenset({DROPPED, 429, 503, 529})
"""Of these, those of a server that is asked too much at once."""
STEADY_FAILURES = 3
"""Calls in a row that used up their retries, after which further ones are tried once only."""

RequestTimeout = Annotated[float, msgspec.Meta(gt=0, le=3600)]
Retries = Annotated[int, msgspec.Meta(ge=0, le=10)]
Concurrency = Annotated[int, msgspec.Meta(ge=1, le=256)]
Header = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9-]+$")]
INCIDENTAL = ("request_timeout_s", "retries", "concurrency", "key_env", "key_header")
"""Settings that change how an endpoint is asked and not what it answers."""

T = TypeVar("T")

BEGUN: ContextVar[Callable[[], None] | None] = ContextVar("BEGUN", default=None)
"""Called once a request is let through, in the context of who asks: waiting for a place is nobody's delay."""


@dataclass(frozen=True)
class Waiting:
    """How retries wait: `sleep` takes seconds (in the event loop: what it gives back is awaited), `jitter` gives a
    number from 0 to 1, `now` the time for dates."""

    sleep: Callable[[float], Awaitable[None] | None] = asyncio.sleep
    jitter: Callable[[], float] = field(default_factory=lambda: random.Random().random)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


class _Health:
    """How many calls in a row used up their retries."""

    def __init__(self) -> None:
        self.spent = 0


@dataclass(frozen=True)
class Endpoint:
    """Where requests go and how. `setting` is the key of the pipeline file that the address came from, for errors.

    At most `concurrency` requests are under way at once, from however many threads, and fewer while that is too much
    for it (`at_once`).
    """

    url: str
    key: str | None = field(repr=False)
    key_env: str
    key_header: str = "Authorization"
    request_timeout_s: float = 60.0
    retries: int = 4
    concurrency: int = 4
    setting: str = "base_url"
    waiting: Waiting = Waiting()
    _open: list[aiohttp.ClientSession] = field(default_factory=list, repr=False, compare=False)
    _health: _Health = field(default_factory=_Health, repr=False, compare=False)
    _breaker: Breaker = field(default_factory=Breaker, repr=False, compare=False)

    def post(self, body: object) -> bytes:
        """The JSON that the endpoint answers `body` with; StageFailed (TimedOut) where it gives none.

        After many failures in a row it is asked now and then only (`breaker`).
        """
        return run(self.asked(body))

    def post_all(self, bodies: Sequence[object]) -> list[bytes]:
        """The answers to several requests, in order; the first failure is raised once none is under way."""
        return self.together([partial(self.asked, body) for body in bodies])

    def together(self, works: Sequence[Callable[[], Coroutine[Any, Any, T]]]) -> list[T]:
        """What several pieces of work that ask this endpoint come to, in order, `concurrency` of them at once; the
        first failure is raised once none is under way."""
        found: list[T | StageFailed | None] = [None] * len(works)

        async def one(place: int) -> None:
            try:
                found[place] = await works[place]()
            except StageFailed as exc:
                found[place] = exc

        hands = min(self.concurrency, len(works))
        run(each([partial(one, place) for place in range(len(works))], hands))
        if failed := next((f for f in found if isinstance(f, StageFailed)), None):
            raise failed
        return cast("list[T]", found)

    async def asked(self, body: object) -> bytes:
        """`post`, in the event loop."""
        self._breaker.admit(self.url)
        try:
            reply, tries = await self._answered(msgspec.json.encode(body))
        except StageFailed:
            self._breaker.failed()
            raise
        # A reply that blames the request says that the endpoint is there.
        if reply.status in RETRIED or reply.status in KEYLESS:
            self._breaker.failed()
        else:
            self._breaker.worked()
        return self._checked(reply, tries)

    async def _answered(self, content: bytes) -> tuple[Reply, int]:
        """The last reply to a request, and how often it was made."""
        retries = self.retries if self._health.spent < STEADY_FAILURES else 0
        reply = await self._sent(content)
        for attempt in range(retries):
            if reply.status not in RETRIED:
                break
            pause = self.waiting.sleep(self._wait_s(reply, attempt))
            if inspect.isawaitable(pause):
                await pause
            reply = await self._sent(content)
        busy = reply.status in RETRIED
        self._health.spent = self._health.spent + 1 if busy else 0
        return reply, 1 + retries if busy else 1

    def read(self, body: bytes, kind: type[T], what: str) -> T:
        """The answer as a value; StageFailed where it is none. `what` it should be, for the error."""
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
            raise StageFailed(
                f"{self.url} sent no {what}: {self._safe(one_line(exc))}{self._page(body)}"
            ) from exc

    def close(self) -> None:
        """Close what connections are open now, not when the endpoint is let go of."""
        while self._open:
            run(self._open.pop().close())

    def _session(self) -> aiohttp.ClientSession:
        if not self._open or self._open[-1].closed:
            headers = {}
            if self.key:
                bearer = self.key_header == "Authorization"
                headers[self.key_header] = f"Bearer {self.key}" if bearer else self.key
            self._open[:] = [session_for(self, headers)]
        return self._open[-1]

    @cached_property
    def _at_once(self) -> AtOnce:
        return AtOnce(self.concurrency)

    async def _sent(self, content: bytes) -> Reply:
        # Waiting for a free place is no fault of the endpoint: the deadline starts after it.
        number = await self._at_once.admitted()
        if (begun := BEGUN.get()) is not None:
            begun()
        began, too_much = time.perf_counter(), True
        try:
            reply = await posted(self._session(), self.url, content, self.request_timeout_s)
            too_much = reply.status in TOO_MUCH
            return reply
        except TimeoutError as exc:
            raise TimedOut(
                f"{self.url} did not reply within {self.request_timeout_s:g} seconds (request_timeout_s)"
            ) from exc
        except Unreachable as exc:
            raise StageFailed(f"{self.url} cannot be reached: {self._cause(exc)}") from exc
        except BrokeOff as exc:
            raise StageFailed(f"{self.url} broke off: {self._cause(exc)}") from exc
        finally:
            self._at_once.ended(number, time.perf_counter() - began, too_much)

    def _cause(self, exc: Exception) -> str:
        assert exc.__cause__ is not None
        return self._safe(one_line(exc.__cause__))

    def _wait_s(self, reply: Reply, attempt: int) -> float:
        """Seconds until the next try: what the server asks for, else a random part of a doubling wait."""
        asked_s = retry_after_s(reply.retry_after, self.waiting.now())
        if asked_s is None:
            return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0**attempt) * self.waiting.jitter()
        if asked_s > LONGEST_WAIT_S:
            raise StageFailed(f"{self.url} answered {reply.status} and asks to wait {asked_s:.0f} seconds")
        return asked_s

    def _checked(self, reply: Reply, tries: int) -> bytes:
        """The body of a good reply; any other as an error that says what to do."""
        status = reply.status
        if 200 <= status < 300:
            # What is answered is kept; some servers quote the key back even then.
            return reply.body.replace(self.key.encode(), b"[key]") if self.key else reply.body
        if 300 <= status < 400:
            aim = f" to {quoted(self._safe(reply.location), 120)}" if reply.location else ""
            raise StageFailed(
                f"{self.url} answered {status}, a redirect{aim}, which is not followed: set {self.setting} to its aim"
            )
        if status == DROPPED:
            times = f"{tries} times" if tries > 1 else "once"
            raise StageFailed(f"{self.url} broke off: it closed the connection without a reply, {times}")
        hint = ""
        if status in KEYLESS:
            hint = (
                f" (is {self.key_env} set, and right?)" if self.key_env else " (it wants a key: set key_env)"
            )
        elif status == 404:
            hint = f" (is {self.setting} right?)"
        elif tries > 1:
            hint = f" to each of {tries} tries"
        said = quoted(self._safe(reply.body[:1000].decode("utf-8", "replace")), 200)
        raise StageFailed(f"{self.url} answered {status}{hint}: {said}")

    def _page(self, body: bytes) -> str:
        """A hint where the body is a web page: the address is that of a site, not of its interface."""
        if body.lstrip()[:1] != b"<":
            return ""
        start = quoted(self._safe(body[:200].decode("utf-8", "replace")), 60)
        return f" (it sent a web page, {start}: is {self.setting} right?)"

    def _safe(self, text: str) -> str:
        """Foreign text without the key, which some servers quote back."""
        return text.replace(self.key, "[key]") if self.key else text


def key_in(environ: Mapping[str, str], key_env: str) -> str | None:
    """The key that an environment variable holds, or the file that `key_env` with `_FILE` behind it names; None
    where there is neither. UsageError where the file cannot be read, or no header could carry the key."""
    key = environ.get(key_env, "").strip() if key_env else ""
    if key_env and not key and (path := environ.get(key_env + FILE)):
        if (found := file_text(path)) is None:
            raise UsageError(f"{key_env}{FILE}: expected a file with a key, found none to read")
        key = found
    if key and not (key.isascii() and key.isprintable()):
        raise UsageError(f"{key_env}: expected a key of printable ASCII characters, found others in it")
    return key or None


def address(url: str, ending: str, setting: str = "base_url") -> str:
    """The URL to post to: `url` and `ending`; a `url` without a path means its `/v1`, unless nothing is to be added.

    Raises UsageError for what is no HTTP address, or has a user, password or query in it.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError as exc:
        raise UsageError(f"{setting}: {one_line(exc)}") from exc
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UsageError(
            f"{setting}: expected no user, password or query in it (keys come from the environment)"
        )
    if host is None or parts.scheme not in ("http", "https"):
        raise UsageError(f"{setting}: expected an http:// or https:// address, found {quoted(url)}")
    if not ending:
        return url
    start = url.rstrip("/")
    if start.endswith(ending):
        return start
    return f"{start}{ending}" if parts.path.strip("/") else f"{start}/v1{ending}"


def retry_after_s(header: str, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for (a number or a date), or None where it says nothing
    usable."""
    header = header.strip()
    if header.isascii() and header.replace(".", "", 1).isdigit():
        return float(header)
    try:
        asked = parsedate_to_datetime(header)
    except (TypeError, ValueError):
        return None
    return max(0.0, (asked.astimezone(UTC) - now).total_seconds())
