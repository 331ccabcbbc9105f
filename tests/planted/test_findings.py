"""What comes before any blame: the scorer, the corpus and the label; and why nobody is convicted, where nobody is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec
import pytest

from diagnose.core.artifact import Answer, Output, Query
from diagnose.core.blame import Blame
from diagnose.core.pipeline import Pipeline, ScoreSettings
from diagnose.core.stage import Given, Stage
from diagnose.core.trace import Gold, GoldPassage, Outcome, Trace
from diagnose.flow import Settings, observed
from diagnose.stages.corpus import MemoryCorpus
from diagnose.stages.failure import RunFailed
from diagnose.stages.faults import FAULTS
from tests.planted.desk import (
    clauses,
    diagnosed,
    due,
    log_of,
    queries,
    scorer_of,
    spoilt,
    with_faults,
)


def relabelled(change: Callable[[int, Gold], Gold]) -> list[Trace]:
    """The desk's questions with other labels."""
    return [
        msgspec.structs.replace(trace, gold=change(i, trace.gold or Gold()))
        for i, trace in enumerate(queries())
    ]


def reasons(blames: Sequence[Blame]) -> list[str | None]:
    return [b.undecided.reason if b.undecided else None for b in blames]


def test_a_scorer_that_is_too_strict_is_found_before_any_stage(four: Pipeline) -> None:
    def plain(given: Given, own: Output) -> Output:
        asked = next(i for i, t in enumerate(queries()) if t.query.text == given.conversation.text)
        return Answer(f"It is {due(asked)}.")

    strict = replace(spoilt(four, "model", plain), score=ScoreSettings("exact"))
    found = diagnosed(strict, log_of(strict))
    assert [b.verdict for b in found.blames] == ["scorer"] * 15
    assert all(b.evidence for b in found.blames)
    assert reasons(found.blames) == [None] * 15


def test_a_wrong_answer_is_no_fault_of_the_scorer(four: Pipeline) -> None:
    faulty = replace(with_faults(four, FAULTS["inverted"]), score=ScoreSettings("f1", 0.9))
    log = log_of(faulty)
    assert "scorer" not in {b.verdict for b in diagnosed(faulty, log).blames}


def test_evidence_that_the_corpus_does_not_hold(four: Pipeline) -> None:
    rest = MemoryCorpus([p for p in clauses() if p.id != "pay03"])
    poor = replace(spoilt(four, "retriever", _only(rest)), corpus=rest)
    found = diagnosed(poor, log_of(poor))
    assert [(b.trace_id, b.verdict) for b in found.blames] == [("q03", "corpus")]
    assert found.blames[0].evidence == "the corpus does not hold pay03"
    assert all(share == 0.0 for share in found.blames[0].shares.values())


def _only(corpus: MemoryCorpus) -> Callable[[Given, Output], Output]:
    def spoil(given: Given, own: Output) -> Output:
        kept = tuple(p for p in own.passages if corpus.get(p.id) is not None)  # type: ignore[union-attr]
        return msgspec.structs.replace(own, passages=kept)

    return spoil


def test_a_label_whose_passage_does_not_state_its_answer(four: Pipeline) -> None:
    def wrong(i: int, gold: Gold) -> Gold:
        if i != 5:
            return gold
        return msgspec.structs.replace(gold, answers=("on the first Monday of May",))

    log = log_of(four, relabelled(wrong))
    found = diagnosed(four, log)
    assert [(b.trace_id, b.verdict) for b in found.blames] == [("q05", "label")]


def test_no_usable_label(four: Pipeline) -> None:
    bare = msgspec.structs.replace(queries()[0], gold=None)
    log = [msgspec.structs.replace(log_of(four, [bare])[0], outcome=Outcome(0.0))]
    found = diagnosed(four, log)
    assert reasons(found.blames) == ["no-label"]
    assert found.blames[0].level == "unlabelled"


def test_a_failure_that_does_not_happen_again(four: Pipeline) -> None:
    log = log_of(four)
    once = msgspec.structs.replace(log[4], outcome=Outcome(0.0))
    found = diagnosed(four, [*log[:4], once, *log[5:]])
    assert [(b.trace_id, b.verdict) for b in found.blames] == [("q04", "undecided")]
    assert reasons(found.blames) == ["not-reproduced"]


def test_a_stage_that_cannot_be_replayed_costs_its_own_trace_only(four: Pipeline) -> None:
    faulty = with_faults(four, FAULTS["inverted"])
    log = log_of(faulty)

    def down(stage: Stage) -> Stage:
        def run(given: Given, seed: int | None) -> Output:
            if "Cirrus" in given.conversation.text:
                raise RunFailed(stage.role, stage.name, "raised", "raised ConnectionError: no index")
            return stage.run(given, seed)

        return replace(stage, run=run) if stage.role == "retriever" else stage

    ailing = replace(faulty, stages=tuple(map(down, faulty.stages)))
    found = diagnosed(ailing, log)
    by_id = {b.trace_id: b for b in found.blames}
    assert by_id["q02"].undecided is not None
    assert by_id["q02"].undecided.reason == "not-replayable"
    assert "retriever" in by_id["q02"].undecided.detail
    assert "ConnectionError" in by_id["q02"].undecided.detail
    assert {b.verdict for b in found.blames if b.trace_id != "q02"} == {"ranker"}


def test_no_repair_helps_where_nobody_knows_what_the_evidence_is(four: Pipeline) -> None:
    asked = Trace("odd", Query("What colour is the sea?"), gold=Gold(("ultramarine",)))
    found = diagnosed(four, log_of(four, [asked]))
    assert [b.verdict for b in found.blames] == ["undecided"]
    assert reasons(found.blames) == ["no-loss"]
    assert found.blames[0].residual == 1.0


def test_an_unanswerable_question_is_the_models_to_refuse(four: Pipeline) -> None:
    asked = Trace(
        "none", Query("Within how many days are invoices of Zephyr payable?"), gold=Gold(answerable=False)
    )
    found = diagnosed(four, log_of(four, [asked]))
    assert [b.verdict for b in found.blames] == ["model"]
    refusing = spoilt(four, "model", lambda given, own: Answer("I don't know."))
    assert diagnosed(refusing, log_of(refusing, [asked])).blames == ()


def test_answers_alone_are_label_enough(four: Pipeline) -> None:
    """Gold passages are then inferred: any passage that states the answer will do."""
    faulty = with_faults(four, FAULTS["inverted"])
    log = log_of(faulty, relabelled(lambda i, gold: Gold(gold.answers)))
    found = diagnosed(faulty, log)
    assert len(found.blames) == 15
    assert {b.verdict for b in found.blames} == {"ranker"}


def test_gold_passages_by_text_need_no_corpus(four: Pipeline) -> None:
    texts = {p.id: p.text for p in clauses()}

    def by_text(i: int, gold: Gold) -> Gold:
        return Gold(gold.answers, (GoldPassage(text=texts[f"pay{i:02}"]),))

    faulty = replace(with_faults(four, FAULTS["lose-gold"]), corpus=None)
    found = diagnosed(faulty, log_of(faulty, relabelled(by_text)))
    assert [b.verdict for b in found.blames] == ["retriever"] * 15


@pytest.mark.parametrize("fault", ["lose-gold", "inverted", "reordered", "refuses"])
def test_a_log_alone_convicts_nobody(four: Pipeline, fault: str) -> None:
    log = log_of(with_faults(four, FAULTS[fault]))
    found = observed(log, scorer_of(four))
    assert len(found.blames) >= 10
    assert {b.verdict for b in found.blames} == {"undecided"}
    assert set(reasons(found.blames)) == {"observed-only"}
    assert {b.level for b in found.blames} == {"observed"}


def test_passing_answers_show_what_a_repair_would_break(four: Pipeline) -> None:
    """A reader that wants the gold second: ranking it first, as the contract asks, breaks right answers."""

    def second_only(given: Given, own: Output) -> Output:
        parts = given.context.text.split("\n\n") if given.context else []
        return Answer(parts[1] if len(parts) > 1 else "")

    odd = spoilt(with_faults(four, FAULTS["no-op"]), "model", second_only)
    log = log_of(odd)
    right = [t.trace_id for t in log if t.outcome and t.outcome.score == 1.0]
    assert right
    found = diagnosed(odd, log, Settings(passing=15))
    games = {g.trace_id: g for g in found.games}
    assert all(games[i].worth[""] == 1.0 and games[i].worth["ranker"] == 0.0 for i in right)
