from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given as over
from hypothesis import strategies as st
from rank_bm25 import BM25Okapi

from diagnose.core.artifact import Passage, Query
from diagnose.core.stage import Given
from diagnose.errors import BadInput
from diagnose.stages import bm25
from diagnose.stages.bm25 import Retriever, best, rank_bm25
from diagnose.stages.corpus import MemoryCorpus
from diagnose.stages.tokens import words
from tests.stages.made import HANDBOOK

TEXTS = (
    "red fox",
    "red dog",
    "blue dog and red fox",
    "green bird",
    "bird and dog",
    "a cow",
    "one cat",
    "eel",
)
FACTORIES: tuple[Callable[..., Retriever], ...] = (rank_bm25, bm25.bm25s)


def corpus(*texts: str) -> MemoryCorpus:
    return MemoryCorpus(Passage(f"p{i}", text) for i, text in enumerate(texts))


def test_scores_are_those_of_the_library() -> None:
    retrieve = rank_bm25(corpus(*TEXTS), top_k=8, k1=1.2, b=0.5, epsilon=0.1)
    library = BM25Okapi([words(text) for text in TEXTS], k1=1.2, b=0.5, epsilon=0.1)
    scores = library.get_scores(words("Red DOG!"))
    found = retrieve("Red DOG!")
    assert [p.score for p in found] == sorted(scores, reverse=True)
    assert {p.id: p.score for p in found} == {f"p{i}": score for i, score in enumerate(scores)}
    assert scores[1] == max(scores) > 0


@over(
    st.lists(st.text(alphabet="abc ", max_size=12), min_size=1, max_size=9).filter(
        lambda t: any(map(str.split, t))
    ),
    st.text(alphabet="abcd ", max_size=12),
    st.sampled_from([(1.5, 0.75, 0.25), (0.9, 0.4, 0.0), (2.0, 0.9, 1.0), (1.2, 0.0, 0.5)]),
)
def test_scores_are_the_librarys_to_the_last_bit(
    texts: list[str], query: str, settings: tuple[float, float, float]
) -> None:
    k1, b, epsilon = settings
    library = BM25Okapi([words(text) for text in texts], k1=k1, b=b, epsilon=epsilon)
    found = rank_bm25(corpus(*texts), top_k=9, k1=k1, b=b, epsilon=epsilon)(query)
    scores = {p.id: p.score for p in found}
    assert [scores[f"p{i}"] for i in range(len(texts))] == list(library.get_scores(words(query)))


@pytest.mark.parametrize("factory", FACTORIES)
def test_the_best_passages_come_first(factory: Callable[..., Retriever]) -> None:
    found = factory(MemoryCorpus(HANDBOOK), top_k=2)("How many weeks of parental leave?")
    assert found[0].id == "d1"
    assert len(found) == 2
    assert factory(MemoryCorpus(HANDBOOK), top_k=9)("bikes")[0].id == "d2"


@pytest.mark.parametrize("factory", FACTORIES)
def test_a_title_is_searched_and_the_text_left_as_it_is(factory: Callable[..., Retriever]) -> None:
    pool = MemoryCorpus(
        [Passage("a", "Born in 1966."), Passage("b", "Born in 1967.", title="Derrickson"), *HANDBOOK]
    )
    top = factory(pool, top_k=1)("Derrickson")[0]
    assert (top.id, top.text) == ("b", "Born in 1967.")


@pytest.mark.parametrize("factory", FACTORIES)
def test_equal_scores_keep_the_order_of_the_corpus(factory: Callable[..., Retriever]) -> None:
    pool = corpus(*["same words here"] * 30, *["other things"] * 40)
    assert [p.id for p in factory(pool, top_k=5)("same words")] == [f"p{i}" for i in range(5)]
    assert [p.id for p in factory(pool, top_k=3)("nothing in common")] == ["p0", "p1", "p2"]


@pytest.mark.parametrize("factory", FACTORIES)
def test_a_corpus_without_a_word_is_bad_input(factory: Callable[..., Retriever]) -> None:
    with pytest.raises(BadInput, match="expected passages with words in them"):
        factory(corpus("…", "?!"))("anything")


def test_stop_words_stay_unless_asked_away() -> None:
    pool = corpus("the the the", "the fox", "of dogs", "of cats", "birds", "fish")
    assert bm25.bm25s(pool, top_k=1)("the")[0].score > 0  # type: ignore[operator]
    assert bm25.bm25s(pool, top_k=1, stopwords="en")("the")[0].score == 0


@pytest.mark.parametrize("factory", FACTORIES)
def test_nothing_is_printed(factory: Callable[..., Retriever], capfd: pytest.CaptureFixture[str]) -> None:
    factory(corpus(*TEXTS))("red")
    assert capfd.readouterr() == ("", "")


def test_the_corpus_is_tokenized_once_for_all_threads_and_routes(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenized: list[str] = []

    def counted(text: str) -> list[str]:
        tokenized.append(text)
        return words(text)

    monkeypatch.setattr(bm25, "words", counted)
    pool = corpus(*TEXTS)
    narrow, wide = rank_bm25(pool, top_k=1), rank_bm25(pool, top_k=5)
    assert tokenized == []
    threads = [threading.Thread(target=retrieve, args=("red dog",)) for retrieve in (narrow, wide) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(tokenized) == sorted([*TEXTS, *["red dog"] * 8])


@over(
    st.one_of(
        st.lists(st.sampled_from([0.0, 0.5, 1.0, -2.0, 7.25]), min_size=1, max_size=40),
        st.integers(0, 10_000).map(lambda seed: np.random.default_rng(seed).integers(-9, 99, 500).tolist()),
    ),
    st.integers(1, 45),
)
def test_best_is_a_stable_sort_cut_short(scores: list[float], n: int) -> None:
    expected = sorted(range(len(scores)), key=lambda i: -scores[i])[:n]
    assert best(np.array(scores), n) == expected


@pytest.mark.parametrize("factory", FACTORIES)
@over(
    texts=st.lists(st.text(alphabet="abc ", max_size=20), min_size=1, max_size=40).filter(
        lambda t: any(len(word) > 1 for text in t for word in text.split())
    ),
    queries=st.lists(st.text(alphabet="abcd ", max_size=12), max_size=6),
)
def test_many_queries_at_once_find_what_each_finds_alone(
    factory: Callable[..., Retriever], texts: list[str], queries: list[str]
) -> None:
    retrieve = factory(corpus(*texts), top_k=3)
    assert retrieve.batch([Given(q, Query(q)) for q in queries]) == [retrieve(q) for q in queries]
