"""Stages of a few lines, and a pipeline of them that counts its calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from diagnose.core.artifact import Answer, Context, Decision, Output, Passage, Passages, Query
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import Given, Role, Stage
from diagnose.stages.failure import RunFailed

QUERY = Query("red or blue?")
Run = Callable[[Given, int | None], Output]


def retrieve(given: Given, seed: int | None) -> Output:
    """One passage for each word of the query."""
    return Passages(tuple(Passage(w, f"about {w}") for w in given.query.split()))


def pack(given: Given, seed: int | None) -> Output:
    """All passages."""
    return Context(" / ".join(p.text for p in given.passages), given.passages)


def read(given: Given, seed: int | None) -> Output:
    """The context in capitals, with the seed where there is one."""
    text = given.context.text.upper() if given.context else "nothing"
    return Answer(text if seed is None else f"{text} {seed}")


def verify(given: Given, seed: int | None) -> Output:
    """Accepts what is in red."""
    return Decision("RED" in (given.answer.text if given.answer else ""))


def broken(given: Given, seed: int | None) -> Output:
    """Fails."""
    raise RunFailed("model", "broken", "raised", "raised ValueError: no")


class Counting:
    """Counts the calls of each role."""

    def __init__(self) -> None:
        self.calls: Counter[Role] = Counter()

    def stage(
        self, role: Role, run: Run, deterministic: bool = True, seeded: bool = False, fingerprint: str = "1"
    ) -> Stage:
        """A stage that is counted."""

        def counted(given: Given, seed: int | None) -> Output:
            self.calls[role] += 1
            return run(given, seed)

        return Stage(role, f"made-{role}", counted, fingerprint, deterministic=deterministic, seeded=seeded)


def pipeline(*stages: Stage) -> Pipeline:
    """A pipeline of these stages."""
    return Pipeline("made", stages)
