"""The model `openai-chat`: any endpoint that speaks OpenAI's `/v1/chat/completions` (also llama-server,
vLLM, Ollama)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import msgspec

from diagnose.core.artifact import Answer, Context, Frozen
from diagnose.core.stage import Given
from diagnose.errors import UsageError
from diagnose.stages.bm25 import AtLeastOne, NotNegative
from diagnose.stages.chat import PROMPT, SYSTEM, Prompt, chat_prompt
from diagnose.stages.endpoint import (
    INCIDENTAL,
    Concurrency,
    Endpoint,
    Header,
    RequestTimeout,
    Retries,
    address,
    key_in,
)

KEPT = ("model", "messages", "stream", "n")
"""Fields of the request that a pipeline file's `body` and `omit` cannot touch: the answer would not be one."""


@dataclass(frozen=True)
class OpenAIChat:
    """Answers with a model behind an HTTP endpoint (see `openai_chat`)."""

    endpoint: Endpoint
    model: str
    prompt: Prompt
    parameters: Mapping[str, object]
    omitted: frozenset[str]
    window_tokens: int | None
    default_seed: int

    incidental = INCIDENTAL

    def __call__(self, query: str, context: Context | None, seed: int | None = None) -> Answer:
        return self._answer(self.endpoint.post(self._body(query, context, seed)))

    async def asked(self, given: Given, seed: int | None) -> Answer:
        """The same in the event loop."""
        return self._answer(await self.endpoint.asked(self._body(given.query, given.context, seed)))

    def batch(self, givens: Sequence[Given]) -> list[Answer]:
        """The answers to several inputs; `concurrency` requests are under way at once."""
        return self.endpoint.together([partial(self.asked, given, None) for given in givens])

    def _body(self, query: str, context: Context | None, seed: int | None) -> dict[str, object]:
        body = {
            "model": self.model,
            "messages": self.prompt.messages(query, context),
            "seed": self.default_seed if seed is None else seed,
            **self.parameters,
        }
        return {name: value for name, value in body.items() if name not in self.omitted}

    def _answer(self, reply: bytes) -> Answer:
        completion = self.endpoint.read(reply, _Reply, "chat completion")
        choice, usage = completion.choices[0], completion.usage or _Usage()
        return Answer(
            choice.message.content or "", usage.prompt_tokens, usage.completion_tokens, choice.finish_reason
        )


def openai_chat(
    environ: Mapping[str, str],
    base_url: str,
    model: str,
    max_tokens: AtLeastOne = 256,
    temperature: NotNegative = 0.0,
    seed: int = 0,
    system: str = SYSTEM,
    prompt: str = PROMPT,
    body: dict[str, object] | None = None,
    omit: tuple[str, ...] = (),
    key_env: str = "OPENAI_API_KEY",
    key_header: Header = "Authorization",
    request_timeout_s: RequestTimeout = 60.0,
    retries: Retries = 4,
    concurrency: Concurrency = 4,
    window_tokens: AtLeastOne | None = None,
) -> OpenAIChat:
    """`openai-chat`: POSTs to `base_url`/chat/completions ("https://api.openai.com/v1",
    "http://localhost:8080/v1").

    The key comes from the environment variable `key_env` and from nowhere else; without one no key is sent,
    as local servers expect. 408, 409, 429 and 5xx are tried again up to `retries` times, after the wait the
    server asks for or a random one that doubles; once three calls in a row have used up theirs, further ones are
    tried once. At most `concurrency` requests are under way. `body` adds fields to the request and `omit` leaves
    some out (`omit = ["seed"]` for a server that refuses one). `window_tokens` says how long a context the model
    takes. Not deterministic unless the stage's table says so: a server may batch, and a seed binds few of them.
    """
    further = dict(body or {})
    for name in (*further, *omit):
        if name in KEPT:
            raise UsageError(f"{'body' if name in further else 'omit'}: {name} is not to be changed there")
    return OpenAIChat(
        endpoint=Endpoint(
            url=address(base_url, "/chat/completions"),
            key=key_in(environ, key_env),
            key_env=key_env,
            key_header=key_header,
            request_timeout_s=request_timeout_s,
            retries=retries,
            concurrency=concurrency,
        ),
        model=model,
        prompt=chat_prompt(system, prompt),
        parameters={"max_tokens": max_tokens, "temperature": temperature, **further},
        omitted=frozenset(omit),
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
