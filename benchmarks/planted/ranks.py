"""A real retriever and a real ranker, replayed from the lists they left: stages for the pipeline files here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from diagnose.core.artifact import Passage
from diagnose.core.pipeline import Corpus
from diagnose.stages.bm25 import Retriever, rank_bm25


@dataclass(frozen=True)
class ListedRetriever:
    """Gives the best `top_k` passages of the list that a real retriever left for this question.

    A query that is in no list (a fault has cut it) is searched with rank-bm25 instead.
    """

    corpus: Corpus
    lists: dict[str, list[str]]
    otherwise: Retriever
    top_k: int
    deterministic = True

    def __call__(self, query: str) -> list[Passage]:
        if query not in self.lists:
            return self.otherwise(query)
        found = (self.corpus.get(doc_id) for doc_id in self.lists[query][: self.top_k])
        return [passage for passage in found if passage is not None]


@dataclass(frozen=True)
class ListedRanker:
    """Puts passages in the order in which a real cross-encoder put them for this question.

    Passages that it has not scored follow, in the order they came in.
    """

    places: dict[str, dict[str, int]]
    top_n: int
    deterministic = True

    def __call__(self, query: str, passages: Sequence[Passage]) -> list[Passage]:
        place = self.places.get(query, {})
        return sorted(passages, key=lambda passage: place.get(passage.id, len(place)))[: self.top_n]


def listed_retriever(
    corpus: Corpus, folder: Path, lists: str, which: str, top_k: int = 20
) -> ListedRetriever:
    """The retriever whose lists stand under `which` in the file `lists` of the pipeline's folder."""
    return ListedRetriever(corpus, _lists(folder / lists, which), rank_bm25(corpus, top_k=top_k), top_k)


def cross_encoder(folder: Path, lists: str, top_n: int = 5) -> ListedRanker:
    """The cross-encoder whose order stands in the file `lists` of the pipeline's folder."""
    orders = _lists(folder / lists, "cross_encoder")
    places = {query: {doc_id: i for i, doc_id in enumerate(order)} for query, order in orders.items()}
    return ListedRanker(places, top_n)


def _lists(path: Path, which: str) -> dict[str, list[str]]:
    with path.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return {row["query"]: row[which] for row in rows}
