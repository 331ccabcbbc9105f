from __future__ import annotations

import pytest

from diagnose.core.artifact import Passage, Query, Turn
from diagnose.errors import UsageError
from diagnose.stages.complexity import FEATURES, by_complexity, features, logistic, shape, tier_of


def test_what_a_query_shows() -> None:
    asked = features(Query("Were Scott Derrickson and Ed Wood of the same nationality in 1999?"))
    assert set(asked) == set(FEATURES)
    assert asked["words"] == 12
    assert asked["names"] == 2
    assert asked["comparison"] == 1
    assert asked["yes_no"] == 1
    assert asked["numbers"] == 1
    assert asked["turns"] == 0
    assert features(Query("it?", (Turn("user", "a"), Turn("assistant", "b"))))["turns"] == 2


@pytest.mark.parametrize("text", ["", " ", "?", "\n", "é" * 5000, "\ud800"])
def test_any_text_has_features(text: str) -> None:
    assert all(value >= 0 for value in features(Query(text)).values())


def test_the_shape_of_scores() -> None:
    seen = shape([Passage("a", score=4.0), Passage("b", score=2.0)])
    assert seen == {"top_gap": 0.5, "tail": 0.75, "found": 2.0}
    assert shape([Passage("a"), Passage("b")]) is None
    assert shape([Passage("a", score=0.0), Passage("b", score=0.0)]) is None
    assert shape([Passage("a", score=float("nan")), Passage("b", score=1.0)]) is None


def test_routes_by_tier() -> None:
    router = by_complexity({"words": 1.0}, -3.0, (0.4, 0.6), ("s", "m", "l"), ("s", "m", "l"))
    assert [router(Query(text)) for text in ("one", "one two three", "one two three four")] == ["s", "m", "l"]


def test_logistic_is_safe_at_the_ends() -> None:
    assert logistic(-1000.0) == 0.0
    assert logistic(1000.0) == 1.0
    assert logistic(0.0) == 0.5


def test_a_threshold_belongs_to_the_tier_above() -> None:
    assert [tier_of(p, (0.5,)) for p in (0.49, 0.5)] == [0, 1]


@pytest.mark.parametrize(
    "weights, thresholds, tiers, says",
    [
        ({"wit": 1.0}, (), ("s",), "expected features of"),
        ({}, (0.6, 0.4), ("s", "s", "s"), "ascending"),
        ({}, (0.5,), ("s",), "expected 2 of them"),
        ({}, (), ("x",), "expected one of the routes s"),
    ],
)
def test_what_is_no_router(
    weights: dict[str, float], thresholds: tuple[float, ...], tiers: tuple[str, ...], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        by_complexity(weights, 0.0, thresholds, tiers, ("s",))
