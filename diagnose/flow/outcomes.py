"""How every trace of a log did, failing and passing ones alike: what a gate compares."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from diagnose.core.artifact import Query
from diagnose.core.game import Game
from diagnose.core.outcome import TraceOutcome
from diagnose.core.trace import Gold, Step
from diagnose.flow.found import Found, Scored

DIGEST_DIGITS = 16


def outcomes_of(found: Found, pass_mark: float) -> tuple[TraceOutcome, ...]:
    """The outcome of each trace of a run, in its order; of a game table, that of each game.

    The score of a game is its worth with nothing repaired.
    """
    if not found.scored:
        return tuple(_of_game(game, pass_mark) for game in found.games)
    failing = {blame.trace_id for blame in found.blames}
    again = {game.trace_id: game.worth[""] for game in found.games if game.trace_id in failing}
    return tuple(outcome_of(item, pass_mark, again.get(item.trace.trace_id)) for item in found.scored)


def query_digest(query: Query) -> str:
    """16 hex digits that stand for a question: the SHA-256 of its text, and of its history where it has
    one."""
    text = query.text.encode("utf-8", "surrogatepass")
    if query.history:
        text += msgspec.json.encode([[_sound(t.role), _sound(t.content)] for t in query.history])
    return hashlib.sha256(text).hexdigest()[:DIGEST_DIGITS]


def label_digest(gold: Gold | None) -> str | None:
    """16 hex digits that stand for a label, or None where there is none."""
    if gold is None:
        return None
    body = repr(msgspec.to_builtins(gold)).encode("utf-8", "surrogatepass")
    return hashlib.sha256(body).hexdigest()[:DIGEST_DIGITS]


def _sound(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def outcome_of(item: Scored, pass_mark: float, again: float | None = None) -> TraceOutcome:
    """The outcome of one trace; `again` is the mean score of its replays with nothing changed, if any."""
    trace = item.trace
    elapsed_s, tokens, cost = _spent(trace.steps)
    return TraceOutcome(
        trace_id=trace.trace_id,
        query=query_digest(trace.query),
        label=label_digest(trace.gold),
        score=item.score,
        passed=None if item.score is None else item.score >= pass_mark,
        again=again,
        tags=dict(trace.tags),
        elapsed_s=elapsed_s,
        tokens=tokens,
        cost=cost,
    )


def _of_game(game: Game, pass_mark: float) -> TraceOutcome:
    score = min(1.0, max(0.0, game.worth[""]))
    return TraceOutcome(game.trace_id, "", score=score, passed=score >= pass_mark)


def _spent(steps: Sequence[Step]) -> tuple[float | None, int | None, float | None]:
    """Seconds, tokens and money of the steps together; None where no step says."""
    seconds, money = list[float](), list[float]()
    tokens = list[int]()
    for step in steps:
        if step.elapsed_s is not None:
            seconds.append(step.elapsed_s)
        if (used := step.usage) is not None:
            tokens += [n for n in (used.prompt_tokens, used.completion_tokens) if n is not None]
            if used.cost is not None:
                money.append(used.cost)
    return (
        round(sum(seconds), 6) if seconds else None,
        sum(tokens) if tokens else None,
        round(sum(money), 9) if money else None,
    )
