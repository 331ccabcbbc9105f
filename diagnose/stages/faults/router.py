"""Faults of routers."""

from __future__ import annotations

import random

from diagnose.core.artifact import Output, Route
from diagnose.core.stage import Given
from diagnose.stages.faults.fault import Around, Fault


def _cheapest(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    return Route(around.routes[0]) if around.routes else own


def _dearest(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    return Route(around.routes[-1]) if around.routes else own


def _turned_round(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    """The dearer the query, the cheaper the route."""
    assert isinstance(own, Route)
    if own.route not in around.routes:
        return own
    return Route(around.routes[-1 - around.routes.index(own.route)])


def _at_random(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    return Route(rng.choice(around.routes)) if around.routes else own


FAULTS = (
    Fault("always-cheapest", "router", "starved", "takes the cheapest route for every query", _cheapest),
    Fault("always-dearest", "router", "wasteful", "takes the dearest route for every query", _dearest),
    Fault(
        "turned-round",
        "router",
        None,
        "takes dear routes for cheap queries and cheap for dear",
        _turned_round,
    ),
    Fault("random-route", "router", None, "takes a route at random", _at_random),
)
