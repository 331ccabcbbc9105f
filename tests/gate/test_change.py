from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnose.gate.change import Chance, delta, interval, largest_drop, needed, paired_p
from diagnose.stats.permutation import mcnemar_exact

CHANCE = Chance(seed=3, resamples=400, permutations=1999)


def differences(
    worse: int, better: int, same: int, size: float = 1.0
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([-size] * worse + [size] * better + [0.0] * same)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 200), st.sampled_from([1.0, 0.5, 0.25]))
def test_right_and_wrong_answers_get_the_exact_mcnemar_test(
    worse: int, better: int, same: int, size: float
) -> None:
    values = differences(worse, better, same, size)
    assert paired_p(values, "less", None, CHANCE) == mcnemar_exact(worse, better, "less")
    assert paired_p(values, "greater", None, CHANCE) == mcnemar_exact(worse, better, "greater")


def test_graded_scores_get_a_permutation_test_that_is_never_zero() -> None:
    values = -np.linspace(0.1, 1.0, 60)
    assert paired_p(values, "less", None, CHANCE) == 1 / (CHANCE.permutations + 1)
    assert paired_p(values, "greater", None, CHANCE) == 1.0
    assert paired_p(np.zeros(20), "less", None, CHANCE) == 1.0


def test_traces_of_a_cluster_count_once() -> None:
    values = differences(20, 0, 0)
    apart, together = None, np.array(["a"] * 10 + ["b"] * 10)
    assert paired_p(values, "less", apart, CHANCE) < 1e-5
    assert paired_p(values, "less", together, CHANCE) == mcnemar_exact(2, 0, "less") == 0.25


def test_an_interval_needs_some_spread() -> None:
    assert interval(np.zeros(50), None, CHANCE) == (None, None)
    low, high = interval(differences(10, 2, 88), None, CHANCE)
    assert low is not None
    assert high is not None
    assert low < -0.08 < high


def test_a_delta_adds_up() -> None:
    found = delta(np.array([1.0, 1.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0, 0.0]), 0.25, None, CHANCE)
    assert (found.n, found.before, found.after, found.change, found.p_value) == (4, 0.75, 0.25, -0.5, 0.25)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 300))
def test_the_largest_drop_solves_its_equation(worse: int, better: int, same: int) -> None:
    values = differences(worse, better, same)
    n, d, m2 = len(values), -values.mean(), (values**2).mean()
    bound = largest_drop(values, None, 0.0125)
    z = NormalDist().inv_cdf(1 - 0.0125)
    assert bound >= d
    if bound < 1.0:
        variance = m2 + (bound - d) - bound**2
        assert n * (bound - d) ** 2 == pytest.approx(z * z * variance, abs=1e-9)


def test_the_largest_drop_of_nothing_is_tangos() -> None:
    z2 = NormalDist().inv_cdf(1 - 0.0125) ** 2
    for n in (10, 50, 200, 1000):
        assert largest_drop(np.zeros(n), None, 0.0125) == pytest.approx(z2 / (n + z2))


def test_the_largest_drop_covers_the_truth() -> None:
    """Of systems that truly lose 5 points with noise, few seem to have lost certainly less than 5."""
    rng = np.random.default_rng(0)
    missed, runs, n = 0, 2000, 300
    for _ in range(runs):
        kind = rng.random(n)
        values = np.where(kind < 0.1, -1.0, np.where(kind < 0.15, 1.0, 0.0))  # 10 % worse, 5 % better
        missed += largest_drop(values, None, 0.0125) < 0.05
    assert missed <= 0.02 * runs


def test_the_largest_drop_is_larger_where_clusters_change_together() -> None:
    values = differences(20, 10, 270)
    clusters = np.array([f"c{i // 10}" for i in range(300)])
    assert largest_drop(values, clusters, 0.0125) > largest_drop(values, None, 0.0125)


def test_what_is_needed_decides() -> None:
    rng = np.random.default_rng(1)

    def drawn(n: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        kind = rng.random(n)
        return np.where(kind < 0.06, -1.0, np.where(kind < 0.12, 1.0, 0.0))

    values = drawn(100)
    need = needed(values, None, 0.05, 0.0125, runs=1, steady=False)
    assert need.traces is not None
    assert need.traces > 100
    settled = sum(largest_drop(drawn(need.traces), None, 0.0125) <= 0.05 for _ in range(200))
    assert settled >= 0.7 * 200


def test_more_runs_are_asked_for_only_where_chance_is_the_cause() -> None:
    values = differences(30, 30, 340)
    assert needed(values, None, 0.05, 0.0125, runs=1, steady=False).runs is not None
    assert needed(values, None, 0.05, 0.0125, runs=1, steady=True).runs is None
    enough = needed(np.zeros(5000), None, 0.05, 0.0125, runs=1, steady=False)
    assert (enough.traces, enough.runs) == (None, None)
    assert math.isfinite(needed(differences(3, 3, 4), None, 0.05, 0.0125, 1, False).traces or 0)
