"""The ranker `rerank`: any endpoint that speaks Cohere's `/v1/rerank` (also Jina, llama-server, vLLM, LiteLLM)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import msgspec

from diagnose.core.artifact import Frozen, Passage
from diagnose.core.stage import Given
from diagnose.errors import StageFailed
from diagnose.stages.bm25 import AtLeastOne
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
from diagnose.stages.passage import searchable


@dataclass(frozen=True)
class Rerank:
    """Orders passages by what an endpoint scores them (see `rerank`)."""

    endpoint: Endpoint
    model: str
    top_n: int | None

    incidental = INCIDENTAL

    def __call__(self, query: str, passages: Sequence[Passage]) -> list[Passage]:
        if not passages:
            return []  # Cohere refuses an empty list
        return self._ranked(self.endpoint.post(self._body(query, passages)), passages)

    async def asked(self, given: Given, seed: int | None) -> list[Passage]:
        """The same in the event loop."""
        if not given.passages:
            return []
        body = self._body(given.query, given.passages)
        return self._ranked(await self.endpoint.asked(body), given.passages)

    def batch(self, givens: Sequence[Given]) -> list[list[Passage]]:
        """The rankings of several inputs; `concurrency` requests are under way at once."""
        return self.endpoint.together([partial(self.asked, given, None) for given in givens])

    def _body(self, query: str, passages: Sequence[Passage]) -> dict[str, object]:
        n = len(passages) if self.top_n is None else min(self.top_n, len(passages))
        body: dict[str, object] = {"query": query, "documents": [searchable(p) for p in passages], "top_n": n}
        return {"model": self.model, **body} if self.model else body

    def _ranked(self, body: bytes, passages: Sequence[Passage]) -> list[Passage]:
        """The passages with the endpoint's scores, best first; equal scores keep the order they came in."""
        results = self.endpoint.read(body, _Reply, "ranking").results
        seen: set[int] = set()
        for i, result in enumerate(results):
            if (
                result.index >= len(passages)
                or result.index in seen
                or not math.isfinite(result.relevance_score)
            ):
                expected = f"each of 0 to {len(passages) - 1} once at most, with a finite score"
                found = f"index {result.index} with {result.relevance_score}"
                raise StageFailed(f"{self.endpoint.url} results[{i}]: expected {expected}, found {found}")
            seen.add(result.index)
        best = sorted(results, key=lambda result: (-result.relevance_score, result.index))
        return [
            msgspec.structs.replace(passages[r.index], score=r.relevance_score) for r in best[: self.top_n]
        ]


def rerank(
    environ: Mapping[str, str],
    base_url: str,
    model: str = "",
    top_n: AtLeastOne | None = None,
    key_env: str = "RERANK_API_KEY",
    key_header: Header = "Authorization",
    request_timeout_s: RequestTimeout = 60.0,
    retries: Retries = 4,
    concurrency: Concurrency = 4,
) -> Rerank:
    """`rerank`: POSTs `{model, query, documents, top_n}` to `base_url`/rerank ("https://api.cohere.com/v2",
    "http://localhost:8080/v1") and reads `{"results": [{"index", "relevance_score"}]}`.

    A passage is sent as its title, where it has one, and its text. Without `top_n` all passages are kept, in
    their new order. Keys, retries and limits are those of `openai-chat`. Not deterministic unless the stage's table
    says so.
    """
    return Rerank(
        endpoint=Endpoint(
            url=address(base_url, "/rerank"),
            key=key_in(environ, key_env),
            key_env=key_env,
            key_header=key_header,
            request_timeout_s=request_timeout_s,
            retries=retries,
            concurrency=concurrency,
        ),
        model=model,
        top_n=top_n,
    )


class _Result(Frozen, frozen=True):
    index: Annotated[int, msgspec.Meta(ge=0)]
    relevance_score: float


class _Reply(Frozen, frozen=True):
    results: list[_Result]
