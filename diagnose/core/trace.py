"""One logged query with what each stage gave and cost (`diagnose.trace/1`)."""

from __future__ import annotations

from typing import Literal

from diagnose.core.artifact import Frozen, Output, Query
from diagnose.core.stage import Role

TRACE_SCHEMA = "diagnose.trace/1"


class GoldPassage(Frozen, frozen=True):
    """A passage that holds evidence: by id, by text, or by the sentences that matter."""

    id: str | None = None
    text: str | None = None
    sentences: tuple[str, ...] = ()


class Gold(Frozen, frozen=True):
    """The label of a trace.

    `match` says whether all gold passages are needed or any one of them; `answerable` is False for
    a question whose right answer is to abstain; `query` is the reference rewrite of the question.
    """

    answers: tuple[str, ...] = ()
    passages: tuple[GoldPassage, ...] = ()
    match: Literal["all", "any"] = "all"
    answerable: bool = True
    query: str | None = None


class Usage(Frozen, frozen=True):
    """Tokens (and money, in the log's currency) one step used, where the log has them."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost: float | None = None


class Step(Frozen, frozen=True):
    """What one stage gave in one query. `elapsed_s` is seconds of wall time."""

    role: Role
    output: Output
    name: str | None = None
    elapsed_s: float | None = None
    usage: Usage | None = None
    error: str | None = None


class Outcome(Frozen, frozen=True):
    """How the answer was judged where it was logged: `score` 0 to 1, `feedback` -1, 0 or 1."""

    score: float | None = None
    feedback: float | None = None


class Provenance(Frozen, frozen=True):
    """Where the trace came from."""

    source: str | None = None
    id: str | None = None


class Trace(Frozen, frozen=True):
    """One logged query. `steps` holds at most one step per role, in pipeline order.

    A trace without steps is a query to record.
    """

    trace_id: str
    query: Query
    steps: tuple[Step, ...] = ()
    gold: Gold | None = None
    outcome: Outcome | None = None
    tags: dict[str, str] = {}
    provenance: Provenance | None = None

    def output(self, role: Role) -> Output | None:
        """What the stage of this role gave, or None where it is not in the log."""
        return next((step.output for step in self.steps if step.role == role), None)
