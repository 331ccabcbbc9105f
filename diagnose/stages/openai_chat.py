"""The model `openai-chat`: any endpoint that speaks OpenAI's `/v1/chat/completions` (also llama-server,
vLLM, Ollama)."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import msgspec

from diagnose.core.artifact import Answer, Context, Frozen
from diagnose.errors import StageFailed, UsageError, quoted
from diagnose.stages.bm25 import AtLeastOne, NotNegative
from diagnose.stages.chat import PROMPT, SYSTEM, Prompt, chat_prompt
from diagnose.stages.failure import TimedOut, one_line

if TYPE_CHECKING:
    import httpx

FIRST_WAIT_S = 0.5
"""The longest wait before the first retry; it doubles with each further one."""
LONGEST_WAIT_S = 60.0
"""A server that asks for a longer wait than this is taken at its word: the call fails and says so."""
RETRIED = frozenset({408, 409, 429, 500, 502, 503, 504, 529})


@dataclass(frozen=True)
class Waiting:
    """How retries wait: `sleep` takes seconds, `jitter` gives a number from 0 to 1, `now` the time for
    dates."""

    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = field(default_factory=lambda: random.Random().random)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


@dataclass(frozen=True)
class OpenAIChat:
    """Answers with a model behind an HTTP endpoint (see `openai_chat`)."""

    url: str
    model: str
    key: str | None = field(repr=False)
    key_env: str
    prompt: Prompt
    parameters: Mapping[str, object]
    request_timeout_s: float
    retries: int
    window_tokens: int | None
    default_seed: int
    waiting: Waiting = Waiting()

    def __call__(self, query: str, context: Context | None, seed: int | None = None) -> Answer:
        body = {
            "model": self.model,
            "messages": self.prompt.messages(query, context),
            "seed": self.default_seed if seed is None else seed,
            **self.parameters,
        }
        response = self._sent(body)
        for attempt in range(self.retries):
            if response.status_code not in RETRIED:
                break
            self.waiting.sleep(self._wait_s(response, attempt))
            response = self._sent(body)
        return self._answer(response)

    @cached_property
    def _client(self) -> httpx.Client:
        import httpx

        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return httpx.Client(headers=headers, timeout=self.request_timeout_s, follow_redirects=False)

    def _sent(self, body: Mapping[str, object]) -> httpx.Response:
        import httpx

        try:
            return self._client.post(self.url, json=body)
        except httpx.TimeoutException as exc:
            raise TimedOut(f"{self.url} did not reply within {self.request_timeout_s:g} seconds") from exc
        except httpx.HTTPError as exc:
            raise StageFailed(f"{self.url} cannot be reached: {self._safe(one_line(exc))}") from exc

    def _wait_s(self, response: httpx.Response, attempt: int) -> float:
        """Seconds until the next try: what the server asks for, else a random part of a doubling wait."""
        asked_s = _retry_after_s(response.headers.get("retry-after", ""), self.waiting.now())
        if asked_s is None:
            return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0**attempt) * self.waiting.jitter()
        if asked_s > LONGEST_WAIT_S:
            raise StageFailed(
                f"{self.url} answered {response.status_code} and asks to wait {asked_s:.0f} seconds"
            )
        return asked_s

    def _answer(self, response: httpx.Response) -> Answer:
        status = response.status_code
        if 300 <= status < 400:
            raise StageFailed(
                f"{self.url} answered {status}, a redirect, which is not followed: set base_url to its aim"
            )
        if status >= 400:
            hint = f" (is {self.key_env} set, and right?)" if status in (401, 403) else ""
            said = quoted(self._safe(response.text[:1000]), 200)
            raise StageFailed(f"{self.url} answered {status}{hint}: {said}")
        try:
            reply = msgspec.json.decode(response.content, type=_Reply)
        except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
            raise StageFailed(f"{self.url} sent no chat completion: {self._safe(one_line(exc))}") from exc
        choice, usage = reply.choices[0], reply.usage or _Usage()
        return Answer(
            choice.message.content or "", usage.prompt_tokens, usage.completion_tokens, choice.finish_reason
        )

    def _safe(self, text: str) -> str:
        """Foreign text without the key, which some servers quote back."""
        return text.replace(self.key, "[key]") if self.key else text


def openai_chat(
    environ: Mapping[str, str],
    base_url: str,
    model: str,
    max_tokens: AtLeastOne = 256,
    temperature: NotNegative = 0.0,
    seed: int = 0,
    system: str = SYSTEM,
    prompt: str = PROMPT,
    key_env: str = "OPENAI_API_KEY",
    request_timeout_s: Annotated[float, msgspec.Meta(gt=0)] = 60.0,
    retries: Annotated[int, msgspec.Meta(ge=0, le=10)] = 4,
    window_tokens: AtLeastOne | None = None,
) -> OpenAIChat:
    """`openai-chat`: POSTs to `base_url`/chat/completions ("https://api.openai.com/v1",
    "http://localhost:8080/v1").

    The key comes from the environment variable `key_env` and from nowhere else; without one no key is sent,
    as local servers expect. 408, 409, 429 and 5xx are tried again up to `retries` times, after the wait the
    server asks for or a random one that doubles. `window_tokens` says how long a context the model takes.
    Not deterministic unless the stage's table says so: a server may batch, and a seed binds few of them.
    """
    key = environ.get(key_env, "").strip() or None
    if key is not None and not (key.isascii() and key.isprintable()):
        raise UsageError(f"{key_env}: expected a key of printable ASCII characters, found others in it")
    parameters = {"max_tokens": max_tokens, "temperature": temperature}
    return OpenAIChat(
        url=_endpoint(base_url),
        model=model,
        key=key,
        key_env=key_env,
        prompt=chat_prompt(system, prompt),
        parameters=parameters,
        request_timeout_s=request_timeout_s,
        retries=retries,
        window_tokens=window_tokens,
        default_seed=seed,
    )


class _Message(Frozen, frozen=True):
    content: str | None = None


class _Choice(Frozen, frozen=True):
    message: _Message
    finish_reason: str | None = None


class _Usage(Frozen, frozen=True):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Reply(Frozen, frozen=True):
    choices: Annotated[list[_Choice], msgspec.Meta(min_length=1)]
    usage: _Usage | None = None


def _endpoint(base_url: str) -> str:
    """The URL to post to; a base without a path means `/v1`."""
    try:
        parts = urlsplit(base_url)
        host = parts.hostname
    except ValueError as exc:
        raise UsageError(f"base_url: {one_line(exc)}") from exc
    if parts.username or parts.password or parts.query:
        raise UsageError(
            "base_url: expected no user, password or query in it (keys come from the environment)"
        )
    if host is None or parts.scheme not in ("http", "https"):
        raise UsageError(f"base_url: expected an http:// or https:// address, found {quoted(base_url)}")
    base = base_url.rstrip("/")
    return f"{base}/chat/completions" if parts.path.strip("/") else f"{base}/v1/chat/completions"


def _retry_after_s(header: str, now: datetime) -> float | None:
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
