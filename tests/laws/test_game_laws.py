"""The laws that a division of blame obeys, and for each law implementations that break it.

A law is a plain function that raises AssertionError. Hypothesis runs each over the real implementation;
`test_law_rejects` then shows that no law is empty, by running it over divisions that are wrong in one way.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, permutations
from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from diagnose.attribute import remedy, shapley

Floats = NDArray[np.float64]
Solve = Callable[[Floats], Floats]
"""One game [2ⁿ] to its shares [n] (or interactions, a value per pair)."""
Law = Callable[[Solve, Floats, np.random.Generator], None]

CLOSE = 1e-9


def row(results: Floats) -> Floats:
    only: Floats = results[0]
    return only


def solve_shares(worth: Floats) -> Floats:
    return row(shapley.shares(worth[None, :]))


def solve_interactions(worth: Floats) -> Floats:
    return row(shapley.interactions(worth[None, :]))


def size(worth: Floats) -> int:
    return len(worth).bit_length() - 1


# ---- laws of shares


def adds_up(solve: Solve, worth: Floats, rng: np.random.Generator) -> None:
    assert abs(solve(worth).sum() - (worth[-1] - worth[0])) <= CLOSE


def dummy_gets_what_it_brings(solve: Solve, worth: Floats, rng: np.random.Generator) -> None:
    s = int(rng.integers(size(worth)))
    brings = float(rng.choice([0.0, 0.5]))
    masks = np.arange(len(worth))
    with_dummy = worth[masks & ~(1 << s)] + brings * (masks >> s & 1)
    assert_allclose(solve(with_dummy)[s], brings, atol=CLOSE)


def equals_get_equal_shares(solve: Solve, worth: Floats, rng: np.random.Generator) -> None:
    if size(worth) < 2:
        return
    s, t = rng.choice(size(worth), 2, replace=False)
    masks = np.arange(len(worth))
    swapped = (masks & ~(1 << s | 1 << t)) | (masks >> s & 1) << t | (masks >> t & 1) << s
    found = solve((worth + worth[swapped]) / 2)
    assert_allclose(found[s], found[t], atol=CLOSE)


def is_linear(solve: Solve, worth: Floats, rng: np.random.Generator) -> None:
    other = rng.random(len(worth))
    a, b = rng.uniform(-2, 2, 2)
    assert_allclose(solve(a * worth + b * other), a * solve(worth) + b * solve(other), atol=CLOSE)


def follows_a_relabelling(solve: Solve, worth: Floats, rng: np.random.Generator) -> None:
    moved_to = rng.permutation(size(worth))
    relabelled = np.empty_like(worth)
    for mask in range(len(worth)):
        relabelled[sum(1 << moved_to[s] for s in range(size(worth)) if mask >> s & 1)] = worth[mask]
    assert_allclose(solve(relabelled)[moved_to], solve(worth), atol=CLOSE)


def averages_all_orders(solve: Solve, worth: Floats, rng: np.random.Generator) -> None:
    if size(worth) > 5:
        return
    expected = np.zeros(size(worth))
    for order in permutations(range(size(worth))):
        mask = 0
        for s in order:
            expected[s] += worth[mask | 1 << s] - worth[mask]
            mask |= 1 << s
    assert_allclose(solve(worth), expected / factorial(size(worth)), atol=CLOSE)


# ---- laws of interactions


def none_in_an_additive_game(solve: Solve, worth: Floats, rng: np.random.Generator) -> None:
    brings = rng.random(size(worth))
    masks = np.arange(len(worth))
    additive = sum((brings[s] * (masks >> s & 1) for s in range(size(worth))), np.full(len(worth), 0.25))
    assert_allclose(solve(additive), 0.0, atol=CLOSE)


def merging_two_stages(solve: Solve, worth: Floats, rng: np.random.Generator) -> None:
    """Grabisch and Roubens' recursion: I_st is the share of s and t merged into one stage, less the
    share of s without t and that of t without s."""
    n = size(worth)
    for (s, t), found in zip(combinations(range(n), 2), solve(worth), strict=True):
        rest = [i for i in range(n) if i not in (s, t)]
        apart = _share_of_last(worth, rest, [s]) + _share_of_last(worth, rest, [t])
        assert_allclose(found, _share_of_last(worth, rest, [s, t]) - apart, atol=CLOSE)


def _share_of_last(worth: Floats, rest: list[int], merged: list[int]) -> float:
    """Shapley value, by definition, of `merged` as one stage in the game over `rest` and itself."""
    block = sum(1 << i for i in merged)
    total = 0.0
    for k in range(len(rest) + 1):
        weight = factorial(k) * factorial(len(rest) - k) / factorial(len(rest) + 1)
        for chosen in combinations(rest, k):
            mask = sum(1 << i for i in chosen)
            total += weight * (worth[mask | block] - worth[mask])
    return total


# ---- laws of minimal repair sets


Minimal = Callable[[Floats], set[frozenset[int]]]


def solve_minimal(worth: Floats) -> set[frozenset[int]]:
    found = np.flatnonzero(remedy.minimal_masks(worth[None, :], 0.5)[0])
    return {frozenset(s for s in range(size(worth)) if mask >> s & 1) for mask in found.tolist()}


def _reaching(worth: Floats) -> set[frozenset[int]]:
    stages = range(size(worth))
    subsets = (frozenset(c) for k in range(len(stages) + 1) for c in combinations(stages, k))
    return {c for c in subsets if worth[sum(1 << s for s in c)] >= 0.5}


def exactly_those_with_no_smaller(solve: Minimal, worth: Floats) -> None:
    reaching = _reaching(worth)
    assert solve(worth) == {c for c in reaching if not any(other < c for other in reaching)}


# ---- the laws hold


SHARE_LAWS: tuple[Law, ...] = (
    adds_up,
    dummy_gets_what_it_brings,
    equals_get_equal_shares,
    is_linear,
    follows_a_relabelling,
    averages_all_orders,
)
INTERACTION_LAWS: tuple[Law, ...] = (none_in_an_additive_game, merging_two_stages)

WORTH = st.one_of(
    st.sampled_from([0.0, 0.5, 1.0]),
    st.floats(0.0, 1.0),
    st.floats(-1000.0, 1000.0),
)


@st.composite
def games(draw: st.DrawFn, most: int = 8) -> Floats:
    n = draw(st.integers(1, most))
    kind = draw(st.sampled_from([st.sampled_from([0.0, 1.0]), WORTH]))
    return np.array(draw(st.lists(kind, min_size=1 << n, max_size=1 << n)))


@pytest.mark.parametrize("law", SHARE_LAWS, ids=lambda law: law.__name__)
@settings(deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_shares(law: Law, data: st.DataObject, seed: int) -> None:
    law(solve_shares, data.draw(games(most=5)), np.random.default_rng(seed))


@pytest.mark.parametrize("law", INTERACTION_LAWS, ids=lambda law: law.__name__)
@settings(deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_interactions(law: Law, data: st.DataObject, seed: int) -> None:
    law(solve_interactions, data.draw(games(most=5)), np.random.default_rng(seed))


@settings(deadline=None)
@given(games(most=5))
def test_minimal_repairs(worth: Floats) -> None:
    exactly_those_with_no_smaller(solve_minimal, worth)


@pytest.mark.parametrize("n", [6, 7, 8])
@pytest.mark.parametrize("law", SHARE_LAWS + INTERACTION_LAWS, ids=lambda law: law.__name__)
def test_laws_hold_up_to_eight_stages(law: Law, n: int) -> None:
    solve = solve_interactions if law in INTERACTION_LAWS else solve_shares
    for seed in range(5):
        rng = np.random.default_rng([n, seed])
        law(solve, rng.random(1 << n), rng)


# ---- and each can fail


def _numerators(n: int) -> Floats:
    return shapley.share_numerators(n).copy()


def a_weight_dropped(worth: Floats) -> Floats:
    weights = _numerators(size(worth))
    weights[-1, 0] = 0.0
    return worth @ weights / factorial(size(worth))


def a_wrong_factorial(worth: Floats) -> Floats:
    n = size(worth)
    sizes = np.array([mask.bit_count() for mask in range(1 << n)])
    wrong: Floats = _numerators(n) / np.maximum(n - sizes, 1)[:, None] / factorial(n)
    return worth @ wrong


def two_columns_swapped(worth: Floats) -> Floats:
    shares = solve_shares(worth)
    shares[[0, -1]] = shares[[-1, 0]]
    return shares


def split_evenly(worth: Floats) -> Floats:
    return np.full(size(worth), (worth[-1] - worth[0]) / size(worth))


def one_order_only(worth: Floats) -> Floats:
    """Repairs stages first to last and books each step, as a waterfall does."""
    prefixes = [(1 << s) - 1 for s in range(size(worth) + 1)]
    return worth[prefixes[1:]] - worth[prefixes[:-1]]


def banzhaf(worth: Floats) -> Floats:
    """All coalitions weigh the same: a dummy and linear value that does not add up."""
    n = size(worth)
    evenly: Floats = np.sign(_numerators(n)) / 2.0 ** (n - 1)
    return worth @ evenly


def no_share_below_zero(worth: Floats) -> Floats:
    return solve_shares(worth).clip(min=0.0)


def necessity_alone(worth: Floats) -> Floats:
    return row(shapley.necessity(worth[None, :]))


BROKEN_SHARES: dict[Solve, tuple[Law, ...]] = {
    a_weight_dropped: (adds_up, dummy_gets_what_it_brings, equals_get_equal_shares, averages_all_orders),
    a_wrong_factorial: (adds_up, dummy_gets_what_it_brings, averages_all_orders),
    two_columns_swapped: (
        dummy_gets_what_it_brings,
        equals_get_equal_shares,
        follows_a_relabelling,
        averages_all_orders,
    ),
    split_evenly: (dummy_gets_what_it_brings, averages_all_orders),
    one_order_only: (equals_get_equal_shares, follows_a_relabelling, averages_all_orders),
    banzhaf: (adds_up, averages_all_orders),
    no_share_below_zero: (adds_up, is_linear, averages_all_orders),
    necessity_alone: (adds_up, averages_all_orders),
}


def pairs_weighed_as_shares(worth: Floats) -> Floats:
    n = size(worth)
    return worth @ shapley.interaction_numerators(n) / factorial(n)


def pairs_swapped(worth: Floats) -> Floats:
    return solve_interactions(worth)[::-1].copy()


def second_difference_unsigned(worth: Floats) -> Floats:
    return worth @ np.abs(shapley.interaction_numerators(size(worth))) / factorial(size(worth) - 1)


BROKEN_INTERACTIONS: dict[Solve, tuple[Law, ...]] = {
    pairs_weighed_as_shares: (merging_two_stages,),
    pairs_swapped: (merging_two_stages,),
    second_difference_unsigned: (none_in_an_additive_game, merging_two_stages),
}

BREAKS = [
    (law, solve)
    for broken in (BROKEN_SHARES, BROKEN_INTERACTIONS)
    for solve, laws in broken.items()
    for law in laws
]


def rejects(law: Law, solve: Solve) -> bool:
    """Whether any of 20 seeded games of three and four stages shows that `solve` breaks the law."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        try:
            law(solve, rng.integers(0, 2, 1 << 3 + seed % 2).astype(np.float64), rng)
        except AssertionError:
            return True
    return False


@pytest.mark.parametrize("law,broken", BREAKS, ids=lambda value: value.__name__)
def test_law_rejects(law: Law, broken: Solve) -> None:
    assert rejects(law, broken)


@pytest.mark.parametrize("law", SHARE_LAWS + INTERACTION_LAWS, ids=lambda law: law.__name__)
def test_every_law_is_broken_by_something_and_kept_by_the_real_thing(law: Law) -> None:
    assert any(law is broken_law for broken_law, _ in BREAKS)
    assert not rejects(law, solve_interactions if law in INTERACTION_LAWS else solve_shares)


def all_that_reach(worth: Floats) -> set[frozenset[int]]:
    return _reaching(worth)


def smallest_by_size_only(worth: Floats) -> set[frozenset[int]]:
    reaching = _reaching(worth)
    least = min((len(c) for c in reaching), default=0)
    return {c for c in reaching if len(c) == least}


def compared_one_smaller_only(worth: Floats) -> set[frozenset[int]]:
    """Looks only at the sets with one stage less: wrong where a repair hurts on the way."""
    reaching = _reaching(worth)
    return {c for c in reaching if not any(c - {s} in reaching for s in c)}


def mark_must_be_exceeded(worth: Floats) -> set[frozenset[int]]:
    return solve_minimal(worth - 2 * remedy.SAME_WORTH)


@pytest.mark.parametrize(
    "broken", [all_that_reach, smallest_by_size_only, compared_one_smaller_only, mark_must_be_exceeded]
)
def test_minimal_law_rejects(broken: Minimal) -> None:
    worths = [np.random.default_rng(seed).choice([0.0, 0.5, 1.0], 16) for seed in range(40)]
    # No game here passes unrepaired: then all four would agree on the empty set.
    for worth in worths:
        worth[0] = 0.0
    assert any(refused(broken, worth) for worth in worths)


def refused(solve: Minimal, worth: Floats) -> bool:
    try:
        exactly_those_with_no_smaller(solve, worth)
    except AssertionError:
        return True
    return False
