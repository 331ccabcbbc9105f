from __future__ import annotations

import numpy as np
import pytest

from diagnose.attribute import allocate

SCORE = np.array(
    [
        # as it is, small, medium, large
        [1.0, 1.0, 1.0, 1.0],
        [1.0, 0.0, 1.0, 1.0],
        [0.0, 0.0, 0.0, 1.0],
        [0.0, 0.0, 0.0, 0.0],
    ]
)
COST = np.tile([50.0, 10.0, 30.0, 90.0], (4, 1))


def test_the_smallest_that_keeps_the_answers() -> None:
    assert allocate.smallest_keeping(SCORE, COST, 0.0) == 2
    assert allocate.smallest_keeping(SCORE[:1], COST[:1], 0.0) == 1
    assert allocate.smallest_keeping(SCORE, COST, 0.25) == 1
    assert allocate.smallest_keeping(SCORE, COST, 0.2) == 2


def test_losses_and_wins_of_one_cell_balance() -> None:
    score = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert allocate.smallest_keeping(score, np.tile([5.0, 1.0], (2, 1)), 0.0) == 1


def test_each_querys_cheapest() -> None:
    assert allocate.cheapest_passing(SCORE, COST, 0.5).tolist() == [1, 2, 3, 1]


def test_waste_and_starvation() -> None:
    assert allocate.waste_of(SCORE, COST, 0.5) == [(0, 1), (1, 2)]
    assert allocate.starvation_of(SCORE, COST, 0.5) == [(2, 3)]


def test_a_cheaper_win_is_no_starvation() -> None:
    score = np.array([[0.0, 1.0]])
    assert allocate.starvation_of(score, np.array([[50.0, 10.0]]), 0.5) == []


def test_what_queries_need_is_split_most_evenly() -> None:
    answered, needs, split = allocate.needs_of(SCORE, COST, 0.5)
    assert answered.tolist() == [True, True, True, False]
    assert split in (10.0, 30.0)
    assert needs[:3].tolist() == [False, split == 10.0, True]


def test_where_all_need_the_same_none_needs_more() -> None:
    _, needs, _ = allocate.needs_of(np.ones((5, 3)), np.tile([3.0, 1.0, 2.0], (5, 1)), 0.5)
    assert not needs.any()


@pytest.mark.parametrize("seed", range(20))
def test_no_cell_beats_one_of_the_frontier_and_one_of_it_beats_every_other(seed: int) -> None:
    rng = np.random.default_rng(seed)
    score, cost = rng.integers(0, 4, 9) / 4, rng.integers(1, 5, 9).astype(float)
    on = allocate.frontier_of(score, cost)
    assert on.any()
    for i in range(9):
        beaten = [
            j
            for j in range(9)
            if score[j] >= score[i]
            and cost[j] <= cost[i]
            and (score[j] > score[i] or cost[j] < cost[i] or j < i)
        ]
        assert bool(beaten) == (not on[i])
        assert on[i] or any(on[j] for j in beaten)
