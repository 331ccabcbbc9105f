"""The ranker `tfidf`: passages in order of their cosine similarity with the query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from diagnose.core.artifact import Passage
from diagnose.core.pipeline import Corpus
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
        scored = zip(cosines(query, texts, self.corpus), passages, strict=True)
        ranked = sorted(scored, key=lambda pair: -pair[0])
        return [msgspec.structs.replace(passage, score=score) for score, passage in ranked[: self.top_n]]


def tfidf(corpus: Corpus | None = None, top_n: AtLeastOne = 5) -> TfidfRanker:
    """`tfidf`: scikit-learn's `TfidfVectorizer` with its defaults (words of two characters and more)."""
    return TfidfRanker(corpus, top_n)


def cosines(query: str, texts: Sequence[str], corpus: Corpus | None = None) -> list[float]:
    """The cosine of each text with the query, 0 to 1, as TF-IDF vectors; the weights are those of the corpus
    where there is one, else of the texts at hand."""
    vectorizer = _fitted(texts, corpus)
    if vectorizer is None:
        return [0.0] * len(texts)
    # Both sides are unit vectors (norm="l2" is the default), so the product is the cosine.
    product = vectorizer.transform(texts) @ vectorizer.transform([query]).T
    return [float(cosine) for cosine in product.toarray()[:, 0]]


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
