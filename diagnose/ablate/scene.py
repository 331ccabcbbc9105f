"""What repairs may look at in one trace of one pipeline."""

from __future__ import annotations

from collections.abc import Callable

from diagnose.ablate.around import on_route
from diagnose.ablate.routing import routed
from diagnose.core.artifact import Query
from diagnose.repairs.contract import Scene
from diagnose.replay.run import Meter, Runner
from diagnose.score.label import Label


def scene_of(
    runner: Runner,
    query: Query,
    label: Label,
    right: Callable[[str], bool],
    meter: Meter,
    repeat: int = 0,
    worth: Callable[[str], float] | None = None,
) -> Scene:
    """The scene for one trace. In a pipeline with a router this replays the declared routes, models included, as
    far as it takes to tell which one a working router takes (`Broken` where the router or its own route fails).

    `worth` is the score that `right` holds against the pass mark.
    """
    scene = Scene(
        label=label,
        abstention=runner.pipeline.abstention,
        right=right,
        worth=worth,
        corpus=runner.pipeline.corpus,
    )
    scene = on_route(scene, runner, query, None, meter, repeat)
    return routed(runner, query, scene, meter, repeat)
