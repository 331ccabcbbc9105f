from __future__ import annotations

import math

import numpy as np
import pytest

from diagnose.attribute.shapley import (
    WORTH_LIMIT,
    Division,
    clean,
    divide,
    divide_all,
    interaction_numerators,
    share_numerators,
    shares,
    stack,
)
from diagnose.core.blame import ADDS_UP_TO
from diagnose.core.coalition import keys
from diagnose.core.game import Game
from diagnose.core.stage import ROLES, Role
from diagnose.errors import BadInput

FOUR: tuple[Role, ...] = ("retriever", "ranker", "packer", "model")


def game(roles: tuple[Role, ...], *worth: float, trace_id: str = "q1") -> Game:
    """A game from its worths in mask order."""
    return Game(trace_id, roles, dict(zip(keys(roles), worth, strict=True)))


def reached_by(roles: tuple[Role, ...], *repairs: set[Role]) -> Game:
    """A game worth 1 as soon as all stages of one of `repairs` are repaired, else 0."""
    names = keys(roles)
    return Game("q1", roles, {n: float(any(r <= set(n.split("+")) for r in repairs)) for n in names})


def test_a_single_guilty_stage_holds_the_whole_loss() -> None:
    found = divide(reached_by(FOUR, {"ranker"}))
    assert found.shares == {"retriever": 0.0, "ranker": 1.0, "packer": 0.0, "model": 0.0}
    assert found.necessity == found.sufficiency == found.shares
    assert (found.loss, found.residual) == (1.0, 0.0)
    assert set(found.interactions.values()) == {0.0}


def test_two_substitutes_halve_the_loss_and_interact_below_zero() -> None:
    found = divide(reached_by(FOUR, {"retriever"}, {"packer"}))
    assert (found.shares["retriever"], found.shares["packer"]) == (0.5, 0.5)
    assert found.interactions["retriever+packer"] == -1.0
    assert found.necessity["packer"] == 0.0
    assert found.sufficiency["packer"] == 1.0


def test_two_complements_halve_the_loss_and_interact_above_zero() -> None:
    found = divide(reached_by(FOUR, {"retriever", "packer"}))
    assert (found.shares["retriever"], found.shares["packer"]) == (0.5, 0.5)
    assert found.interactions["retriever+packer"] == 1.0
    assert found.necessity["packer"] == 1.0
    assert found.sufficiency["packer"] == 0.0


def test_the_glove_game_of_the_textbook() -> None:
    # One left glove (retriever), two right ones: Shapley values 2/3, 1/6, 1/6.
    found = divide(
        reached_by(("retriever", "ranker", "packer"), {"retriever", "ranker"}, {"retriever", "packer"})
    )
    assert list(found.shares.values()) == pytest.approx([2 / 3, 1 / 6, 1 / 6])
    assert found.interactions == {"retriever+ranker": 0.5, "retriever+packer": 0.5, "ranker+packer": -0.5}


def test_a_repair_that_hurts_has_a_share_below_zero() -> None:
    # The packer masks the ranker's fault: alone its repair breaks nothing, with the ranker's it costs half.
    found = divide(game(("ranker", "packer"), 0.0, 1.0, 0.0, 0.5))
    assert found.shares == {"ranker": 0.75, "packer": -0.25}
    assert found.loss == 0.5
    assert found.residual == 0.5


def test_clean_numbers_have_no_rounding_noise_and_no_minus_zero() -> None:
    found = clean(np.array([-1e-15, -0.0, 0.1 + 0.2, 1 / 3]))
    assert found.tolist() == [0.0, 0.0, 0.3, 0.333333333333]
    assert not np.signbit(found).any()


def test_equal_stages_get_equal_shares_to_the_last_bit() -> None:
    found = divide(reached_by(FOUR, {"retriever", "ranker", "model"}))
    assert found.shares["retriever"] == found.shares["ranker"] == found.shares["model"]
    assert found.shares["retriever"] == pytest.approx(1 / 3)


def test_no_stages_and_one() -> None:
    assert divide(game((), 0.25)) == Division("q1", {}, 0.0, 0.75, {}, {}, {})
    assert divide(game(("model",), 0.25, 1.0)).shares == {"model": 0.75}


def test_many_games_of_different_roles_come_out_in_their_order() -> None:
    rng = np.random.default_rng(0)
    pools: tuple[tuple[Role, ...], ...] = (FOUR, ("model",), ROLES, FOUR[1:])
    mixed = [game(roles, *rng.random(1 << len(roles)), trace_id=f"q{i}") for i, roles in enumerate(pools * 5)]
    assert len(stack(mixed)) == 4
    together = divide_all(mixed)
    assert [d.trace_id for d in together] == [g.trace_id for g in mixed]
    for one, each in zip(together, mixed, strict=True):
        assert one == divide(each)
        assert tuple(one.shares) == each.roles
        assert abs(sum(one.shares.values()) - one.loss) <= ADDS_UP_TO


def test_nothing_to_divide() -> None:
    assert divide_all([]) == []


def test_the_largest_worths_still_add_up() -> None:
    rng = np.random.default_rng(1)
    worth = rng.uniform(-WORTH_LIMIT, WORTH_LIMIT, 256)
    found = divide(game(ROLES, *worth))
    assert abs(sum(found.shares.values()) - found.loss) <= ADDS_UP_TO


def test_a_worth_beyond_the_limit_is_refused_by_name() -> None:
    with pytest.raises(
        BadInput, match=r'game "q1" worth\["ranker"\].*found 1e\+300; give scores as fractions'
    ):
        divide(game(("ranker",), 0.0, 1e300))


@pytest.mark.parametrize("n", range(9))
def test_numerators_are_whole_and_balanced(n: int) -> None:
    for weights in (share_numerators(n), interaction_numerators(n)):
        assert (weights == np.round(weights)).all()
        assert not weights.sum(axis=0).any()
        assert not weights.flags.writeable
    assert share_numerators(n)[share_numerators(n) > 0].sum() == n * math.factorial(n)


def test_a_worth_matrix_of_another_width_is_refused() -> None:
    with pytest.raises(ValueError, match="found 6"):
        shares(np.zeros((1, 6)))
