"""JSON from a server, with patience and bounds."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from diagnose.errors import BadInput, StageFailed, quoted, visible
from diagnose.traces.limits import MAX_ANSWER_BYTES, size_text

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 30.0
RETRIES = 5
LONGEST_WAIT_S = 30.0
BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})


class Fetcher:
    """GET and POST with retries on 429 and 5xx (`Retry-After` counts); a context manager.

    Raises StageFailed where the server refuses, is not there or goes on being busy, BadInput where it answers
    with something else than JSON. `key_names` are environment variables that may hold a bearer token.
    """

    def __init__(
        self,
        base: str,
        key_names: tuple[str, ...],
        headers: Mapping[str, str] | None = None,
        sleep: Callable[[float], None] | None = None,
        most_bytes: int = MAX_ANSWER_BYTES,
    ) -> None:
        import httpx

        self.base, self._key_names = base.rstrip("/"), key_names
        self._sleep, self._most_bytes = sleep or time.sleep, most_bytes
        key = next((value for name in key_names if (value := os.environ.get(name))), None)
        sent = {"accept": "application/json", **(headers or {})}
        if key:
            sent["authorization"] = f"Bearer {key}"
        self._client = httpx.Client(timeout=TIMEOUT_S, headers=sent, follow_redirects=False)
        self._random = random.Random(0)

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """The JSON at a path."""
        return self._json("GET", path, parameters, None)

    def post(self, path: str, body: Any) -> Any:
        """The JSON that a request with this body is answered with."""
        return self._json("POST", path, None, body)

    def delete(self, path: str) -> Any:
        """The JSON that the removal of what is at a path is answered with."""
        return self._json("DELETE", path, None, None)

    def refusal(self, path: str) -> str | None:
        """Why a path does not answer with JSON, None where it does: which server is this?

        Raises StageFailed where the server wants a key or goes on being busy, since it may be the one."""
        try:
            self._json("GET", path, None, None, knocking=True)
        except BadInput as error:
            return str(error)
        except StageFailed as error:
            if any(f"HTTP {status}" in str(error) for status in (401, 403, 429, 503)):
                raise
            return str(error)
        return None

    def _json(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, Any] | None,
        body: Any,
        knocking: bool = False,
    ) -> Any:
        """`knocking`: whoever is not there at once is not there."""
        import httpx

        url, retries = self.base + path, RETRIES
        for attempt in range(retries + 1):
            try:
                response, data = self._answer(method, url, parameters, body)
            except httpx.HTTPError as error:
                if attempt == retries or knocking:
                    reason = visible(str(error)) or type(error).__name__
                    raise StageFailed(f"{self.base}: no whole answer from the server ({reason})") from error
                self._sleep(self._wait_s(attempt, None))
                continue
            if response.status_code not in BUSY or attempt == retries:
                return self._decoded(response, data, path)
            self._sleep(self._wait_s(attempt, response.headers.get("retry-after")))
        raise AssertionError("the last attempt returns or raises")

    def _answer(
        self, method: str, url: str, parameters: Mapping[str, Any] | None, body: Any
    ) -> tuple[httpx.Response, bytes]:
        with self._client.stream(method, url, params=parameters, json=body) as response:
            parts, size = [], 0
            for part in response.iter_bytes():
                size += len(part)
                if size > self._most_bytes:
                    most = f"at most {size_text(self._most_bytes)} (--limit answer=SIZE)"
                    raise BadInput(f"{url}: expected an answer of {most}, found a longer one")
                parts.append(part)
            return response, b"".join(parts)

    def _decoded(self, response: httpx.Response, data: bytes, path: str) -> Any:
        where = f"{self.base}{path}"
        if response.status_code in (401, 403):
            raise StageFailed(
                f"{where}: the server wants a key (HTTP {response.status_code}): set {' or '.join(self._key_names)}"
            )
        if response.status_code >= 300:
            said = quoted(data[:400].decode("utf-8", "replace"), 120)
            raise StageFailed(f"{where}: the server answered HTTP {response.status_code} {said}")
        try:
            return msgspec.json.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            start = data[:200].decode("utf-8", "replace").strip()
            kind = "a web page" if start[:1] == "<" else "no JSON"
            raise BadInput(f"{where}: expected JSON, found {kind}: {quoted(start, 60)}") from None

    def _wait_s(self, attempt: int, asked: str | None) -> float:
        try:
            if asked is not None:
                return min(max(float(asked), 0.0), LONGEST_WAIT_S)
        except ValueError:
            pass
        return min(0.5 * 2.0**attempt, LONGEST_WAIT_S) * (0.5 + self._random.random() / 2)
