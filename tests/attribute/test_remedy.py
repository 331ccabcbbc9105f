from __future__ import annotations

import numpy as np
import pytest

from diagnose.attribute.remedy import (
    Fix,
    best_pair,
    complements,
    fix_order,
    minimal_repairs,
    minimal_repairs_all,
    substitutes,
    total_worth,
)
from diagnose.core.coalition import keys
from diagnose.core.game import Game
from diagnose.core.stage import ROLES, Role

THREE: tuple[Role, ...] = ("retriever", "ranker", "model")


def reached_by(roles: tuple[Role, ...], *repairs: set[Role]) -> Game:
    """A game worth 1 as soon as all stages of one of `repairs` are repaired, else 0."""
    return Game("q", roles, {n: float(any(r <= set(n.split("+")) for r in repairs)) for n in keys(roles)})


def test_all_minimal_sets_smaller_first_then_in_pipeline_order() -> None:
    game = reached_by(ROLES, {"packer", "model"}, {"retriever", "verifier"}, {"ranker"}, {"router", "model"})
    assert minimal_repairs(game, 0.5) == (
        ("ranker",),
        ("router", "model"),
        ("retriever", "verifier"),
        ("packer", "model"),
    )


def test_a_superset_that_hurts_does_not_unmake_a_minimal_set() -> None:
    game = Game("q", ("ranker", "model"), {"": 0.0, "ranker": 1.0, "model": 0.0, "ranker+model": 0.0})
    assert minimal_repairs(game, 0.5) == (("ranker",),)


def test_nothing_helps_and_nothing_is_needed() -> None:
    assert minimal_repairs(reached_by(THREE), 0.5) == ()
    assert minimal_repairs(Game("q", THREE, dict.fromkeys(keys(THREE), 0.5)), 0.5) == ((),)
    assert minimal_repairs(Game("q", (), {"": 0.0}), 0.5) == ()


def test_the_pass_mark_is_reached_in_spite_of_rounding() -> None:
    nearly = 0.1 * 3 + 0.2  # 0.5000000000000001 or below, by the order of adding
    below = Game("q", ("model",), {"": 0.0, "model": 0.5 - 1e-12})
    assert minimal_repairs(below, 0.5) == minimal_repairs(below, nearly) == (("model",),)
    assert minimal_repairs(Game("q", ("model",), {"": 0.0, "model": 0.49999}), 0.5) == ()


def test_many_games_of_different_roles_keep_their_order() -> None:
    rng = np.random.default_rng(0)
    pools: tuple[tuple[Role, ...], ...] = (THREE, ("model",), ROLES)
    games = [
        Game(f"q{i}", roles, dict(zip(keys(roles), rng.random(1 << len(roles)).tolist(), strict=True)))
        for i, roles in enumerate(pools * 4)
    ]
    found = minimal_repairs_all(games, 0.8)
    assert found == [minimal_repairs(game, 0.8) for game in games]
    assert len(set(found)) > 3


def test_substitutes_work_alone_and_complements_only_together() -> None:
    either = minimal_repairs(reached_by(THREE, {"retriever"}, {"ranker"}, {"model"}), 0.5)
    assert substitutes(either) == (("retriever", "ranker"), ("retriever", "model"), ("ranker", "model"))
    assert complements(either) == ()
    both = minimal_repairs(reached_by(THREE, {"retriever", "ranker"}, {"model"}), 0.5)
    assert substitutes(both) == ()
    assert complements(both) == (("retriever", "ranker"),)


def test_worths_add_up_over_games_that_lack_a_stage() -> None:
    games = [reached_by(THREE, {"ranker"}), reached_by(("retriever", "model"), {"model"})]
    total = dict(zip(keys(THREE), total_worth(games, THREE), strict=True))
    assert total[""] == total["retriever"] == 0.0
    assert total["ranker"] == total["model"] == 1.0
    assert total["ranker+model"] == 2.0
    weighted = total_worth(games, THREE, np.array([3.0, 0.5]))
    assert dict(zip(keys(THREE), weighted, strict=True))["ranker+model"] == 3.5


def test_fix_order_repairs_what_adds_most_given_the_rest() -> None:
    # Ranker and model are substitutes in three traces, so the model, second alone, falls behind.
    games = [
        *[reached_by(THREE, {"ranker"}, {"model"})] * 3,
        reached_by(THREE, {"ranker"}),
        *[reached_by(THREE, {"retriever"})] * 2,
    ]
    order = fix_order(total_worth(games, THREE), THREE)
    assert order == (Fix(("ranker",), 4.0), Fix(("retriever",), 2.0))


def test_fix_order_breaks_ties_by_pipeline_order_and_stops() -> None:
    games = [reached_by(THREE, {"model"}), reached_by(THREE, {"retriever"})]
    order = fix_order(total_worth(games, THREE), THREE)
    assert [fix.roles for fix in order] == [("retriever",), ("model",)]
    assert fix_order(np.zeros(8), THREE) == ()
    assert fix_order(np.array([1.0, 0.0]), ("model",)) == ()
    assert fix_order(np.array([1.0]), ()) == ()


def test_rounding_does_not_decide_a_tie() -> None:
    total = np.array([0.0, 0.1 + 0.2, 0.3 + 1e-15, 0.3])
    assert fix_order(total, ("ranker", "model")) == (Fix(("ranker",), 0.1 + 0.2),)


def test_the_best_pair_finds_complements_that_the_greedy_order_cannot() -> None:
    total = total_worth([reached_by(THREE, {"ranker", "model"})] * 2, THREE)
    assert fix_order(total, THREE) == ()
    assert best_pair(total, THREE) == Fix(("ranker", "model"), 2.0)


@pytest.mark.parametrize("roles", [(), ("model",), THREE])
def test_no_pair_where_none_gains(roles: tuple[Role, ...]) -> None:
    assert best_pair(np.zeros(1 << len(roles)), roles) is None
