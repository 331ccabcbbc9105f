from __future__ import annotations

import numpy as np
import pytest

from diagnose.attribute.gains import Log, alone_rows, fix_steps, played
from diagnose.core.blame import Blame
from diagnose.core.coalition import keys
from diagnose.core.game import Game
from diagnose.core.report import FixStep, PassingCheck
from diagnose.core.stage import Role

TWO: tuple[Role, ...] = ("ranker", "model")


def game(trace_id: str, *worth: float, roles: tuple[Role, ...] = TWO) -> Game:
    return Game(trace_id, roles, dict(zip(keys(roles), worth, strict=True)))


def blame(trace_id: str, verdict: Role = "ranker") -> Blame:
    return Blame(trace_id=trace_id, level="replayed", verdict=verdict, shares={verdict: 1.0}, loss=1.0)


FAILING = game("f", 0.0, 1.0, 0.0, 1.0)
BROKEN_BY_RANKER = game("p0", 1.0, 0.0, 1.0, 0.0)
UNHARMED = game("p1", 1.0, 1.0, 1.0, 1.0)


def test_games_without_a_blame_stand_for_all_passing_traces() -> None:
    found = played([FAILING, BROKEN_BY_RANKER, UNHARMED], [blame("f")], Log(9, 8 / 9))
    assert found.passing_weight == 4.0
    # One failure won, half of eight right answers lost.
    assert (found.total_worth(TWO) - found.total_worth(TWO)[0]).tolist() == [0.0, -3.0, 0.0, -3.0]
    assert found.passing_rows(TWO).tolist() == [[-1.0, 0.0], [0.0, 0.0]]


def test_whole_games_of_passing_traces_outweigh_a_check_of_single_repairs() -> None:
    log = Log(3, 2 / 3, passing=PassingCheck(10, {"ranker": 10}))
    assert played([FAILING, UNHARMED], [blame("f")], log).checked is None
    assert played([FAILING], [blame("f")], log).checked == log.passing


def test_a_check_of_no_traces_says_nothing() -> None:
    found = played([FAILING], [blame("f")], Log(3, 2 / 3, passing=PassingCheck(0, {})))
    assert found.total_worth(TWO).tolist() == [0.0, 1.0, 0.0, 1.0]
    assert found.passing_rows(TWO).shape == (0, 2)


def test_repairs_together_break_no_more_than_was_replayed() -> None:
    found = played([], [], Log(10, 1.0, passing=PassingCheck(5, {"ranker": 4, "model": 3})))
    assert found.total_worth(TWO).tolist() == [0.0, -8.0, -6.0, -10.0]


def test_games_of_findings_give_no_gain() -> None:
    of_scorer = Blame(trace_id="f", level="replayed", verdict="scorer")
    assert played([FAILING], [of_scorer], Log(3, 2 / 3)).failing == ()


def test_alone_rows_leave_zero_for_a_stage_a_game_has_not() -> None:
    games = [game("a", 0.0, 1.0, roles=("model",)), FAILING, game("b", 0.5, 0.25, roles=("retriever",))]
    rows = alone_rows(games, ("retriever", "ranker", "model"))
    assert rows.tolist() == [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-0.25, 0.0, 0.0]]


def test_a_score_after_repairs_is_at_most_one() -> None:
    # Logged as half right, replayed as wholly wrong: the gain is measured from the replay.
    steps = fix_steps(np.array([0.0, 4.0]), ("ranker",), Log(4, 0.5))
    assert steps == (FixStep("ranker", 1.0, 1.0),)


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1]])
def test_rows_follow_the_blames_not_the_games(order: list[int]) -> None:
    games = [game(f"q{i}", 0.0, 1.0, 0.0, 1.0) for i in range(3)]
    found = played([games[i] for i in order], [blame(f"q{i}") for i in range(3)], Log(3, 0.0))
    assert found.rows == tuple(order)
