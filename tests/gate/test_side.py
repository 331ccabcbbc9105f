from __future__ import annotations

import msgspec
import pytest

from diagnose.core.blame import Blame, Undecided
from diagnose.core.outcome import TraceOutcome
from diagnose.core.report import Fidelity
from diagnose.errors import BadInput
from diagnose.gate.pairs import paired
from diagnose.gate.side import held, merged, side_of
from tests.gate.made import changed, row, side, system
from tests.report.made_report import REPLAYED

GUILTY = Blame(
    "b",
    "replayed",
    "ranker",
    "demoted",
    {"ranker": 0.75, "model": 0.25},
    1.0,
    sufficiency={"ranker": 1.0, "model": 0.0},
)
DOUBTED = Blame(
    "c",
    "replayed",
    "undecided",
    shares={"model": 1.0},
    loss=1.0,
    undecided=Undecided("noise"),
    sufficiency={"model": 1.0},
)
OUTCOMES = (
    TraceOutcome("c", "q3", score=0.0, passed=False, again=0.6),
    TraceOutcome("a", "q1", score=1.0, passed=True, tokens=12, tags={"tenant": "acme"}),
    TraceOutcome("b", "q2", score=0.0, passed=False, again=0.0),
)


def test_a_side_has_every_trace_with_its_blame() -> None:
    made = side_of(REPLAYED, OUTCOMES, [GUILTY, DOUBTED], "new")
    assert [r.trace_id for r in made.rows] == ["a", "b", "c"]
    a, b, c = made.rows
    assert (a.score, a.verdict, a.blame, a.tokens, a.tags) == (1.0, None, {}, 12.0, {"tenant": "acme"})
    assert (b.verdict, b.mode, b.blame, b.alone) == (
        "ranker",
        "demoted",
        {"ranker": 0.75, "model": 0.25},
        {"ranker": 1.0},
    )
    assert (c.verdict, c.blame, c.alone) == ("undecided", {}, {"model": 1.0})
    assert [held(r) for r in made.rows] == [1.0, 0.0, 0.3]
    assert (made.n_failures, made.undecided, made.replayed) == (2, 1, True)


def test_steady_means_that_every_failure_came_out_again() -> None:
    both = [GUILTY, DOUBTED]
    assert not side_of(REPLAYED, OUTCOMES, both, "new").steady
    again = (msgspec.structs.replace(OUTCOMES[0], again=0.0), *OUTCOMES[1:])
    assert side_of(REPLAYED, again, both, "new").steady
    unreplayed = (msgspec.structs.replace(OUTCOMES[0], again=None), *OUTCOMES[1:])
    assert not side_of(REPLAYED, unreplayed, both, "new").steady
    assert not side_of(REPLAYED, OUTCOMES[1:2], [], "new").steady


def test_blame_is_unknown_where_nothing_was_replayed() -> None:
    observed = [msgspec.structs.replace(b, level="observed") for b in (GUILTY, DOUBTED)]
    assert not side_of(REPLAYED, OUTCOMES, observed, "new").replayed


def test_blame_of_another_run_is_refused() -> None:
    with pytest.raises(BadInput, match='new: "b" is blamed but has no outcome'):
        side_of(REPLAYED, OUTCOMES[:2], [GUILTY, DOUBTED], "new")


def test_runs_of_one_system_are_averaged() -> None:
    first = system(10, {"ranker": 4})
    second = system(10, {"ranker": 2})
    made = merged([first, second])
    assert [r.score for r in made.rows[:5]] == [0.0, 0.0, 0.5, 0.5, 1.0]
    assert [r.blame.get("ranker", 0.0) for r in made.rows[:5]] == [1.0, 1.0, 0.5, 0.5, 0.0]
    assert [held(r) for r in made.rows[:5]] == [0.0, 0.0, 0.5, 0.5, 1.0]
    assert {r.runs for r in made.rows} == {2}
    assert made.n_failures == 6
    thrice = merged([made, second])
    assert thrice.rows[2].score == pytest.approx(2 / 3)
    assert thrice.rows[2].runs == 3


def test_one_run_stays_as_it_is() -> None:
    one = system(10, {"ranker": 4})
    assert merged([one]).rows == one.rows


def test_fidelity_is_weighed_by_its_replays() -> None:
    one = system(4, {"ranker": 1}, fidelity={"ranker": Fidelity(30, 1.0, 0.0, 0.0)})
    two = system(4, {"ranker": 1}, fidelity={"ranker": Fidelity(10, 0.6, 0.4, 0.0)})
    found = merged([one, two]).fidelity["ranker"]
    assert (found.n, found.same) == (40, 0.9)
    assert found.drifted == pytest.approx(0.1)


def test_runs_of_different_systems_are_refused() -> None:
    one = system(4, {"ranker": 1})
    for other, what in (
        (msgspec.structs.replace(one, metric="exact"), "scorers"),
        (msgspec.structs.replace(one, corpus="other"), "corpora"),
        (msgspec.structs.replace(one, stages=changed("model")), "stages"),
    ):
        with pytest.raises(BadInput, match=f"their {what} differ"):
            merged([one, other])
    with pytest.raises(BadInput, match='"q0001" is another question'):
        merged([one, side([row("q0001", query="else")])])


def test_repeats_make_the_difference_quieter() -> None:
    one = merged([system(10, {"ranker": 4}), system(10, {"ranker": 2})])
    scores = paired(one, one).scores()
    assert scores[0].tolist() == scores[1].tolist()
