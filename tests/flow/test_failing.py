"""One failing trace: its label, and the three findings that come before any blame."""

from __future__ import annotations

import pytest

from diagnose.core.artifact import Answer, Context, Passage, Passages
from diagnose.core.blame import Finding
from diagnose.core.game import Runs
from diagnose.core.pipeline import Corpus
from diagnose.core.trace import Gold, GoldPassage, Step, Trace
from diagnose.flow.failing import Failing, facts_of, failing_of, finding_of
from diagnose.flow.logged import scored
from diagnose.score.label import Library
from diagnose.score.table import Scorer
from diagnose.stages.corpus import MemoryCorpus
from tests.repairs.scenes import CLAUSES, QUERY, corpus, passages

GOLD = Gold(("45 days",), (GoldPassage("d1"),))


def failing(
    gold: Gold | None = GOLD, said: str = "30 days", metric: str = "contains", held: Corpus | None = None
) -> Failing:
    steps = (
        Step("retriever", Passages(passages("d0", "d1"))),
        Step("packer", Context(CLAUSES["d0"], passages("d0"))),
        Step("model", Answer(said)),
    )
    scorer = Scorer(metric)
    return failing_of(scored(Trace("t", QUERY, steps, gold), scorer), Library(held or corpus()), scorer)


@pytest.mark.parametrize(
    "one, fair, finding",
    [
        (failing(), 0.0, None),
        (failing(said="It is 45 days.", metric="exact"), 1.0, "scorer"),
        (failing(Gold(("45 days",), (GoldPassage("gone"),))), 0.0, "corpus"),
        (failing(Gold(("ultramarine paint",), (GoldPassage("d1"),))), 0.0, "label"),
        (failing(Gold(("ultramarine paint",), (GoldPassage("d1"),))), 1.0, None),
        (failing(Gold(("ultramarine paint",), (GoldPassage("d1"),))), None, None),
        (failing(Gold(("ultramarine paint",))), 0.0, None),
    ],
)
def test_findings(one: Failing, fair: float | None, finding: Finding | None) -> None:
    found, evidence = finding_of(one, fair)
    assert found == finding
    assert (evidence is None) == (finding is None)


def test_the_scorer_comes_before_the_corpus() -> None:
    one = failing(Gold(("45 days",), (GoldPassage("gone"),)), said="It is 45 days.", metric="exact")
    assert finding_of(one, 0.0)[0] == "scorer"


def test_what_the_corpus_lacks_is_named() -> None:
    two = failing(Gold(("45 days",), (GoldPassage("gone"), GoldPassage("d1"), GoldPassage("lost"))))
    assert finding_of(two, 0.0) == ("corpus", "the corpus does not hold gone, lost")
    any_will_do = failing(Gold(("45 days",), (GoldPassage("gone"), GoldPassage("d1")), "any"))
    assert finding_of(any_will_do, 0.0) == (None, None)


def test_a_superseded_version_in_the_corpus_is_not_the_evidence() -> None:
    old = MemoryCorpus([*passages("d0"), Passage("d1", CLAUSES["d1"].replace("45", "30"))])
    gold = Gold(("45 days",), (GoldPassage("d1", CLAUSES["d1"]),))
    assert finding_of(failing(gold, held=old), 0.0)[0] == "corpus"


@pytest.mark.parametrize("gold", [None, Gold(), Gold((), (GoldPassage("d1"),))])
def test_without_an_answer_to_score_by_there_is_no_label(gold: Gold | None) -> None:
    assert failing(gold).label is None


def test_a_reference_that_the_metric_cannot_score_is_none() -> None:
    assert failing(Gold(("no figure",), (GoldPassage("d1"),)), metric="numeric").label is None


def test_replayed_answers_are_scored_by_the_metric() -> None:
    one = failing()
    assert (one.worth("45 days"), one.worth("30 days")) == (1.0, 0.0)
    assert one.right("Within 45 days.")
    assert not one.right("")


def test_facts_without_a_replay_are_those_of_the_log() -> None:
    facts = facts_of(failing(), None, {}, None, None, False, Runs())
    assert [(s.role, s.evidence) for s in facts.funnel] == [
        ("retriever", True),
        ("packer", False),
        ("model", False),
    ]
    assert facts.modes == {}
