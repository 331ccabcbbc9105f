"""The evidence rule: text decides, versions that differ in the answer do not count, pieces join."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnose.core.artifact import Passage
from diagnose.core.trace import Gold, GoldPassage
from diagnose.score import evidence as rule
from diagnose.score.evidence import evidence_of, worded

SENTENCE = "Invoices from Borealis Freight are payable within 45 days of receipt of the goods."
LONG = (
    "Borealis Freight was founded in Tromso. It runs nine ships in the northern waters. " + SENTENCE + " "
    "Complaints have to be made in writing. The contract is governed by the law of Norway."
)


def gold(**fields: object) -> Gold:
    return Gold(answers=("45 days",), passages=(GoldPassage(**fields),))  # type: ignore[arg-type]


def held(label: Gold, *texts: str) -> bool:
    evidence = evidence_of(label)
    return evidence.enough(evidence.held([Passage(f"p{i}", text) for i, text in enumerate(texts)]))


def test_a_gold_sentence_is_found_in_any_chunk_whatever_its_id() -> None:
    assert held(gold(id="d1", sentences=(SENTENCE,)), LONG)
    assert held(gold(id="d1", sentences=(SENTENCE,)), "unrelated", SENTENCE.upper())


def test_a_superseded_version_with_another_number_is_not_evidence() -> None:
    assert not held(gold(id="d1", sentences=(SENTENCE,)), LONG.replace("45", "30"))


def test_a_version_for_another_party_is_not_evidence() -> None:
    assert not held(gold(id="d1", sentences=(SENTENCE,)), SENTENCE.replace("Borealis", "Austral"))


def test_without_sentences_the_window_around_the_answer_counts() -> None:
    label = gold(id="d1", text=LONG)
    assert held(label, LONG)
    assert held(label, LONG.removesuffix(" The contract is governed by the law of Norway."))
    assert not held(label, LONG[: LONG.index("Invoices")])


def test_without_the_answer_in_it_the_whole_passage_counts() -> None:
    label = Gold(answers=("yes",), passages=(GoldPassage(id="d1", text=LONG),))
    assert held(label, LONG)
    assert not held(label, LONG[: len(LONG) // 2])


def test_re_chunked_passages_hold_it_between_them() -> None:
    words = LONG.split()
    label = gold(id="d1", text=LONG)
    for cut in range(4, len(words) - 4):
        pieces = (" ".join(words[:cut]), " ".join(words[cut:]))
        evidence = evidence_of(label)
        answered = any(a in worded(p).padded for p in pieces for a in (" 45 days ",))
        assert evidence.enough(evidence.held([Passage(str(i), p) for i, p in enumerate(pieces)])) == answered


def test_template_clauses_do_not_add_up_to_evidence() -> None:
    """Two clauses that share most words with the gold one, each wrong in another place."""
    assert not held(
        gold(id="d1", sentences=(SENTENCE,)),
        SENTENCE.replace("45", "30"),
        SENTENCE.replace("Borealis", "Austral"),
    )


def test_ids_decide_only_where_no_text_is_known() -> None:
    by_id = Gold(answers=("45 days",), passages=(GoldPassage(id="p1"),))
    assert held(by_id, "anything", "else")
    assert not held(by_id, "anything")
    assert not held(gold(id="p0", sentences=(SENTENCE,)), "a stale copy under the gold id")


def test_all_or_any_of_several() -> None:
    both = (
        GoldPassage(id="a", sentences=(SENTENCE,)),
        GoldPassage(id="b", sentences=("Quite another clause.",)),
    )
    assert not held(Gold(answers=("45 days",), passages=both), SENTENCE)
    assert held(Gold(answers=("45 days",), passages=both, match="any"), SENTENCE)
    assert not evidence_of(Gold(answers=("x",))).enough(frozenset())


def test_bearing_marks_the_first_copy_only() -> None:
    evidence = evidence_of(gold(id="d1", sentences=(SENTENCE,)))
    passages = [Passage("x", "other"), Passage("d1", SENTENCE), Passage("d2", LONG)]
    assert evidence.bearing(passages) == (False, True, False)


@pytest.mark.parametrize("name", ["SHINGLE_WORDS", "HELD", "WINDOW_WORDS", "TEXT_LIMIT"])
def test_every_constant_matters(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each constant at a wrong value changes what some text is taken for."""
    wrong = {"SHINGLE_WORDS": 1, "HELD": 0.3, "WINDOW_WORDS": 1000, "TEXT_LIMIT": 40}
    before = _judgements()
    worded.cache_clear()
    monkeypatch.setattr(rule, name, wrong[name])
    after = _judgements()
    worded.cache_clear()
    assert before != after


def _judgements() -> list[bool]:
    words = LONG.split()
    cut = words.index("receipt")
    shuffled = " ".join(reversed(SENTENCE.removesuffix(".").split()))
    no_answer = Gold(answers=("yes",), passages=(GoldPassage(id="d1", sentences=(SENTENCE,)),))
    in_thirds = (
        " ".join(words[: len(words) // 3]),
        " ".join(words[len(words) // 3 : cut]),
        " ".join(words[cut:]),
    )
    return [
        held(no_answer, shuffled),
        held(no_answer, SENTENCE.replace("Borealis", "Austral")),
        held(Gold(("yes",), (GoldPassage("d1", LONG),)), *in_thirds),
        held(
            gold(id="d1", text="A first clause that is long enough to lie beyond any window of it. " + LONG),
            LONG,
        ),
        held(gold(id="d1", sentences=(SENTENCE,)), LONG),
    ]


@given(st.lists(st.text(string.ascii_lowercase, min_size=1, max_size=8), min_size=3, max_size=40))
def test_a_text_holds_itself_and_stays_held_in_more(words: list[str]) -> None:
    text = " ".join(words)
    label = Gold(answers=("yes",), passages=(GoldPassage(id="d", text=text),))
    assert held(label, text)
    assert held(label, "before it " + text + " and after")
    evidence = evidence_of(label)
    assert evidence.enough(evidence.held_in_text(f"- {text}\n"))
