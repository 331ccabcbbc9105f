from __future__ import annotations

import numpy as np
import pytest

from diagnose.attribute import complexity


def made(n: int, strength: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features and outcomes whose log-odds are `strength` times the first feature; the second says nothing."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.normal(10.0, 3.0, n), rng.normal(size=n), np.ones(n)])
    p = 1 / (1 + np.exp(-strength * (x[:, 0] - 10.0)))
    return x, rng.random(n) < p


def test_a_feature_that_tells_is_found_and_its_probabilities_hold() -> None:
    x, needs = made(2000, 0.8)
    predicted = complexity.held_out(x, needs, 0)
    base = complexity.brier(np.full(len(needs), needs.mean()), needs)
    assert complexity.brier(predicted, needs) < 0.7 * base
    assert complexity.calibration_error(complexity.bins_of(predicted, needs)) < 0.05
    model = complexity.trained(x, needs, 0)
    assert model.weights[0] == pytest.approx(0.8, abs=0.12)
    assert abs(model.weights[1]) < 0.2


def test_features_that_say_nothing_are_worth_the_base_rate() -> None:
    x, needs = made(600, 0.0)
    predicted = complexity.held_out(x, needs, 0)
    base = complexity.brier(np.full(len(needs), needs.mean()), needs)
    assert complexity.brier(predicted, needs) == pytest.approx(base, abs=0.01)


def test_the_same_data_give_the_same_model() -> None:
    x, needs = made(200, 0.5)
    a, b = complexity.trained(x, needs, 3), complexity.trained(x, needs, 3)
    assert a.bias == b.bias
    assert a.weights.tolist() == b.weights.tolist()


@pytest.mark.parametrize(
    "more, fewer, says",
    [
        (0, 500, "same budget"),
        (500, 0, "same budget"),
        (20, 20, "too little data: 40"),
        (5, 400, "5 queries need more"),
    ],
)
def test_too_little_data_is_refused(more: int, fewer: int, says: str) -> None:
    why = complexity.refusal(np.array([True] * more + [False] * fewer))
    assert why is not None
    assert says in why


def test_enough_data_is_not_refused() -> None:
    assert complexity.refusal(np.array([True] * 30 + [False] * 30)) is None


def test_every_query_is_in_one_fold() -> None:
    _, needs = made(103, 0.3)
    rows = np.concatenate(complexity.folds_of(needs, 1))
    assert sorted(rows.tolist()) == list(range(103))


def test_thresholds_cut_into_equal_parts() -> None:
    p = np.linspace(0, 1, 300)
    cuts = complexity.thresholds_of(p, 3)
    assert [int(((p >= a) & (p < b)).sum()) for a, b in zip((0, *cuts), (*cuts, 2), strict=True)] == [
        100,
        100,
        100,
    ]
    assert complexity.thresholds_of(np.full(10, 0.4), 3) == ()
    assert complexity.thresholds_of(p, 1) == ()
