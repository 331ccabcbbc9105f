"""What replays of one trace gave (`diagnose.replay/1`), for review: the log beside the replay."""

from __future__ import annotations

from diagnose.core.artifact import Frozen, Output, Query
from diagnose.core.stage import Role
from diagnose.core.trace import Gold, Step

REPLAY_SCHEMA = "diagnose.replay/1"


class Ran(Frozen, frozen=True, omit_defaults=False):
    """One stage in one replay: what it gave, whether that was repaired, and whether the evidence was
    in it (None where that cannot be told)."""

    role: Role
    output: Output
    repaired: bool = False
    evidence: bool | None = None


class Replay(Frozen, frozen=True, omit_defaults=False):
    """One replay under one coalition (`""` for nothing repaired). `score` is 0 to 1; `failure` says why there
    is none."""

    coalition: str
    ran: tuple[Ran, ...]
    answer: str | None
    score: float | None
    failure: str | None = None


class Case(Frozen, frozen=True, omit_defaults=False):
    """One failing trace laid open: the log's steps, the replay with nothing changed, and one replay for
    each minimal repair (the first of them is the one that `show` explains)."""

    trace_id: str
    query: Query
    gold: Gold | None
    tags: dict[str, str]
    logged: tuple[Step, ...]
    logged_evidence: dict[Role, bool | None]
    logged_score: float | None
    replays: tuple[Replay, ...]
