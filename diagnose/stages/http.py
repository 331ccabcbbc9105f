"""The stage `http`, for every role: a service of the user's own that takes JSON and gives JSON.

The request has what a stage of its role is called with; the answer is what stands under `output` in a step of a
trace file (or any value that a Python callable of the role may return):

    router      {role, query}                      -> {"route"}
    rewriter    {role, query, history}             -> {"text"}
    retriever   {role, query}                      -> {"passages": [{"id", "text", "score"?, …}]}
    ranker      {role, query, passages}            -> {"passages"}; known ones by id alone
    compressor  {role, query, passages}            -> {"passages"}
    packer      {role, query, passages}            -> {"text", "passages"}
    model       {role, query, context, seed?}      -> {"text", "prompt_tokens"?, "completion_tokens"?, …}
    verifier    {role, query, context, answer}     -> {"accept", "text"?}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec

from diagnose.core.artifact import Answer, Context, Passage, Query
from diagnose.core.stage import TAKES, Given, Role
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


@dataclass(frozen=True)
class HttpStage:
    """A stage of any role behind an endpoint (see `http_stage`)."""

    endpoint: Endpoint
    role: Role

    incidental = INCIDENTAL

    def __call__(
        self,
        query: str,
        conversation: Query,
        passages: Sequence[Passage],
        context: Context | None,
        answer: Answer | None,
        seed: int | None = None,
    ) -> object:
        given = Given(query, conversation, tuple(passages), context, answer)
        return self._read(self.endpoint.post(self._body(given, seed)))

    async def asked(self, given: Given, seed: int | None) -> object:
        """The same in the event loop."""
        return self._read(await self.endpoint.asked(self._body(given, seed)))

    def batch(self, givens: Sequence[Given]) -> list[object]:
        """The outputs for several inputs; `concurrency` requests are under way at once."""
        return self.endpoint.together([partial(self.asked, given, None) for given in givens])

    def _body(self, given: Given, seed: int | None) -> dict[str, object]:
        body: dict[str, object] = {"role": self.role, "query": given.query}
        for name in TAKES[self.role]:
            if name == "conversation":
                body["history"] = msgspec.to_builtins(given.conversation.history)
            elif name != "query":
                body[name] = msgspec.to_builtins(getattr(given, name))
        return body if seed is None else {**body, "seed": seed}

    def _read(self, body: bytes) -> object:
        return self.endpoint.read(body, object, "JSON")


def http_stage(
    environ: Mapping[str, str],
    role: Role,
    url: str,
    key_env: str = "",
    key_header: Header = "Authorization",
    request_timeout_s: RequestTimeout = 60.0,
    retries: Retries = 4,
    concurrency: Concurrency = 4,
) -> HttpStage:
    """`http`: POSTs what the stage is called with to `url` as JSON and reads its output as JSON.

    docs/pipelines.md has the fields by role. With `key_env` the key that this environment variable holds is sent,
    as a bearer token or, with another `key_header`, as it is. Retries and limits are those of `openai-chat`. Not
    deterministic unless the stage's table says so.
    """
    return HttpStage(
        endpoint=Endpoint(
            url=address(url, "", "url"),
            key=key_in(environ, key_env),
            key_env=key_env,
            key_header=key_header,
            request_timeout_s=request_timeout_s,
            retries=retries,
            concurrency=concurrency,
            setting="url",
        ),
        role=role,
    )
