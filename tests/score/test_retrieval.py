from __future__ import annotations

from math import log2

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagnose.core.score import Score
from diagnose.errors import UsageError
from diagnose.score.retrieval import (
    MEASURES,
    is_measure,
    mean_retrieval_scores,
    retrieval_score,
    retrieval_scores,
)

IDS = st.sampled_from("abcdefgh")


def test_known_values() -> None:
    measures = ("nDCG@3", "R@3", "P@5", "Success@1", "RR", "AP")
    scores = retrieval_scores(("a", "b", "c", "d"), {"b", "d", "z"}, measures)
    ideal = 1 + 1 / log2(3) + 1 / log2(4)
    assert {name: score.value for name, score in scores.items()} == pytest.approx(
        {
            "nDCG@3": (1 / log2(3)) / ideal,
            "R@3": 1 / 3,
            "P@5": 2 / 5,
            "Success@1": 0.0,
            "RR": 1 / 2,
            "AP": (1 / 2 + 2 / 4) / 3,
        }
    )


@settings(max_examples=40)
@given(st.lists(IDS, max_size=8), st.sets(IDS, min_size=1, max_size=4))
def test_agrees_with_the_definitions(ranked: list[str], gold: set[str]) -> None:
    hits = [p in gold and p not in ranked[:i] for i, p in enumerate(ranked)]
    found = retrieval_scores(ranked, gold, ("R@5", "P@5", "RR", "AP", "Success@5"))
    ranks = [i + 1 for i, hit in enumerate(hits) if hit]
    assert found["R@5"].value == pytest.approx(sum(hits[:5]) / len(gold))
    assert found["P@5"].value == pytest.approx(sum(hits[:5]) / 5)
    assert found["RR"].value == pytest.approx(1 / ranks[0] if ranks else 0.0)
    assert found["AP"].value == pytest.approx(sum((i + 1) / r for i, r in enumerate(ranks)) / len(gold))
    assert found["Success@5"].value == float(any(hits[:5]))


def test_a_repeated_passage_takes_up_its_place_and_counts_once() -> None:
    scores = retrieval_scores(("a", "a", "b"), {"a", "b"}, ("P@2", "R@2", "R@3"))
    assert [score.value for score in scores.values()] == [0.5, 0.5, 1.0]


def test_ids_are_taken_as_they_are() -> None:
    odd = ("nul\0", "nul\0x", "\ud800", " ", "", "10", "9")
    for place, passage_id in enumerate(odd):
        assert retrieval_score(odd, {passage_id}, measure="RR").value == pytest.approx(1 / (place + 1))


def test_no_gold_is_undefined_and_nothing_found_is_zero() -> None:
    assert retrieval_scores(("a",), ()) == dict.fromkeys(MEASURES, Score(None, "no gold passages"))
    assert {s.value for s in retrieval_scores((), {"a"}).values()} == {0.0}
    assert mean_retrieval_scores([], ("RR",)) == {"RR": Score(None, "no gold passages")}


def test_means_leave_out_what_has_no_gold() -> None:
    rankings = [(("a", "b"), {"a"}), (("a", "b"), {"b"}), (("a", "b"), set[str]()), ((), {"a"})]
    assert mean_retrieval_scores(rankings, ("RR",))["RR"].value == pytest.approx((1 + 1 / 2 + 0) / 3)


def test_the_order_of_long_lists_is_kept() -> None:
    ranked = [f"p{i}" for i in range(3000)]
    assert retrieval_score(ranked, {"p2999"}, measure="RR").value == pytest.approx(1 / 3000)


@pytest.mark.parametrize("name", ["nDCG@10", "R@1", "P@5", "Success@3", "RR", "RR@10", "AP", "AP@100"])
def test_measures_keep_the_name_they_were_asked_by(name: str) -> None:
    assert is_measure(name)
    assert list(retrieval_scores(("a",), {"a"}, (name,))) == [name]


@pytest.mark.parametrize(
    "name", ["nDCG", "ndcg@10", "R@0", "P@", "RR@", "ERR@5", "P(rel=2)@5", "RR@10\n", "R@\u0661", "x"]
)
def test_unknown_measures_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="unknown retrieval measure"):
        retrieval_score(("a",), {"a"}, measure=name)
