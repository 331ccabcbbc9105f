"""What repairs may look at in one trace of one pipeline."""

from __future__ import annotations

from collections.abc import Callable

from diagnose.core.artifact import Passage, Passages, Query
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import Given
from diagnose.repairs.contract import Scene
from diagnose.replay.run import Meter, Runner
from diagnose.score.label import Label


def scene_of(
    runner: Runner, query: Query, label: Label, right: Callable[[str], bool], meter: Meter, repeat: int = 0
) -> Scene:
    """The scene for one trace. Its `retrieve` runs the pipeline's retriever through the memo."""
    pipeline = runner.pipeline
    packer, model = pipeline.stage("packer"), pipeline.stage("model")
    budget = packer.settings.get("budget_tokens") if packer else None
    counter = (packer.count_tokens if packer else None) or (model.count_tokens if model else None)
    return Scene(
        label=label,
        abstention=pipeline.abstention,
        ranked=pipeline.stage("ranker") is not None,
        retrieve=_retriever(runner, query, meter, repeat),
        right=right,
        budget_tokens=budget if isinstance(budget, int) else None,
        window_tokens=model.window_tokens if model else None,
        count_tokens=counter,
    )


def _retriever(
    runner: Runner, query: Query, meter: Meter, repeat: int
) -> Callable[[str], tuple[Passage, ...]] | None:
    stage = runner.pipeline.stage("retriever")
    if stage is None:
        return None

    def retrieve(text: str) -> tuple[Passage, ...]:
        output = runner.run(stage, Given(text, query), meter, repeat)
        assert isinstance(output, Passages)
        return output.passages

    return retrieve


def roles_in_play(pipeline: Pipeline) -> tuple[tuple[int, str], ...]:
    """Positions and roles of the pipeline's stages before the model."""
    roles = pipeline.roles
    return tuple((i, role) for i, role in enumerate(roles[: roles.index("model")]))
