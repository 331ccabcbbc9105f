"""The packed set of a text: whole passages, cut ones, doubled ones, and those whose blanks were changed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from diagnose.core.artifact import Passage
from diagnose.traces.packed import context_around, pieces_of

ONE = Passage("1", "The first passage speaks of rivers\nand of the bridges over them.")
TWO = Passage("2", "A second passage, which is about mountains and their snow.")


def found(text: str, *passages: Passage) -> list[tuple[str, str]]:
    return [(piece.passage.id, piece.passage.text) for piece in pieces_of(passages or (ONE, TWO), text)]


def test_whole_passages_in_the_order_of_the_text() -> None:
    assert found(f"x {TWO.text} y\n\n{ONE.text}") == [("2", TWO.text), ("1", ONE.text)]


def test_a_passage_that_is_there_twice_counts_twice() -> None:
    assert [name for name, _ in found(f"{ONE.text}\n{TWO.text}\n{ONE.text}")] == ["1", "2", "1"]


def test_changed_blanks_do_not_hide_a_passage() -> None:
    flat, indented = " ".join(ONE.text.split()), ONE.text.replace("\n", "\n    ")
    assert found(f"{flat}!") == [("1", ONE.text)]
    assert found(f"  {indented}\n   {TWO.text}") == [("1", ONE.text), ("2", TWO.text)]
    spaced = Passage("3", "Some   words with\n\n\nmany blanks between them all.")
    assert found(f"a\n\n{' '.join(spaced.text.split())}\n\nb", spaced) == [("3", spaced.text)]


def test_of_a_cut_passage_the_part_that_is_there() -> None:
    assert found(f"{TWO.text[:40]}\n\nQuestion?") == [("2", TWO.text[:40].strip())]
    assert found(f"… {TWO.text[-30:]}") == [("2", TWO.text[-30:].strip())]


def test_a_passage_that_starts_like_another_is_not_taken_for_a_piece_of_it() -> None:
    other = Passage("3", TWO.text[:45] + " in summer, as seen from the valley.")
    assert found(TWO.text, TWO, other) == [("2", TWO.text)]


def test_a_few_shared_letters_are_no_passage() -> None:
    assert found("The first passage") == []
    assert found("no", Passage("1", "no")) == []


def test_the_context_starts_with_the_line_of_the_first_passage() -> None:
    text = f"Answer.\n\n[1] {ONE.text}\n[2] {TWO.text}\nQuestion?"
    assert context_around(text, pieces_of((ONE, TWO), text)) == f"[1] {ONE.text}\n[2] {TWO.text}"


WORDS = st.lists(
    st.sampled_from(["alpha", "beta", "gamma", "delta", "é", "東京", "x"]), min_size=8, max_size=30
)


@given(st.lists(WORDS, min_size=1, max_size=4, unique_by=tuple), st.sampled_from(["\n\n", " | ", "\n  - "]))
def test_every_packed_passage_is_found_where_it_stands(bodies: list[list[str]], separator: str) -> None:
    passages = [Passage(str(i), " ".join(words)) for i, words in enumerate(bodies)]
    text = separator.join(passage.text for passage in passages)
    pieces = pieces_of(passages, text)
    assert all(" ".join(text[p.start : p.end].split()) == p.passage.text for p in pieces)
    assert {p.passage.id for p in pieces} <= {p.id for p in passages}
    longest = max(passages, key=lambda p: len(p.text))
    assert longest.text in {p.passage.text for p in pieces}
