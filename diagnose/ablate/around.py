"""What surrounds a stage depends on the route: the scene as it is under one, and whether a model answers there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from diagnose.core.artifact import Answer, Passage, Passages, Query
from diagnose.core.stage import Given, Stage
from diagnose.repairs.contract import Scene
from diagnose.replay.run import Meter, Runner


def on_route(
    scene: Scene, runner: Runner, query: Query, route: str | None, meter: Meter, repeat: int = 0
) -> Scene:
    """The scene with what the stages of a route say of themselves: its retriever, the packer's budget, the
    model's window. `retrieve` runs the route's retriever through the memo."""
    pipeline = runner.pipeline
    packer, model = pipeline.stage("packer", route), pipeline.stage("model", route)
    budget = packer.settings.get("budget_tokens") if packer else None
    counter = (packer.count_tokens if packer else None) or (model.count_tokens if model else None)
    return replace(
        scene,
        ranked=pipeline.stage("ranker", route) is not None,
        retrieve=_retriever(runner, query, route, meter, repeat),
        budget_tokens=budget if isinstance(budget, int) else None,
        window_tokens=model.window_tokens if model else None,
        count_tokens=counter,
    )


TRIES = 3
"""Runs of a model that is not deterministic on one prompt; it answers if most of them are right."""
FIRST_TRY = 2_000_003
"""The first repeat number of these runs. They are no runs of the game: what was chosen for its luck has to do as
well again."""


def answers(runner: Runner, model: Stage, given: Given, scene: Scene, meter: Meter, repeat: int = 0) -> bool:
    """Whether the model's own answer to a prompt is right."""
    if scene.right is None:
        return False
    repeats = (repeat,) if runner.steady(model) else range(FIRST_TRY, FIRST_TRY + TRIES)
    n = 0
    for one in repeats:
        answer = runner.run(model, given, meter, one)
        assert isinstance(answer, Answer)
        n += scene.right(answer.text)
    return 2 * n > len(repeats)


def _retriever(
    runner: Runner, query: Query, route: str | None, meter: Meter, repeat: int
) -> Callable[[str], tuple[Passage, ...]] | None:
    stage = runner.pipeline.stage("retriever", route)
    if stage is None:
        return None

    def retrieve(text: str) -> tuple[Passage, ...]:
        output = runner.run(stage, Given(text, query), meter, repeat)
        assert isinstance(output, Passages)
        return output.passages

    return retrieve
