"""Rewriter and verifier: the stages around the passages."""

from __future__ import annotations

import pytest

from diagnose.core.artifact import Answer, Context, Decision, Passage, Text
from diagnose.core.stage import Given
from diagnose.repairs import rewriter, verifier
from diagnose.repairs.contract import Scene
from diagnose.repairs.table import CONTRACTS
from tests.repairs.scenes import CLAUSES, QUERY, given, passages, scene

DRIFTED = Text("Which ports does the freight reach?")


def finds(text: str) -> tuple[Passage, ...]:
    """A retriever that finds clauses which share a long word with the query."""
    wanted = {w.strip("?.,") for w in text.lower().split() if len(w) > 6}
    return tuple(p for p in passages(*CLAUSES) if wanted & {w.strip(".,;") for w in p.text.lower().split()})


def searched() -> Scene:
    return scene(retrieve=finds)


def test_the_users_own_words_are_kept() -> None:
    own = Text(QUERY.text)
    assert rewriter.kept(given(), own, searched())
    assert rewriter.repair(given(), own, searched()) is own


def test_a_query_with_which_the_gold_is_not_found_any_more_is_put_back() -> None:
    own = Text("What is the licence for?")
    assert not rewriter.kept(given(), own, searched())
    assert rewriter.repair(given(), own, searched()) == Text(QUERY.text)


def test_the_reference_query_goes_before_the_users_words() -> None:
    import msgspec

    around = searched()
    gold = msgspec.structs.replace(around.label.gold, query="Borealis Freight payment term in days")
    label = msgspec.structs.replace(around.label, gold=gold)
    labelled = Scene(**{**vars(around), "label": label})
    assert rewriter.repair(given(), DRIFTED, labelled) == Text("Borealis Freight payment term in days")


def test_a_repaired_query_is_repaired_no_further() -> None:
    fixed = rewriter.repair(given(), DRIFTED, searched())
    assert rewriter.repair(given(), fixed, searched()) is fixed


def right(text: str) -> bool:
    return "45 days" in text


JUDGED = scene(right=right)
CONTEXT = Context(CLAUSES["d1"], passages("d1"))


def draft(text: str) -> Given:
    return Given(QUERY.text, QUERY, passages("d1"), CONTEXT, Answer(text))


@pytest.mark.parametrize(
    "said, own, kept",
    [
        ("45 days", Decision(True), True),
        ("45 days", Decision(False), False),
        ("45 days", Decision(False, "It is 45 days."), True),
        ("30 days", Decision(False), True),
        ("30 days", Decision(False, "45 days, that is."), True),
    ],
)
def test_what_a_verifier_owes(said: str, own: Decision, kept: bool) -> None:
    assert verifier.kept(draft(said), own, JUDGED) is kept


def test_a_right_draft_is_let_through() -> None:
    assert verifier.repair(draft("45 days"), Decision(False), JUDGED) == Decision(True)


def test_what_keeps_the_contract_is_left_as_it_is() -> None:
    own = Decision(False, "No answer.")
    assert verifier.repair(draft("30 days"), own, JUDGED) is own


def test_where_nobody_can_judge_a_draft_nothing_is_owed() -> None:
    assert verifier.kept(draft("30 days"), Decision(True), scene())


def test_every_role_with_a_contract_says_in_words_what_it_is() -> None:
    assert {"rewriter", "retriever", "ranker", "compressor", "packer", "model", "verifier"} <= set(CONTRACTS)
    for contract in CONTRACTS.values():
        assert contract.owes
        assert contract.repaired
        assert contract.owes != contract.repaired
