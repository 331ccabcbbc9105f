"""Verdicts of many games at once say what `verdict` says of each, but for ties as wide as pass rates need."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given as over
from hypothesis import strategies as st
from numpy.typing import NDArray

from diagnose.attribute.judge import NEAR, SUBSTITUTES, judge_of, no_loss
from diagnose.attribute.verdict import Facts, blamed
from diagnose.core.blame import FunnelStep
from diagnose.core.coalition import keys
from diagnose.core.game import Game
from diagnose.core.stage import Role

ROLES: tuple[Role, ...] = ("retriever", "ranker", "model")
WINS = [name for name in keys(ROLES) if name]


def worths_of(*wins: str) -> NDArray[np.float64]:
    sets = [set(w.split("+")) for w in wins]
    return np.array([float(any(s <= set(name.split("+")) for s in sets)) for name in keys(ROLES)])


def verdict_of(worth: NDArray[np.float64], lost: Role | None) -> str:
    at = ROLES.index(lost) if lost else None
    funnel = () if at is None else tuple(FunnelStep(r, i < at) for i, r in enumerate(ROLES))
    table = dict(zip(keys(ROLES), worth.tolist(), strict=True))
    return str(blamed(Game("t", ROLES, table), 0.5, Facts(funnel=funnel)).verdict)


@over(st.lists(st.sampled_from(WINS), max_size=3), st.sampled_from([None, "retriever", "ranker"]))
def test_clear_games_are_judged_as_one_by_one(wins: list[str], lost: Role | None) -> None:
    """Repairs that win or do not: shares are far apart or tied, and both come to the same verdict."""
    worth = worths_of(*wins)
    codes = judge_of(ROLES, lost)(worth[None, :], 0.0)
    verdict = "undecided" if codes[0] == no_loss(ROLES) else ROLES[codes[0]]
    assert verdict == verdict_of(worth, lost)


def test_many_games_at_once() -> None:
    stack = np.stack([worths_of(name) for name in ("retriever", "ranker", "model")] + [np.zeros(8)])
    assert judge_of(ROLES, None)(stack, 0.0).tolist() == [0, 1, 2, no_loss(ROLES)]


def additive(*shares: float) -> NDArray[np.float64]:
    """A game whose shares are these."""
    masks = np.arange(8)[:, None] >> np.arange(3) & 1
    found: NDArray[np.float64] = (masks @ np.array(shares))[None, :]
    return found


@pytest.mark.parametrize(
    "shares, lost, role",
    [
        ((0.30, 0.30 + NEAR / 2, 0.2), None, "ranker"),
        ((0.30, 0.2, 0.30 + NEAR / 2), None, "retriever"),
        ((0.30, 0.2, 0.30 + 2 * NEAR), None, "model"),
        ((0.30, 0.30 - SUBSTITUTES / 2, 0.1), "ranker", "ranker"),
        ((0.30, 0.30 - 2 * SUBSTITUTES, 0.1), "ranker", "retriever"),
        ((0.30, 0.30, 0.30), None, "retriever"),
        ((0.1, 0.1, 0.30), "model", "model"),
    ],
)
def test_near_ties(shares: tuple[float, ...], lost: Role | None, role: Role) -> None:
    assert ROLES[judge_of(ROLES, lost)(additive(*shares), 0.0)[0]] == role


@pytest.mark.parametrize(
    "shares, flaky, role",
    [
        ((0.0, 0.40, 0.60), 0.0, "model"),
        ((0.0, 0.40, 0.60), 0.35, "ranker"),
        ((0.0, 0.20, 0.80), 0.35, "model"),
        ((0.0, 0.02, 0.35), 0.35, "model"),
        ((0.0, 0.16, 0.35), 0.35, "model"),
    ],
)
def test_what_the_model_gets_wrong_anywhere_does_not_outweigh_a_stage(
    shares: tuple[float, ...], flaky: float, role: Role
) -> None:
    """A stage whose repair does more than chance is held against what the model gets wrong beyond chance; one whose
    repair does next to nothing against all of it."""
    assert ROLES[judge_of(ROLES, None)(additive(*shares), flaky)[0]] == role
