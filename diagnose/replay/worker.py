"""Stages that another process runs: asked in JSON, a line a call, answered in JSON.

`python -m diagnose.replay.worker` answers on stdout what it is asked on stdin, until that ends.
"""

from __future__ import annotations

import os
import sys

import msgspec

from diagnose.core.artifact import Frozen, Output
from diagnose.core.stage import OUTPUT_TYPES, Given, Recipe, Stage
from diagnose.errors import DiagnoseError, StageFailed
from diagnose.replay.ahead import Task
from diagnose.stages.build import rebuilt
from diagnose.stages.failure import Kind


class Asked(Frozen, frozen=True):
    """One call."""

    recipe: Recipe
    given: Given
    seed: int | None = None


class Said(Frozen, frozen=True):
    """What came of it: an output of the role's type, or (`null`) why there is none."""

    output: msgspec.Raw
    kind: Kind = "raised"
    reason: str = ""


NOTHING = msgspec.Raw(b"null")


class ElsewhereFailed(StageFailed):
    """A call that failed where it was made; `kind` and words are those of the error there."""

    def __init__(self, reason: str, kind: Kind = "raised") -> None:
        super().__init__(reason)
        self.kind = kind


def question(task: Task, many: bool) -> bytes:
    """A task as a line; `many` says that several processes share the machine."""
    recipe = task.stage.recipe
    assert recipe is not None
    if many and recipe.many:
        recipe = msgspec.structs.replace(recipe, table={**recipe.table, **recipe.many})
    return msgspec.json.encode(Asked(recipe, task.given, task.seed))


def understood(task: Task, line: bytes) -> Output | Exception:
    """The output in an answer, or the failure."""
    said = msgspec.json.decode(line, type=Said)
    if bytes(said.output) == bytes(NOTHING):
        return ElsewhereFailed(said.reason, said.kind)
    output: Output = msgspec.json.decode(said.output, type=OUTPUT_TYPES[task.stage.role])
    return output


class Served:
    """Stages by their recipes, built at the first call of each and kept, with the models and indexes they hold."""

    def __init__(self) -> None:
        self._stages: dict[bytes, Stage] = {}

    def ready(self) -> bool:
        """That it is there."""
        return True

    def answer(self, line: bytes) -> bytes:
        """The answer to a question. What a stage raises is told, not raised."""
        asked = msgspec.json.decode(line, type=Asked)
        try:
            output = self._stage(asked.recipe).run(asked.given, asked.seed)
        except DiagnoseError as exc:
            kind: Kind = getattr(exc, "kind", "raised")
            return msgspec.json.encode(Said(NOTHING, kind, str(exc)))
        return msgspec.json.encode(Said(msgspec.Raw(msgspec.json.encode(output))))

    def _stage(self, recipe: Recipe) -> Stage:
        key = msgspec.json.encode(recipe)
        if key not in self._stages:
            self._stages[key] = rebuilt(recipe, os.environ)
        return self._stages[key]


def main() -> None:
    """Answer line by line. What stages print goes to stderr: stdout is for answers."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    served = Served()
    for line in sys.stdin.buffer:
        answers.write(served.answer(line) + b"\n")
        answers.flush()


if __name__ == "__main__":
    main()
