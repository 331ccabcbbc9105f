from __future__ import annotations

import msgspec
import pytest
from hypothesis import given as over
from hypothesis import strategies as st

from diagnose.core.artifact import Context, Passage
from diagnose.errors import UsageError
from diagnose.stages.match import packed_passages
from diagnose.stages.pack import rank_order
from diagnose.stages.tokens import count_words_and_marks
from tests.stages.made import BIKES, HANDBOOK, LEAVE, TRAINS


def test_passages_stand_whole_in_rank_order_while_they_fit() -> None:
    context = rank_order(budget_tokens=500)("q", HANDBOOK)
    assert context == Context(f"{LEAVE.text}\n\n{BIKES.text}\n\n{TRAINS.text}", HANDBOOK)


def test_the_last_one_is_cut_at_a_words_end() -> None:
    budget = count_words_and_marks(LEAVE.text) + 5
    context = rank_order(budget_tokens=budget)("q", HANDBOOK)
    assert context.text == f"{LEAVE.text}\n\nBikes are kept in the"
    assert [p.id for p in context.passages] == ["d1", "d2"]
    assert context.passages[1].text == "Bikes are kept in the"
    assert context.passages[1].score == BIKES.score


def test_a_budget_that_is_just_enough_is_enough() -> None:
    needed = count_words_and_marks(f"{LEAVE.text}\n\n{BIKES.text}")
    assert rank_order(budget_tokens=needed, overflow="drop")("q", HANDBOOK).passages == (LEAVE, BIKES)
    assert rank_order(budget_tokens=needed - 1, overflow="drop")("q", HANDBOOK).passages == (LEAVE,)


def test_or_left_out_and_what_follows_with_it() -> None:
    short = Passage("s", "Short.")
    budget = count_words_and_marks(LEAVE.text) + 5
    context = rank_order(budget_tokens=budget, overflow="drop")("q", (LEAVE, BIKES, short))
    assert context == Context(LEAVE.text, (LEAVE,))


def test_a_budget_that_holds_not_one_word_of_it_gives_nothing() -> None:
    assert rank_order(budget_tokens=3, template="Passage {n}: {text}")("q", HANDBOOK) == Context("")
    assert rank_order()("q", ()) == Context("")


def test_separator_and_template_count_and_are_filled_in() -> None:
    pack = rank_order(template="[{n}] {title}{id}: {text}", separator=" | ")
    evil = Passage("e{n}", "{title} {text} {id}", title="T")
    assert (
        pack("q", (evil, LEAVE)).text == f"[1] Te{{n}}: {{title}} {{text}} {{id}} | [2] Leaved1: {LEAVE.text}"
    )
    with pytest.raises(UsageError, match=r"template: expected \{text\}"):
        rank_order(template="{title}")
    with pytest.raises(UsageError, match=r"found \{score\}"):
        rank_order(template="{text} {score}")


def test_a_doubled_text_is_packed_once_only_where_asked() -> None:
    twice = (LEAVE, msgspec.structs.replace(LEAVE, id="copy"), BIKES)
    assert [p.id for p in rank_order()("q", twice).passages] == ["d1", "copy", "d2"]
    assert [p.id for p in rank_order(dedupe=True)("q", twice).passages] == ["d1", "d2"]


def test_a_script_without_spaces_is_cut_anywhere() -> None:
    text = "\u6771\u4eac\u306f\u65e5\u672c\u306e\u9996\u90fd\u3067\u3042\u308b"
    context = rank_order(budget_tokens=5, count_tokens=len)("q", (Passage("j", text),))
    assert context.text == text[:5]


passages = st.lists(st.text(alphabet=st.sampled_from("ab .\n"), max_size=60), max_size=5).map(
    lambda texts: tuple(Passage(f"p{i}", f"Passage {i} {text}") for i, text in enumerate(texts))
)


@over(passages, st.integers(1, 60), st.sampled_from(["cut", "drop"]))
def test_the_budget_holds_and_what_is_packed_is_what_the_text_shows(
    pool: tuple[Passage, ...], budget: int, overflow: str
) -> None:
    context = rank_order(budget_tokens=budget, overflow=overflow)("q", pool)  # type: ignore[arg-type]
    assert count_words_and_marks(context.text) <= budget
    assert context.text == "\n\n".join(p.text for p in context.passages)
    assert [p.id for p in context.passages] == [p.id for p in pool[: len(context.passages)]]
    whole = context.passages[:-1] if overflow == "cut" else context.passages
    assert whole == pool[: len(whole)]
    if len(context.passages) == len(pool) and context.passages == pool:
        assert count_words_and_marks("\n\n".join(p.text for p in pool)) <= budget


def test_what_it_says_it_packed_is_what_can_be_read_off_its_text() -> None:
    context = rank_order(budget_tokens=30)("q", HANDBOOK)
    assert len(context.passages) == 3
    assert [p.text for p in packed_passages(context.text, HANDBOOK[:2])] == [
        p.text for p in context.passages[:2]
    ]
