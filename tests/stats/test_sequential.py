from __future__ import annotations

import math
from math import comb, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagnose.stats.permutation import wilson_interval
from diagnose.stats.sequential import (
    Side,
    anytime_p,
    calls_to_decide,
    confidence_sequence,
    log_e_value,
    log_mixture,
)

ALPHA = 0.05
LIMIT = log(1 / ALPHA)


def test_the_e_value_is_the_integral_it_says() -> None:
    from scipy.integrate import quad

    for total, n, p0 in [(7.0, 9, 0.5), (2.0, 9, 0.5), (3.4, 6, 0.2), (0.0, 4, 0.7)]:

        def bet(q: float, total: float = total, n: int = n, p0: float = p0) -> float:
            return float((q / p0) ** total * ((1 - q) / (1 - p0)) ** (n - total) / (1 - p0))

        integral = quad(bet, p0, 1.0)[0]
        assert math.exp(log_e_value(total, n, p0)) == pytest.approx(integral, rel=1e-6)


def test_e_values_known_in_closed_form() -> None:
    assert log_e_value(0.0, 0, 0.3) == pytest.approx(0.0)
    # n successes against 1/2: 2 * integral of (2q)^n from 1/2 to 1 = 2^(n+1) (1 - 2^-(n+1)) / (n+1).
    assert math.exp(log_e_value(5.0, 5, 0.5)) == pytest.approx((2**6 - 1) / 6)
    assert log_e_value(5.0, 5, 0.5) == pytest.approx(log_e_value(0.0, 5, 0.5, "less"))


@settings(max_examples=60)
@given(st.integers(0, 6), st.floats(0.05, 0.95), st.floats(0, 1))
def test_the_expected_e_value_is_at_most_one_under_the_hypothesis(n: int, p0: float, part: float) -> None:
    p = p0 * part
    expected = sum(
        comb(n, s) * p**s * (1 - p) ** (n - s) * math.exp(log_e_value(float(s), n, p0)) for s in range(n + 1)
    )
    assert expected <= 1 + 1e-9


@settings(max_examples=60)
@given(st.integers(0, 8), st.floats(0.02, 0.98))
def test_the_mixture_is_a_martingale_at_the_true_mean(n: int, p: float) -> None:
    expected = sum(
        comb(n, s) * p**s * (1 - p) ** (n - s) * math.exp(log_mixture(float(s), n, p)) for s in range(n + 1)
    )
    assert expected == pytest.approx(1.0)


def _flips(rounds: int, n: int, p: float, seed: int) -> np.typing.NDArray[np.float64]:
    return (np.random.default_rng(seed).random((rounds, n)) < p).astype(float).cumsum(axis=1)


def test_looking_after_every_observation_does_not_raise_the_error_rate() -> None:
    totals = _flips(400, 200, 0.3, seed=0)
    rejected = [any(log_e_value(float(s), n, 0.3) >= LIMIT for n, s in enumerate(row, 1)) for row in totals]
    assert np.mean(rejected) <= ALPHA
    # The problem is not trivial: a fixed-n interval looked at as often is wrong far more often.
    peeked = [any(wilson_interval(int(s), n, 0.90)[0] > 0.3 for n, s in enumerate(row, 1)) for row in totals]
    assert np.mean(peeked) > 2 * ALPHA


def test_the_confidence_sequence_holds_the_mean_at_every_look() -> None:
    for p, seed in ((0.3, 1), (0.9, 2)):
        missed = [
            any(log_mixture(float(s), n, p) >= LIMIT for n, s in enumerate(row, 1))
            for row in _flips(400, 200, p, seed)
        ]
        assert np.mean(missed) <= ALPHA


def test_scores_between_0_and_1_are_covered_too() -> None:
    totals = np.random.default_rng(3).beta(0.6, 0.4, (300, 150)).cumsum(axis=1)  # mean 0.6
    missed = [any(log_mixture(float(s), n, 0.6) >= LIMIT for n, s in enumerate(row, 1)) for row in totals]
    assert np.mean(missed) <= ALPHA


def test_a_real_difference_is_found() -> None:
    found = [log_e_value(float(row[-1]), 100, 0.5) >= LIMIT for row in _flips(200, 100, 0.75, seed=4)]
    assert np.mean(found) > 0.9


@settings(max_examples=100)
@given(
    st.integers(1, 400).flatmap(lambda n: st.tuples(st.floats(0, float(n)), st.just(n))),
    st.sampled_from([0.01, 0.05, 0.2]),
)
def test_the_interval_is_where_the_mixture_stays_below_the_limit(
    data: tuple[float, int], alpha: float
) -> None:
    total, n = data
    low, high = confidence_sequence(total, n, alpha)
    assert 0.0 <= low <= total / n <= high <= 1.0
    if low > 0:
        assert log_mixture(total, n, low) >= log(1 / alpha)
    if high < 1:
        assert log_mixture(total, n, high) >= log(1 / alpha)
    # Just inside either end the mixture is below the limit (a float near 1 has no finer neighbours).
    assert log_mixture(total, n, low + 1e-9) < log(1 / alpha)
    assert log_mixture(total, n, high - 1e-9) < log(1 / alpha)
    mirrored = confidence_sequence(n - total, n, alpha)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-9)


def test_intervals_shrink_and_the_price_over_a_fixed_interval_is_moderate() -> None:
    widths = []
    for n in (10, 100, 1000, 10_000):
        low, high = confidence_sequence(0.4 * n, n)
        fixed = wilson_interval(int(0.4 * n), n)
        widths.append(high - low)
        assert low < fixed[0] < fixed[1] < high
        assert high - low < 2.2 * (fixed[1] - fixed[0])
    assert widths == sorted(widths, reverse=True)


def test_before_anything_is_seen_everything_is_possible() -> None:
    assert confidence_sequence(0.0, 0) == (0.0, 1.0)
    low, high = confidence_sequence(0.0, 50)
    assert low == 0.0
    assert 0.05 < high < 0.15
    assert confidence_sequence(50.0000001, 50)[1] == 1.0  # a sum of scores may round upwards


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and n"):
        confidence_sequence(3.0, 2)
    with pytest.raises(ValueError, match="alpha"):
        confidence_sequence(1.0, 2, alpha=0.0)
    with pytest.raises(ValueError, match="p0"):
        log_e_value(1.0, 2, 1.0)
    with pytest.raises(ValueError, match="mean"):
        calls_to_decide(1.2, 0.5)


def test_the_anytime_p_value_is_one_over_e() -> None:
    assert anytime_p(log(20)) == pytest.approx(0.05)
    assert anytime_p(-3.0) == 1.0
    assert anytime_p(-math.inf) == 1.0


@pytest.mark.parametrize("mean, p0", [(1.0, 0.5), (0.0, 0.5), (0.8, 0.5), (0.45, 0.5), (0.02, 0.1)])
def test_calls_to_decide_is_the_first_n_that_decides(mean: float, p0: float) -> None:
    calls = calls_to_decide(mean, p0, ALPHA)
    assert calls is not None
    side: Side = "greater" if mean > p0 else "less"
    assert log_e_value(mean * calls, calls, p0, side) >= LIMIT
    assert log_e_value(mean * (calls - 1), calls - 1, p0, side) < LIMIT


def test_what_never_decides_has_no_number_of_calls() -> None:
    assert calls_to_decide(0.5, 0.5) is None
    assert calls_to_decide(0.5 + 1e-6, 0.5) is None


def test_opposed_data_leave_no_wealth() -> None:
    assert log_e_value(0.0, 5000, 0.9) == -math.inf
