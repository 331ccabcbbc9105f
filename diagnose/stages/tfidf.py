"""The ranker `tfidf`: passages in order of their cosine similarity with the query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from diagnose.core.artifact import Passage
from diagnose.core.pipeline import Corpus
from diagnose.core.stage import Given
from diagnose.stages.bm25 import AtLeastOne
from diagnose.stages.index import shared_index
from diagnose.stages.passage import searchable

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import TfidfVectorizer


@dataclass(frozen=True)
class TfidfRanker:
    """Gives the `top_n` passages most similar to the query; equal ones keep the order they came in.

    Scores are cosines of TF-IDF vectors, 0 to 1. The weights are those of the corpus where there is one, else
    of the candidates at hand. A candidate's title counts as its text does.
    """

    corpus: Corpus | None
    top_n: int
    deterministic = True

    def __call__(self, query: str, passages: Sequence[Passage]) -> list[Passage]:
        texts = [searchable(passage) for passage in passages]
        return self._ranked(passages, cosines(query, texts, self.corpus))

    def batch(self, givens: Sequence[Given]) -> list[list[Passage]]:
        """Many queries, each with passages of its own; of each what it gets alone."""
        asked = [(given.query, [searchable(p) for p in given.passages]) for given in givens]
        found = many_cosines(asked, self.corpus)
        return [self._ranked(given.passages, each) for given, each in zip(givens, found, strict=True)]

    def _ranked(self, passages: Sequence[Passage], cosines: Sequence[float]) -> list[Passage]:
        ranked = sorted(zip(cosines, passages, strict=True), key=lambda pair: -pair[0])
        return [msgspec.structs.replace(passage, score=score) for score, passage in ranked[: self.top_n]]


def tfidf(corpus: Corpus | None = None, top_n: AtLeastOne = 5) -> TfidfRanker:
    """`tfidf`: scikit-learn's `TfidfVectorizer` with its defaults (words of two characters and more)."""
    return TfidfRanker(corpus, top_n)


def cosines(query: str, texts: Sequence[str], corpus: Corpus | None = None) -> list[float]:
    """The cosine of each text with the query, 0 to 1, as TF-IDF vectors; the weights are those of the corpus
    where there is one, else of the texts at hand."""
    return many_cosines([(query, texts)], corpus)[0]


def many_cosines(
    asked: Sequence[tuple[str, Sequence[str]]], corpus: Corpus | None = None
) -> list[list[float]]:
    """`cosines` of many queries, each with texts of its own."""
    if corpus is None and len(asked) > 1:
        return [cosines(query, texts) for query, texts in asked]
    every = [text for _, texts in asked for text in texts]
    vectorizer = _fitted(every, corpus)
    if vectorizer is None:
        return [[0.0] * len(texts) for _, texts in asked]
    # One call each: a row depends on its own text alone, and a call takes longer than a row.
    rows, queries = vectorizer.transform(every), vectorizer.transform([query for query, _ in asked])
    found, start = [], 0
    for place, (_, texts) in enumerate(asked):
        # Both sides are unit vectors (norm="l2" is the default), so the product is the cosine.
        product = rows[start : start + len(texts)] @ queries[place].T
        found.append([float(cosine) for cosine in product.toarray()[:, 0]])
        start += len(texts)
    return found


def _fitted(texts: Sequence[str], corpus: Corpus | None) -> TfidfVectorizer | None:
    """The vectorizer, or None where there is not one word to learn."""
    if not texts:
        return None
    if corpus is None:
        return _fit(texts)
    return shared_index(corpus, ("tfidf",), lambda: _fit([searchable(passage) for passage in corpus]))


def _fit(texts: Sequence[str]) -> TfidfVectorizer | None:
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer()
    if not any(map(vectorizer.build_analyzer(), texts)):
        return None
    return vectorizer.fit(texts)
