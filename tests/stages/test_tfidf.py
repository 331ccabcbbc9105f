from __future__ import annotations

import pytest
from hypothesis import given as over
from hypothesis import strategies as st

from diagnose.core.artifact import Passage, Query
from diagnose.core.stage import Given
from diagnose.stages.corpus import MemoryCorpus
from diagnose.stages.tfidf import tfidf
from tests.stages.made import BIKES, HANDBOOK, LEAVE

QUERY = "parental leave weeks"


def test_the_most_similar_passage_comes_first_with_its_cosine() -> None:
    ranked = tfidf(MemoryCorpus(HANDBOOK), top_n=2)(QUERY, HANDBOOK[::-1])
    assert ranked[0].id == "d1"
    assert len(ranked) == 2
    assert 0 < (ranked[0].score or 0) < 1
    assert ranked[1].score == 0


def test_a_text_is_as_similar_as_can_be_to_itself() -> None:
    ranked = tfidf(MemoryCorpus(HANDBOOK))(BIKES.text, HANDBOOK)
    assert ranked[0].id == "d2"
    assert ranked[0].score == pytest.approx(1.0)


def test_weights_come_from_the_corpus_where_there_is_one() -> None:
    # "report" is common in the corpus and rare among the candidates.
    reports = [Passage(f"r{i}", f"annual report {i}x") for i in range(50)]
    candidates = [Passage("a", "report one"), Passage("b", "turbine one"), Passage("c", "turbine two")]
    query = "turbine report"
    assert tfidf(MemoryCorpus([*reports, *candidates]))(query, candidates)[0].id == "b"
    assert tfidf(None)(query, candidates)[0].id == "a"


def test_nothing_to_rank_and_nothing_to_learn() -> None:
    assert tfidf()(QUERY, []) == []
    marks = [Passage("a", "?"), Passage("b", "!")]
    assert [p.id for p in tfidf()(QUERY, marks)] == ["a", "b"]
    assert [p.id for p in tfidf(MemoryCorpus(HANDBOOK))("unheard words", HANDBOOK)] == ["d1", "d2", "d3"]


@over(st.permutations([*HANDBOOK, *(Passage(f"x{i}", LEAVE.text, title="Leave") for i in range(3))]))
def test_equal_passages_keep_their_order_and_none_is_made_up(pool: list[Passage]) -> None:
    ranked = tfidf(MemoryCorpus(HANDBOOK), top_n=6)(QUERY, pool)
    alike = {"d1", "x0", "x1", "x2"}
    assert [p.id for p in ranked[:4]] == [p.id for p in pool if p.id in alike]
    assert sorted(p.id for p in ranked) == sorted(p.id for p in pool)


@over(
    st.booleans(),
    st.lists(
        st.tuples(
            st.text(alphabet="abcd ", max_size=12),
            st.lists(st.text(alphabet="abc ", max_size=20), max_size=6),
        ),
        max_size=5,
    ),
)
def test_many_queries_at_once_rank_as_each_alone(weighted: bool, asked: list[tuple[str, list[str]]]) -> None:
    rank = tfidf(MemoryCorpus([*HANDBOOK, Passage("x", "aa bb ab aab")]) if weighted else None, top_n=3)
    givens = [
        Given(query, Query(query), tuple(Passage(f"p{i}", text) for i, text in enumerate(texts)))
        for query, texts in asked
    ]
    assert rank.batch(givens) == [rank(given.query, given.passages) for given in givens]
