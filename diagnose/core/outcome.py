"""How one trace of a log did, right or wrong, without its texts (`diagnose.outcome/1`)."""

from __future__ import annotations

from diagnose.core.artifact import Frozen

OUTCOME_SCHEMA = "diagnose.outcome/1"


class TraceOutcome(Frozen, frozen=True):
    """The outcome of one trace; a report folder has one for every trace, passing ones too.

    `query` and `label` are digests (16 hex digits of a SHA-256) of the question and of what it is judged by,
    `query` "" where the question is not known. `score` is 0 to 1, None where nothing could be scored;
    `again` is the mean score of replays with nothing changed, for a failure that was replayed. `elapsed_s`,
    `tokens` and `cost` add up over the logged steps, None where the log has none.
    """

    trace_id: str
    query: str
    label: str | None = None
    score: float | None = None
    passed: bool | None = None
    again: float | None = None
    tags: dict[str, str] = {}
    elapsed_s: float | None = None
    tokens: int | None = None
    cost: float | None = None
