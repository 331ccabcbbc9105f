from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagnose.stats import bootstrap
from diagnose.stats.bootstrap import (
    cluster_sums,
    cluster_totals,
    expanded_tail,
    first_probabilities,
    percentile_interval,
)


def test_the_spread_of_the_sums_is_that_of_a_multinomial() -> None:
    values = np.arange(40.0)[:, None]
    sums = cluster_sums(values, None, resamples=20_000, seed=1)[:, 0]
    # Variance of the sum of n draws from n values: n times the population variance.
    assert sums.mean() == pytest.approx(values.sum(), rel=0.005)
    assert sums.var() == pytest.approx(40 * values.var(), rel=0.05)


def test_rows_of_a_cluster_come_and_go_together() -> None:
    values = np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]])
    sums = cluster_sums(values, np.array(["b", "a", "b"]), resamples=500, seed=3)
    # Two clusters, two draws: aa, ab or bb.
    assert sorted(set(sums[:, 0])) == [4.0, 7.0, 10.0]
    assert np.array_equal(sums[:, 1], 10 * sums[:, 0])


def test_clusters_widen_the_interval_when_their_rows_agree() -> None:
    values = np.repeat(np.random.default_rng(0).integers(0, 2, 50), 20).astype(float)[:, None]
    alone = cluster_sums(values, None, 2000, seed=1).std()
    together = cluster_sums(values, np.repeat(np.arange(50), 20), 2000, seed=1).std()
    assert together > 3.5 * alone  # the square root of 20


def test_a_column_of_ones_counts_the_rows_of_unequal_clusters() -> None:
    sums = cluster_sums(np.ones((4, 1)), np.array([0, 0, 0, 1]), resamples=200, seed=0)
    assert set(sums[:, 0]) == {2.0, 4.0, 6.0}


def test_same_seed_same_numbers_and_another_seed_others() -> None:
    values = np.random.default_rng(5).random((30, 3))
    first = cluster_sums(values, None, 100, seed=7)
    assert np.array_equal(first, cluster_sums(values, None, 100, seed=7))
    assert not np.array_equal(first, cluster_sums(values, None, 100, seed=8))


def test_the_draws_do_not_depend_on_how_many_are_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(5).random((30, 3))
    whole = cluster_sums(values, None, 100, seed=7)
    monkeypatch.setattr(bootstrap, "DRAWS_AT_ONCE", 70)
    assert np.allclose(whole, cluster_sums(values, None, 100, seed=7), rtol=1e-12)


def test_many_traces_fit_in_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []
    drawn = bootstrap._drawn_counts

    def watched(rng: np.random.Generator, rows: int, n_clusters: int) -> bootstrap.Floats:
        held.append(rows * n_clusters * 8)
        return drawn(rng, rows, n_clusters)

    monkeypatch.setattr(bootstrap, "_drawn_counts", watched)
    sums = cluster_sums(np.ones((100_000, 2)), None, resamples=45, seed=0)
    assert sums.shape == (45, 2)
    assert max(held) <= 8 * bootstrap.DRAWS_AT_ONCE
    assert len(held) > 1


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(-5, 5), st.integers(0, 4)), min_size=1, max_size=30))
def test_cluster_totals_add_up_to_the_whole(rows: list[tuple[float, int]]) -> None:
    values = np.array([[value] for value, _ in rows])
    totals = cluster_totals(values, np.array([cluster for _, cluster in rows]))
    assert len(totals) == len({cluster for _, cluster in rows})
    assert totals.sum() == pytest.approx(values.sum(), abs=1e-9)


def test_no_rows_give_sums_of_zero() -> None:
    assert cluster_sums(np.zeros((0, 2)), None, 3, seed=0).tolist() == [[0.0, 0.0]] * 3
    assert cluster_sums(np.zeros((0, 2)), np.array([], dtype=int), 3, seed=0).tolist() == [[0.0, 0.0]] * 3


@pytest.mark.parametrize(
    "values, clusters, message",
    [
        (np.array([1.0, 2.0]), None, "two dimensions"),
        (np.array([[np.nan]]), None, "finite"),
        (np.array([[1.0], [2.0]]), np.array([1]), "expected 2 of them"),
    ],
)
def test_wrong_input_is_refused(
    values: bootstrap.Floats, clusters: np.typing.NDArray[np.int_] | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        cluster_sums(values, clusters, 10, seed=0)
    with pytest.raises(ValueError, match="at least 1"):
        cluster_sums(np.ones((2, 1)), None, 0, seed=0)


def test_percentiles_of_known_draws() -> None:
    draws = np.arange(1001.0)
    assert percentile_interval(draws, 0.95) == pytest.approx((25.0, 975.0))
    assert percentile_interval(draws, 0.5) == pytest.approx((250.0, 750.0))


def test_no_spread_is_none_and_not_a_point() -> None:
    assert percentile_interval(np.array([])) is None
    assert percentile_interval(np.arange(10.0), n_clusters=1) is None


def test_undefined_draws_and_levels_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        percentile_interval(np.array([1.0, np.nan]))
    with pytest.raises(ValueError, match="level"):
        percentile_interval(np.array([1.0]), level=1.0)


def test_the_widened_tail_is_student_over_normal() -> None:
    from scipy.stats import norm, t

    for n in (2, 5, 10, 1000):
        widened = norm.ppf(expanded_tail(0.025, n)) * np.sqrt((n - 1) / n)
        assert widened == pytest.approx(t.ppf(0.025, n - 1), rel=1e-6)
    assert expanded_tail(0.025, 10_000) == pytest.approx(0.025, rel=0.01)


def _coverage(n_clusters: int, expand: bool, rounds: int = 300) -> float:
    """How often the interval of a ratio of sums over clusters of unequal size holds the true ratio."""
    rng, hits = np.random.default_rng(11), 0
    for seed in range(rounds):
        sizes = rng.integers(1, 5, n_clusters)
        cluster = np.repeat(np.arange(n_clusters), sizes)
        rate = rng.beta(4, 6, n_clusters)[cluster]
        values = np.stack([rng.random(len(rate)) < rate, np.ones(len(rate))], axis=1)
        sums = cluster_sums(values, cluster, 400, seed)
        interval = percentile_interval(
            sums[:, 0] / sums[:, 1], 0.95, n_clusters=n_clusters if expand else None
        )
        assert interval is not None
        hits += interval[0] <= 0.4 <= interval[1]
    return hits / rounds


def test_the_interval_covers_as_often_as_it_says() -> None:
    # 300 rounds: the standard error of a coverage of 0.95 is 0.013.
    assert 0.91 <= _coverage(40, expand=True) <= 0.99


def test_few_clusters_need_the_widening() -> None:
    assert _coverage(6, expand=False) < 0.90
    assert _coverage(6, expand=True) >= 0.91


def test_first_probabilities_split_ties_and_add_up() -> None:
    draws = np.array([[3.0, 1.0, 1.0], [0.0, 0.0, 0.0], [1.0, 2.0, 2.0]])
    found = first_probabilities(draws)
    assert found.tolist() == pytest.approx([(1 + 1 / 3) / 3, (1 / 3 + 1 / 2) / 3, (1 / 3 + 1 / 2) / 3])
    assert found.sum() == pytest.approx(1.0)
    with pytest.raises(ValueError, match="shape"):
        first_probabilities(np.zeros((0, 3)))
