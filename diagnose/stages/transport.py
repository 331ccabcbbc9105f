"""How a request to an endpoint is made: one connection pool, nothing but what the pipeline file says.

No proxy or password comes from the environment, no redirect is followed, no cookie kept, no reply unpacked (a few
packed bytes could stand for more than memory holds). aiohttp, because a request takes 0.2 ms of CPU with it and 1.2
with httpx: `benchmarks/bench_http.py`.
"""

from __future__ import annotations

import asyncio
import atexit
import ssl
import weakref
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from diagnose.errors import StageFailed
from diagnose.stages.event_loop import finish, start

if TYPE_CHECKING:
    import aiohttp

DROPPED = 0
"""In place of a status: the connection was closed before a reply began, as idle ones are."""
LONGEST_REPLY = 8 * 2**20
"""Bytes of a reply; what is longer is not read."""
LONGEST_COMPLAINT = 2**16
"""Bytes that are read of a reply that tells an error."""
LONGEST_HEADER = 2**15
"""Bytes of one line of a reply's head."""

_SESSIONS: weakref.WeakSet[aiohttp.ClientSession] = weakref.WeakSet()


class Reply(msgspec.Struct, frozen=True):
    """What came back: `retry_after` and `kind` are the headers of that name and of the content type."""

    status: int
    body: bytes
    kind: str = ""
    retry_after: str = ""
    location: str = ""


class Unreachable(Exception):
    """No connection came about."""


class BrokeOff(Exception):
    """A reply that ended before its end, or is none."""


def session_for(owner: object, headers: Mapping[str, str]) -> aiohttp.ClientSession:
    """Connections that are kept open as long as `owner` lives. To be called in the event loop."""
    import aiohttp

    session = aiohttp.ClientSession(
        headers={"Accept-Encoding": "identity", "Content-Type": "application/json", **headers},
        # Whoever asks has a deadline and a bound of its own.
        connector=aiohttp.TCPConnector(limit=0, ssl=_trusted()),
        timeout=aiohttp.ClientTimeout(total=None),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        max_line_size=LONGEST_HEADER,
        max_field_size=LONGEST_HEADER,
    )
    if not _SESSIONS:
        atexit.register(_close_all)
    _SESSIONS.add(session)
    # A pipeline is let go of without a word; its open connections go with it.
    weakref.finalize(owner, start, session.close).atexit = False
    return session


@cache
def _trusted() -> ssl.SSLContext:
    import httpx

    return httpx.create_ssl_context()


def _close_all() -> None:
    """A session that is open when the interpreter ends complains of that, loudly."""
    for session in list(_SESSIONS):
        finish(session.close)


async def posted(session: aiohttp.ClientSession, url: str, content: bytes, timeout_s: float) -> Reply:
    """The reply to a POST; a `status` of DROPPED where the connection was closed before one began.

    Raises TimeoutError where it is not all there within `timeout_s`, Unreachable, BrokeOff, and StageFailed for what
    is too long or packed.
    """
    import aiohttp

    began = False
    try:
        async with asyncio.timeout(timeout_s):
            async with session.post(url, data=content, allow_redirects=False) as response:
                began = True
                return await _read(response, url)
    except aiohttp.ClientConnectorError as exc:
        raise Unreachable(exc) from exc
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as exc:
        if began:
            raise BrokeOff(exc) from exc
        return Reply(DROPPED, b"")
    except aiohttp.ClientError as exc:
        raise BrokeOff(exc) from exc


async def _read(response: aiohttp.ClientResponse, url: str) -> Reply:
    status, get = response.status, response.headers.get
    good = 200 <= status < 300
    if good and get("content-encoding", "identity") != "identity":
        raise StageFailed(f"{url} answered in an encoding that was not asked for ({get('content-encoding')})")
    longest = LONGEST_REPLY if good else LONGEST_COMPLAINT
    parts: list[bytes] = []
    length = 0
    async for part in response.content.iter_any():
        parts.append(part)
        length += len(part)
        if length > longest:
            response.close()
            if good:
                raise StageFailed(
                    f"{url} answered with more than {LONGEST_REPLY >> 20} MB, which was not read on"
                )
            break
    return Reply(
        status, b"".join(parts), get("content-type", ""), get("retry-after", ""), get("location", "")
    )
