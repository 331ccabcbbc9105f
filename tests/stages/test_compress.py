"""The compressors: the same passages, shorter."""

from __future__ import annotations

from hypothesis import given as over
from hypothesis import strategies as st

from diagnose.core.artifact import Passage
from diagnose.stages.compress import extractive, llm_summary
from tests.stages.test_rewrite import speaking

LEAVE = Passage(
    "d1", "Leave lasts sixteen weeks. It is paid in full. Ask the office for the form.", 2.0, "Leave"
)
BIKES = Passage("d2", "Bikes are kept in the cellar. The cellar is next to the boiler room.", 1.0)


def test_the_sentences_most_like_the_query_stay_in_their_order() -> None:
    short = extractive(sentences=2)("Which form does the office have for leave?", [LEAVE, BIKES])
    assert [p.text for p in short] == ["Leave lasts sixteen weeks. Ask the office for the form.", BIKES.text]
    assert [(p.id, p.score, p.title) for p in short] == [("d1", 2.0, "Leave"), ("d2", 1.0, None)]


def test_of_a_passage_that_has_nothing_to_do_with_the_query_one_sentence_stays() -> None:
    [short] = extractive(min_similarity=0.5)("Lunch?", [LEAVE])
    assert short.text == "Leave lasts sixteen weeks."


def test_nothing_is_made_of_nothing() -> None:
    assert extractive()("What?", []) == []
    assert extractive()("What?", [Passage("d1", "")]) == [Passage("d1", "")]


TEXTS = st.lists(
    st.sampled_from(["Leave is paid.", "Bikes stay outside!", "Why? Dr. Low knows.", "x"]), max_size=5
)


@over(st.lists(TEXTS, max_size=4), st.integers(1, 3))
def test_what_stays_stands_in_the_passage_word_for_word(texts: list[list[str]], n: int) -> None:
    passages = [Passage(str(i), " ".join(text)) for i, text in enumerate(texts)]
    short = extractive(sentences=n)("Is leave paid?", passages)
    assert [p.id for p in short] == [p.id for p in passages]
    for before, after in zip(passages, short, strict=True):
        remaining = iter(before.text.split())
        assert all(word in remaining for word in after.text.split())
        assert bool(after.text) == bool(before.text)


def test_a_model_shortens_long_passages_one_by_one() -> None:
    model, asked = speaking("Leave: sixteen weeks.")
    short = llm_summary(model, min_words=15)("How long is leave?", [LEAVE, BIKES])
    assert [p.text for p in short] == ["Leave: sixteen weeks.", BIKES.text]
    [given] = asked
    assert given.context is not None
    assert given.context.text == LEAVE.text
    assert "How long is leave?" in given.query


def test_a_summary_that_says_nothing_or_is_longer_is_no_summary() -> None:
    for said in ("", LEAVE.text + " And more."):
        model, _ = speaking(said)
        assert llm_summary(model, min_words=1)("How long?", [LEAVE]) == [LEAVE]
