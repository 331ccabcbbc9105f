"""Gold ahead of the rest: what rankers owe, and retrievers where there is no ranker."""

from __future__ import annotations

from collections.abc import Sequence

from diagnose.core.artifact import Passage
from diagnose.repairs.contract import Scene


def bearing(passages: Sequence[Passage], scene: Scene) -> tuple[bool, ...]:
    """Which passages carry evidence that is owed; for `any` only the first that carries some."""
    marks = scene.label.evidence.bearing(passages)
    if scene.label.evidence.match == "any" and any(marks):
        first = marks.index(True)
        return tuple(i == first for i in range(len(marks)))
    return marks


def leads(passages: Sequence[Passage], scene: Scene) -> bool:
    """Whether the passages that carry evidence come before all others."""
    marks = bearing(passages, scene)
    return all(marks[: sum(marks)])


def gold_first(passages: Sequence[Passage], scene: Scene) -> tuple[Passage, ...]:
    """The passages with those that carry evidence first, otherwise in their own order."""
    marks = bearing(passages, scene)
    gold = [p for p, mark in zip(passages, marks, strict=True) if mark]
    return (*gold, *(p for p, mark in zip(passages, marks, strict=True) if not mark))
