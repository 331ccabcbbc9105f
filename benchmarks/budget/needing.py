"""A simulated reader of known need: right exactly where the first so many ranked passages are in its context."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from diagnose.core.artifact import Context


def drawn(*parts: object) -> float:
    """A number in [0, 1) that depends on the parts alone."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


@dataclass(frozen=True)
class Needing:
    """Answers a question from `needs[type]` passages on. `dull` questions it never answers, `bright` ones always;
    `noise` is how often it errs on one question under one number of passages, whatever the need."""

    answers: dict[str, str]
    types: dict[str, str]
    needs: dict[str, int]
    dull: float
    bright: float
    noise: float
    salt: int
    deterministic = True

    def need(self, query: str) -> int | None:
        """Passages that this question takes; 0 for a bright one, None for a dull one."""
        lot = drawn(self.salt, query)
        if lot < self.dull:
            return None
        return 0 if lot < self.dull + self.bright else self.needs[self.types[query]]

    def __call__(self, query: str, context: Context) -> str:
        need, given = self.need(query), len(context.passages)
        right = need is not None and given >= need
        if drawn(self.salt, query, given) < self.noise:
            right = not right
        return self.answers[query] if right else "It depends."


def needing(
    folder: Path,
    labels: str,
    comparison: int,
    bridge: int,
    dull: float = 0.05,
    bright: float = 0.05,
    noise: float = 0.0,
    salt: int = 0,
) -> Needing:
    """The reader of a pipeline file; `labels` are hotpotqa500's questions as they are."""
    with (folder / labels).open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return Needing(
        {row["question"]: row["answers"][0] for row in rows},
        {row["question"]: row["type"] for row in rows},
        {"comparison": comparison, "bridge": bridge},
        dull,
        bright,
        noise,
        salt,
    )
