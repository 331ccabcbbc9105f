from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from diagnose.core.artifact import Passage
from diagnose.core.trace import Gold, GoldPassage
from diagnose.report.evidence_marks import evidence_spans, excerpt, gold_marks
from tests.report.made_trace import GOLD, GOLD_TEXT, SENTENCE

OTHER = "Everybody has 28 days of leave a year."


def test_gold_is_told_by_text_not_by_id() -> None:
    passages = [
        Passage("chunk-9", GOLD_TEXT),
        Passage("leave-4", OTHER),
        Passage("leave-1", OTHER),
        Passage("leave-4"),
    ]
    assert gold_marks(passages, GOLD) == ("gold", "gold id, evidence gone", "", "gold")


def test_gold_that_the_context_cuts() -> None:
    passages = [Passage("leave-1", OTHER), Passage("leave-4", GOLD_TEXT)]
    assert gold_marks(passages, GOLD, f"{OTHER} {GOLD_TEXT}") == ("", "gold")
    assert gold_marks(passages, GOLD, f"{OTHER} {GOLD_TEXT[:50]}") == ("", "gold, cut")


def test_no_label_no_marks() -> None:
    assert gold_marks([Passage("a", OTHER)], None) == ("",)
    assert evidence_spans(OTHER, None) == ()


def marked(text: str, gold: Gold) -> list[str]:
    return [text[start:end] for start, end in evidence_spans(text, gold)]


def test_sentences_are_found_whatever_their_blanks_and_capitals() -> None:
    text = f"Before. {SENTENCE.upper().replace(' ', '  ')} After."
    assert marked(text, GOLD) == [SENTENCE.upper().replace(" ", "  ").rstrip(".")]


def test_answers_serve_where_no_sentence_stands() -> None:
    assert marked("By 31 March, or by 31  march.", GOLD) == ["31 March", "31  march"]
    assert marked("13 Marches, 131 March", GOLD) == []
    assert marked("yes or no", Gold(answers=("Yes",))) == []
    assert marked(f"x {OTHER} y", Gold(passages=(GoldPassage("a", OTHER),))) == [OTHER.rstrip(".")]


@given(st.text(max_size=40), st.text(max_size=10), st.text(max_size=40))
def test_spans_are_in_order_and_inside(before: str, answer: str, after: str) -> None:
    text = f"{before} {answer} {after}" * 3
    spans = evidence_spans(text, Gold(answers=(answer,)))
    edges = [edge for span in spans for edge in span]
    assert edges == sorted(edges)
    assert all(0 <= edge <= len(text) for edge in edges)


def test_an_excerpt_keeps_the_evidence_and_both_ends() -> None:
    text = "START " + "a " * 3000 + SENTENCE + " b" * 3000 + " END"
    pieces = excerpt(text, evidence_spans(text, GOLD))
    assert [piece.text for piece in pieces if piece.marked] == [SENTENCE.rstrip(".")]
    whole = "".join(piece.text for piece in pieces)
    assert whole.startswith("START a a")
    assert whole.endswith("b b END")
    assert len(whole) < 700


def test_a_short_text_comes_whole() -> None:
    pieces = excerpt(GOLD_TEXT, evidence_spans(GOLD_TEXT, GOLD))
    assert "".join(piece.text for piece in pieces) == GOLD_TEXT
    assert excerpt("", ()) == ()
