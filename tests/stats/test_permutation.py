from __future__ import annotations

from itertools import combinations, product
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagnose.stats.permutation import (
    Alternative,
    group_difference_p,
    holm,
    mcnemar_exact,
    sign_flip_p,
    wilson_interval,
)

ALTERNATIVES: tuple[Alternative, ...] = ("two-sided", "greater", "less")


def _extreme(stat: float, seen: float, alternative: Alternative) -> bool:
    if alternative == "two-sided":
        return abs(stat) >= abs(seen) - 1e-9
    return stat >= seen - 1e-9 if alternative == "greater" else stat <= seen + 1e-9


@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_sign_flips_agree_with_full_enumeration(alternative: Alternative) -> None:
    d = np.array([0.5, 1.0, -0.25, 0.75, 0.5, 0.0, 0.9, -0.1])
    signs = list(product((-1, 1), repeat=len(d)))
    exact = sum(_extreme(float(np.dot(s, d)), float(d.sum()), alternative) for s in signs) / len(signs)
    assert sign_flip_p(d, 20_000, seed=2, alternative=alternative) == pytest.approx(exact, abs=0.015)


@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize("size", [3, 6])
def test_group_differences_agree_with_full_enumeration(alternative: Alternative, size: int) -> None:
    values = np.array([0.1, 0.9, 0.7, 0.2, 0.8, 0.4, 0.3, 1.0, 0.6])
    chosen = np.zeros(9, dtype=bool)
    chosen[[1, 2, 4, 7, 8, 5][:size]] = True
    centred = values - values.mean()
    sums = [float(centred[list(c)].sum()) for c in combinations(range(9), size)]
    exact = sum(_extreme(s, float(centred[chosen].sum()), alternative) for s in sums) / len(sums)
    found = group_difference_p(values[:, None], chosen, 8_000, seed=4, alternative=alternative)
    assert found[0] == pytest.approx(exact, abs=0.02)


def test_a_p_value_is_never_zero() -> None:
    assert sign_flip_p(np.ones(200), 99, seed=0) == 0.01
    values = np.repeat([0.0, 1.0], 100)[:, None]
    assert group_difference_p(values, values[:, 0] == 1.0, 99, seed=0).tolist() == [0.01]


def test_nothing_to_tell_apart_gives_one() -> None:
    assert sign_flip_p(np.zeros(10), 100, seed=0) == 1.0
    assert sign_flip_p(np.array([]), 100, seed=0) == 1.0
    values = np.full((10, 2), 0.1)
    assert group_difference_p(values, np.arange(10) < 4, 100, seed=0).tolist() == [1.0, 1.0]
    assert group_difference_p(values, np.zeros(10, dtype=bool), 100, seed=0).tolist() == [1.0, 1.0]


def test_pairs_that_do_not_differ_change_nothing() -> None:
    d = np.array([1.0, 1.0, -1.0, 1.0, 1.0])
    assert sign_flip_p(d, 500, seed=1) == sign_flip_p(np.concatenate([d, np.zeros(1000)]), 500, seed=1)


def test_the_error_rate_under_the_hypothesis_is_the_nominal_one() -> None:
    rng = np.random.default_rng(0)
    paired = [sign_flip_p(rng.normal(size=12), 99, seed) <= 0.1 for seed in range(400)]
    grouped = [
        bool(group_difference_p(rng.exponential(size=(20, 1)), np.arange(20) < 5, 99, seed)[0] <= 0.1)
        for seed in range(400)
    ]
    # 400 rounds at 0.1: three standard errors are 0.045.
    assert 0.055 < np.mean(paired) < 0.145
    assert 0.055 < np.mean(grouped) < 0.145


def test_columns_share_permutations_and_keep_their_own_p() -> None:
    rng = np.random.default_rng(1)
    values, chosen = rng.random((40, 3)), np.arange(40) < 15
    values[chosen, 1] += 0.5
    together = group_difference_p(values, chosen, 300, seed=9)
    alone = [group_difference_p(values[:, [j]], chosen, 300, seed=9)[0] for j in range(3)]
    assert together.tolist() == alone
    assert together[1] < 0.02 < together[0]


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        sign_flip_p(np.array([np.nan]), 10, seed=0)
    with pytest.raises(ValueError, match="at least 1"):
        sign_flip_p(np.array([1.0]), 0, seed=0)
    with pytest.raises(ValueError, match="in_group"):
        group_difference_p(np.ones((3, 1)), np.ones(2, dtype=bool), 10, seed=0)


def test_mcnemar_known_values() -> None:
    assert mcnemar_exact(0, 0) == 1.0
    assert mcnemar_exact(5, 5) == 1.0
    assert mcnemar_exact(1, 9) == pytest.approx(2 * (1 + 10) / 2**10)
    assert mcnemar_exact(9, 1) == mcnemar_exact(1, 9)
    assert mcnemar_exact(1, 9, "greater") == pytest.approx(11 / 2**10)
    assert mcnemar_exact(1, 9, "less") == pytest.approx(1 - 1 / 2**10)
    with pytest.raises(ValueError, match="counts"):
        mcnemar_exact(-1, 2)


@settings(max_examples=60)
@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_binomial_sum(first: int, second: int) -> None:
    n = first + second
    tail = sum(comb(n, i) for i in range(min(first, second) + 1)) / 2**n
    assert mcnemar_exact(first, second) == pytest.approx(min(1.0, 2 * tail))


def test_holm_known_values() -> None:
    # The example of Holm's step-down with m = 4: 4p, then 3p, 2p, p, made monotone and capped.
    assert holm((0.01, 0.04, 0.03, 0.005)) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm((0.9, 0.8)) == (1.0, 1.0)
    assert holm(()) == ()
    with pytest.raises(ValueError, match="p-values"):
        holm((1.5,))


@given(st.lists(st.floats(0, 1), max_size=10))
def test_holm_lies_between_the_raw_and_bonferroni(p_values: list[float]) -> None:
    for raw, adjusted in zip(p_values, holm(p_values), strict=True):
        assert raw <= adjusted <= min(1.0, raw * len(p_values)) + 1e-12


def test_wilson_known_values() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)
    # Published for 1 of 10 and 0 of 20 (Newcombe 1998, Brown et al. 2001).
    assert wilson_interval(1, 10) == pytest.approx((0.0179, 0.4042), abs=1e-4)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    with pytest.raises(ValueError, match="successes"):
        wilson_interval(3, 2)
    with pytest.raises(ValueError, match="level"):
        wilson_interval(1, 2, level=0.0)


@given(st.integers(0, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_proportion_and_mirrors(counted: tuple[int, int]) -> None:
    successes, n = counted
    low, high = wilson_interval(successes, n)
    assert 0.0 <= low <= high <= 1.0
    if n:
        assert low <= successes / n <= high
    assert wilson_interval(n - successes, n) == pytest.approx((1 - high, 1 - low), abs=1e-12)
