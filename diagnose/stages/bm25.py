"""Lexical retrievers: `rank-bm25` and `bm25s`. They rank differently, so neither stands in for the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from diagnose.core.artifact import Passage
from diagnose.core.pipeline import Corpus
from diagnose.core.stage import Given
from diagnose.errors import BadInput
from diagnose.stages.index import shared_index
from diagnose.stages.passage import searchable
from diagnose.stages.tokens import words

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from rank_bm25 import BM25Okapi

    Scores = npt.NDArray[np.floating]

AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]
Stopwords = Literal["", "en", "de", "nl", "fr", "es", "pt", "it", "ru", "sv", "no", "zh", "tr", "ko", "da"]


@dataclass(frozen=True)
class Index:
    """Scores of every passage for a query, in two steps: `split` queries into words, many at once, then `score` one."""

    split: Callable[[Sequence[str]], Sequence[Sequence[str]]]
    score: Callable[[Sequence[str]], Scores]


@dataclass(frozen=True)
class Retriever:
    """Scores every passage of the corpus (title and text) for a query and gives the `top_k` best.

    Equal scores keep the order of the corpus. `top_k` passages are given even where no word of the query is
    in them, as both libraries do: a query that matches nothing gets the head of the corpus, score 0.
    """

    corpus: Corpus
    top_k: int
    index: Callable[[], Index]
    passages: tuple[Passage, ...]
    deterministic = True

    def __call__(self, query: str) -> list[Passage]:
        return self._found([query])[0]

    def batch(self, givens: Sequence[Given]) -> list[list[Passage]]:
        """Many queries on one index; of each what it finds alone."""
        return self._found([given.query for given in givens])

    def scores_of(self, query: str) -> Scores:
        """The score of every passage, in the order of the corpus."""
        index = self.index()
        return index.score(index.split([query])[0])

    def _found(self, queries: Sequence[str]) -> list[list[Passage]]:
        index = self.index()
        return [self._best(index.score(words)) for words in index.split(queries)]

    def _best(self, scores: Scores) -> list[Passage]:
        return [
            msgspec.structs.replace(self.passages[i], score=float(scores[i]))
            for i in best(scores, self.top_k)
        ]


def rank_bm25(
    corpus: Corpus,
    top_k: AtLeastOne = 10,
    k1: NotNegative = 1.5,
    b: Fraction = 0.75,
    epsilon: NotNegative = 0.25,
) -> Retriever:
    """`rank-bm25`: scores of `BM25Okapi.get_scores`, over lower-cased words (`tokens.words`).

    For replaying a pipeline that uses that library.
    Source: Trotman, Puurula and Burgess 2014, the ATIRE variant with a floor of `epsilon` under the idf.
    """
    passages = tuple(corpus)

    def build() -> Index:
        from rank_bm25 import BM25Okapi

        tokenized = [words(searchable(passage)) for passage in passages]
        if not any(tokenized):
            raise BadInput("corpus: expected passages with words in them, found none to index")
        scores = _okapi(BM25Okapi(tokenized, k1=k1, b=b, epsilon=epsilon))
        return Index(lambda queries: [words(query) for query in queries], scores)

    key = ("rank-bm25", k1, b, epsilon)
    return Retriever(corpus, top_k, lambda: shared_index(corpus, key, build), passages)


def bm25s(
    corpus: Corpus,
    top_k: AtLeastOne = 10,
    k1: NotNegative = 1.5,
    b: Fraction = 0.75,
    stopwords: Stopwords = "",
) -> Retriever:
    """`bm25s`: the fast library, with its own tokenizer (words of two characters and more) and its default
    scoring.

    `stopwords` is a language whose list the library has; "" keeps every word.
    Source: Lù 2024 (arXiv:2407.03618); Lucene's variant of BM25 (Kamphuis et al. 2020), 32-bit scores.
    """
    passages = tuple(corpus)

    def build() -> Index:
        import bm25s as library
        import numpy

        def tokenized(texts: Sequence[str]) -> list[list[str]]:
            found = library.tokenize(
                list(texts), stopwords=stopwords or None, return_ids=False, show_progress=False
            )
            return list(found)

        tokens = tokenized([searchable(passage) for passage in passages])
        if not any(tokens):
            raise BadInput("corpus: expected passages with words in them, found none to index")
        index = library.BM25(k1=k1, b=b)
        index.index(tokens, show_progress=False)

        def score(found: Sequence[str]) -> Scores:
            # The library fails on a query without a word.
            return index.get_scores(list(found)) if found else numpy.zeros(len(passages), dtype=numpy.float32)

        return Index(tokenized, score)

    key = ("bm25s", k1, b, stopwords)
    return Retriever(corpus, top_k, lambda: shared_index(corpus, key, build), passages)


def _okapi(index: BM25Okapi) -> Callable[[Sequence[str]], Scores]:
    """`BM25Okapi.get_scores` to the last bit, with the index's own statistics.

    The library's method looks every passage up for every query word: 38 ms of CPU a query at 5,000 passages.
    Here a word's passages are listed beforehand, 0.4 ms; the others would add zero (or, where the library
    divides zero by zero, NaN: empty passages with b = 1).
    """
    import numpy

    found: dict[str, list[tuple[int, int]]] = {}
    for i, counts in enumerate(index.doc_freqs):
        for word, count in counts.items():
            found.setdefault(word, []).append((i, count))
    postings = {word: numpy.array(pairs).T for word, pairs in found.items()}
    norms = index.k1 * (1 - index.b + index.b * numpy.array(index.doc_len) / index.avgdl)

    def scores_of(query: Sequence[str]) -> Scores:
        scores = numpy.zeros(index.corpus_size)
        for word in query:
            if word in postings:
                at, counts = postings[word]
                scores[at] += index.idf[word] * (counts * (index.k1 + 1) / (counts + norms[at]))
        return scores

    return scores_of


STRIDE = 16
"""One score in so many is looked at first."""


def best(scores: Scores, n: int) -> list[int]:
    """The positions of the `n` highest scores, highest first, equal ones in their order.

    The n-th highest of some of the scores is at most that of all: what is below it is put aside, which at 100,000
    scores takes a tenth of the time that finding the n-th of all does. Only what reaches that one is sorted.
    """
    import numpy as np

    if n < len(scores):
        some = scores[::STRIDE]
        least = np.partition(some, -n)[-n] if n < len(some) else -np.inf
        # Not "at least": what is no number stays.
        positions = np.flatnonzero(~(scores < least))
        least = np.partition(scores[positions], -n)[-n:].min()
        positions = positions[scores[positions] >= least]
    else:
        positions = np.arange(len(scores))
    order = np.lexsort((positions, -scores[positions]))
    return [int(i) for i in positions[order][:n]]
