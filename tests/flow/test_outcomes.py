from __future__ import annotations

from diagnose.core.artifact import Answer, Query, Turn
from diagnose.core.blame import Blame
from diagnose.core.game import Game
from diagnose.core.outcome import TraceOutcome
from diagnose.core.trace import Gold, GoldPassage, Step, Trace, Usage
from diagnose.flow.found import Found, Scored
from diagnose.flow.outcomes import label_digest, outcomes_of, query_digest

ANSWER = Answer("four")
TRACE = Trace(
    "q1",
    Query("How many?"),
    (
        Step("retriever", ANSWER, elapsed_s=0.5),
        Step("model", ANSWER, elapsed_s=0.25, usage=Usage(100, 7, 0.002)),
    ),
    Gold(("four",)),
    tags={"tenant": "acme"},
)


def test_every_trace_has_an_outcome_in_its_order() -> None:
    bare = Trace("q2", Query("And?"))
    blame = Blame("q1", "replayed", "model", shares={"model": 1.0}, loss=1.0)
    game = Game("q1", ("model",), {"": 0.25, "model": 1.0})
    passing = Game("q2", ("model",), {"": 0.5, "model": 1.0})
    found = Found((Scored(TRACE, "x", 0.0), Scored(bare, None, None, "no label")), (blame,), (game, passing))
    one, two = outcomes_of(found, 0.5)
    assert one == TraceOutcome(
        "q1",
        query_digest(TRACE.query),
        label_digest(TRACE.gold),
        score=0.0,
        passed=False,
        again=0.25,
        tags={"tenant": "acme"},
        elapsed_s=0.75,
        tokens=107,
        cost=0.002,
    )
    assert (two.score, two.passed, two.again, two.tokens, two.elapsed_s, two.label) == (None,) * 6


def test_the_pass_mark_decides() -> None:
    found = Found((Scored(TRACE, "x", 0.6),), ())
    assert [o.passed for o in outcomes_of(found, 0.6)] == [True]
    assert [o.passed for o in outcomes_of(found, 0.61)] == [False]


def test_a_game_table_has_an_outcome_for_each_game() -> None:
    games = (Game("a", ("model",), {"": 0.0, "model": 1.0}), Game("b", ("model",), {"": 1.2, "model": 1.0}))
    assert outcomes_of(Found((), (), games), 0.5) == (
        TraceOutcome("a", "", score=0.0, passed=False),
        TraceOutcome("b", "", score=1.0, passed=True),
    )


def test_digests_tell_questions_and_labels_apart() -> None:
    plain = Query("Yes?")
    told = Query("Yes?", (Turn("user", "Is it blue?"),))
    other = Query("Yes?", (Turn("user", "Is it red?"),))
    assert len({query_digest(q) for q in (plain, told, other, Query("Yes"))}) == 4
    assert query_digest(plain) == query_digest(Query("Yes?"))
    assert len(query_digest(Query("\ud83d", (Turn("user", "\ud83d"),)))) == 16
    golds = [Gold(("a",)), Gold(("b",)), Gold(("a",), answerable=False), Gold(("a",), (GoldPassage("d1"),))]
    assert len({label_digest(g) for g in golds}) == 4
    assert label_digest(None) is None
