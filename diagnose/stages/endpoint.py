"""One HTTP endpoint that takes JSON and gives JSON: what every stage behind a network shares.

A request has a deadline that covers all of it (an endpoint that drips a byte a second is late, too), an answer a
greatest length, a busy endpoint a bounded number of retries. Redirects are not followed: a key would go with them.
"""

from __future__ import annotations

import asyncio
import random
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, TypeVar
from urllib.parse import urlsplit

import msgspec

from diagnose.errors import StageFailed, UsageError, quoted
from diagnose.secrets import FILE, file_text
from diagnose.stages.breaker import Breaker
from diagnose.stages.event_loop import run, start
from diagnose.stages.failure import TimedOut, one_line

if TYPE_CHECKING:
    import ssl

    import httpx

FIRST_WAIT_S = 0.5
"""The longest wait before the first retry; it doubles with each further one."""
LONGEST_WAIT_S = 60.0
"""A server that asks for a longer wait than this is taken at its word: the call fails and says so."""
DROPPED = 0
"""In place of a status: the connection was closed before a reply began, as idle ones are."""
RETRIED = frozenset({DROPPED, 408, 409, 429, 500, 502, 503, 504, 529})
KEYLESS = frozenset({401, 403})
"""The key is missing, wrong or expired."""
LONGEST_REPLY = 8 * 2**20
"""Bytes of a reply; what is longer is not read."""
LONGEST_COMPLAINT = 2**16
"""Bytes that are read of a reply that tells an error."""
STEADY_FAILURES = 3
"""Calls in a row that used up their retries, after which further ones are tried once only."""

RequestTimeout = Annotated[float, msgspec.Meta(gt=0, le=3600)]
Retries = Annotated[int, msgspec.Meta(ge=0, le=10)]
Concurrency = Annotated[int, msgspec.Meta(ge=1, le=256)]
Header = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9-]+$")]
INCIDENTAL = ("request_timeout_s", "retries", "concurrency", "key_env", "key_header")
"""Settings that change how an endpoint is asked and not what it answers."""

T = TypeVar("T")


@dataclass(frozen=True)
class Waiting:
    """How retries wait: `sleep` takes seconds, `jitter` gives a number from 0 to 1, `now` the time for
    dates."""

    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = field(default_factory=lambda: random.Random().random)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


class Reply(msgspec.Struct, frozen=True):
    """What came back: `retry_after` and `kind` are the headers of that name and of the content type."""

    status: int
    body: bytes
    kind: str = ""
    retry_after: str = ""
    location: str = ""


class _Health:
    """How many calls in a row used up their retries."""

    def __init__(self) -> None:
        self.spent = 0


@dataclass(frozen=True)
class Endpoint:
    """Where requests go and how. `setting` is the key of the pipeline file that the address came from, for errors.

    At most `concurrency` requests are under way at once, from however many threads.
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
    _idle: list[httpx.AsyncClient] = field(default_factory=list, repr=False, compare=False)
    _health: _Health = field(default_factory=_Health, repr=False, compare=False)
    _breaker: Breaker = field(default_factory=Breaker, repr=False, compare=False)

    def post(self, body: object) -> bytes:
        """The JSON that the endpoint answers `body` with; StageFailed (TimedOut) where it gives none.

        After many failures in a row it is asked now and then only (`breaker`).
        """
        self._breaker.admit(self.url)
        try:
            reply, tries = self._answered(body)
        except StageFailed:
            self._breaker.failed()
            raise
        # A reply that blames the request says that the endpoint is there.
        if reply.status in RETRIED or reply.status in KEYLESS:
            self._breaker.failed()
        else:
            self._breaker.worked()
        return self._checked(reply, tries)

    def _answered(self, body: object) -> tuple[Reply, int]:
        """The last reply to a request, and how often it was made."""
        retries = self.retries if self._health.spent < STEADY_FAILURES else 0
        reply = self._sent(body)
        for attempt in range(retries):
            if reply.status not in RETRIED:
                break
            self.waiting.sleep(self._wait_s(reply, attempt))
            reply = self._sent(body)
        busy = reply.status in RETRIED
        self._health.spent = self._health.spent + 1 if busy else 0
        return reply, 1 + retries if busy else 1

    def post_all(self, bodies: Sequence[object]) -> list[bytes]:
        """The answers to several requests, in order; the first failure is raised once none is under way."""
        with ThreadPoolExecutor(self.concurrency, "diagnose-endpoint") as pool:
            return list(pool.map(self.post, bodies))

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
        while self._idle:
            run(self._idle.pop().aclose())

    def _client(self) -> httpx.AsyncClient:
        """A client that no request is using. Each holds one connection: a pool of 64 spends three times as much
        time on every request, in looking for a free one."""
        import httpx

        if self._idle:
            return self._idle.pop()

        # Uncompressed: a few packed bytes could stand for more than memory holds.
        headers = {"Accept-Encoding": "identity", "Content-Type": "application/json"}
        if self.key:
            headers[self.key_header] = (
                f"Bearer {self.key}" if self.key_header == "Authorization" else self.key
            )
        client = httpx.AsyncClient(
            headers=headers,
            timeout=self.request_timeout_s,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=1),
            verify=self._trusted,
        )
        # A pipeline is let go of without a word; its open connections go with it.
        weakref.finalize(self, start, client.aclose).atexit = False
        return client

    @cached_property
    def _trusted(self) -> ssl.SSLContext:
        import httpx

        return httpx.create_ssl_context()

    @cached_property
    def _slots(self) -> asyncio.Semaphore:
        return asyncio.Semaphore(self.concurrency)

    def _sent(self, body: object) -> Reply:
        import httpx

        content = msgspec.json.encode(body)
        try:
            return run(self._asked(content))
        except (TimeoutError, httpx.TimeoutException) as exc:
            raise TimedOut(
                f"{self.url} did not reply within {self.request_timeout_s:g} seconds (request_timeout_s)"
            ) from exc
        except httpx.ConnectError as exc:
            raise StageFailed(f"{self.url} cannot be reached: {self._safe(one_line(exc))}") from exc
        except httpx.HTTPError as exc:
            raise StageFailed(f"{self.url} broke off: {self._safe(one_line(exc))}") from exc

    async def _asked(self, content: bytes) -> Reply:
        # Waiting for a free place is no fault of the endpoint: the deadline starts after it.
        import httpx

        began = False
        try:
            async with self._slots, asyncio.timeout(self.request_timeout_s):
                client = self._client()
                try:
                    async with client.stream("POST", self.url, content=content) as response:
                        began = True
                        return await self._read(response)
                finally:
                    self._idle.append(client)
        except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
            if began:
                raise
            return Reply(DROPPED, b"")

    async def _read(self, response: httpx.Response) -> Reply:
        status, get = response.status_code, response.headers.get
        good = 200 <= status < 300
        if good and get("content-encoding", "identity") != "identity":
            raise StageFailed(
                f"{self.url} answered in an encoding that was not asked for ({get('content-encoding')})"
            )
        longest = LONGEST_REPLY if good else LONGEST_COMPLAINT
        parts: list[bytes] = []
        length = 0
        async for part in response.aiter_raw():
            parts.append(part)
            length += len(part)
            if length > longest:
                if good:
                    raise StageFailed(
                        f"{self.url} answered with more than {LONGEST_REPLY >> 20} MB, which was not read on"
                    )
                break
        return Reply(
            status, b"".join(parts), get("content-type", ""), get("retry-after", ""), get("location", "")
        )

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
