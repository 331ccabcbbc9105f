"""Cohorts that nobody has tagged."""

from __future__ import annotations

import random

import pytest

from diagnose.core.artifact import Query
from diagnose.core.trace import Trace
from diagnose.flow.cohort_tags import TIERS, tags_of, tiers_of
from diagnose.flow.found import Scored
from diagnose.score.table import Scorer

SCORER = Scorer("contains")
EASY = "When does leave end?"
HARD = "Which supplier that sends more pallets than Brandvik, of those who invoice monthly, is older?"


def log(n: int, odds: tuple[float, float], seed: int = 0) -> list[Scored]:
    """Easy and hard questions in turn, each kind right with its own odds."""
    rng = random.Random(seed)
    made = []
    for i in range(n):
        text = (EASY, HARD)[i % 2] + " Please." * rng.randrange(3)
        made.append(Scored(Trace(f"t{i}", Query(text)), None, float(rng.random() < odds[i % 2])))
    return made


def test_queries_that_fail_more_are_of_a_higher_tier() -> None:
    tiers = tiers_of(log(300, (0.9, 0.2)), SCORER, 0)
    assert set(tiers.values()) == set(TIERS)
    hard = [tiers[f"t{i}"] for i in range(1, 300, 2)]
    assert hard.count("complex") > 60
    assert hard.count("simple") == 0


@pytest.mark.parametrize("n, odds", [(30, (0.9, 0.2)), (300, (1.0, 1.0)), (300, (0.5, 0.5))])
def test_no_tiers_where_there_is_nothing_to_tell_apart(n: int, odds: tuple[float, float]) -> None:
    assert tiers_of(log(n, odds), SCORER, 0) == {}


def test_a_tag_of_the_logs_own_stands() -> None:
    scored = log(300, (0.9, 0.2))
    scored[0] = Scored(Trace("t0", Query(EASY), tags={"complexity": "mine"}), None, 1.0)
    tags = tags_of(scored, SCORER, 0)
    assert tags["t0"]["complexity"] == "mine"
    assert tags["t1"]["complexity"] in TIERS
