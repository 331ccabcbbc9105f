"""The router owes the cheapest declared route that answers; which one that is the scene says."""

from __future__ import annotations

import pytest

from diagnose.attribute.modes import mode_of
from diagnose.core.artifact import Route
from diagnose.repairs import router
from tests.repairs.scenes import given, scene

ROUTES = ("small", "medium", "large")


@pytest.mark.parametrize(
    "own, best, mode",
    [("small", "large", "starved"), ("small", "medium", "starved"), ("large", "small", "wasteful")],
)
def test_another_route_than_the_one_that_answers_is_the_routers(own: str, best: str, mode: str) -> None:
    around = scene(routes=ROUTES, route=best)
    assert not router.kept(given(), Route(own), around)
    assert router.repair(given(), Route(own), around) == Route(best)
    assert mode_of("router", given(), Route(own), around) == mode


@pytest.mark.parametrize("best", ["medium", None])
def test_its_own_route_is_left_where_it_answers_or_none_does(best: str | None) -> None:
    own, around = Route("medium"), scene(routes=ROUTES, route=best)
    assert router.kept(given(), own, around)
    assert router.repair(given(), own, around) is own
