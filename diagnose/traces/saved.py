"""What later steps of the line saved: games, blames and replays, read back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from diagnose.core.artifact import Frozen, Query
from diagnose.core.blame import BLAME_SCHEMA, Blame
from diagnose.core.coalition import SEPARATOR, key, keys
from diagnose.core.game import GAME_SCHEMA, MAX_ROLES, Game, Runs
from diagnose.core.replay import REPLAY_SCHEMA, Case, Replay
from diagnose.core.stage import Role, in_order
from diagnose.core.trace import Gold
from diagnose.errors import quoted
from diagnose.traces.by_role import (
    AnyRanLine,
    AnyStepLine,
    RanLine,
    StepLine,
    line_type,
    to_ran,
    to_step,
)
from diagnose.traces.decode import LineDecoder
from diagnose.traces.limits import DEFAULT_LIMITS, Limits
from diagnose.traces.lines import Finding, Problem, read_lines

T = TypeVar("T")
V = TypeVar("V")
NAMED_AT_MOST = 8
"""Coalitions that a message lists before it says how many more there are."""


class GameLine(Frozen, frozen=True, kw_only=True):
    """A game as it stands on a line; written by hand, its roles and coalitions may be in any order."""

    trace_id: str
    roles: tuple[Role, ...]
    worth: dict[str, float]
    runs: Runs = Runs()


class ReplayLine(Frozen, frozen=True, kw_only=True):
    """A replay as it stands in a case."""

    coalition: str
    ran: tuple[RanLine, ...]
    answer: str | None
    score: float | None
    failure: str | None = None


class CaseLine(Frozen, frozen=True, kw_only=True):
    """A case as it stands on a line."""

    trace_id: str
    query: Query
    gold: Gold | None
    tags: dict[str, str]
    logged: tuple[StepLine, ...]
    logged_evidence: dict[Role, bool | None]
    logged_score: float | None
    replays: tuple[ReplayLine, ...]


def read_games(path: Path | str, *, limits: Limits = DEFAULT_LIMITS) -> Iterator[Game | Problem]:
    """The games of a file (`diagnose.game/1`), in order.

    Tables written by hand may name roles and coalitions in any order (`model+retriever`); they come out
    in pipeline order. A line with a hole, a foreign coalition, a repeated trace or any other fault comes
    out as Problems. Raises BadInput, on the first `next`, for a file that cannot be read as lines at all.
    """
    return _read(path, limits, LineDecoder(GameLine, GAME_SCHEMA), _to_game, lambda game: game.trace_id)


def read_blames(path: Path | str, *, limits: Limits = DEFAULT_LIMITS) -> Iterator[Blame | Problem]:
    """The blames of a file (`diagnose.blame/1`), in order; errors as `read_games`."""
    decoder = LineDecoder(Blame, BLAME_SCHEMA)
    return _read(path, limits, decoder, lambda line: line, lambda blame: blame.trace_id)


def read_cases(path: Path | str, *, limits: Limits = DEFAULT_LIMITS) -> Iterator[Case | Problem]:
    """The cases of a file (`diagnose.replay/1`), in order; errors as `read_games`."""
    return _read(path, limits, _case_decoder(), _to_case, lambda case: case.trace_id)


@cache
def _case_decoder() -> LineDecoder[CaseLine]:
    replay: Any = line_type(ReplayLine, ran=tuple[AnyRanLine, ...])
    kind: type[CaseLine] = line_type(CaseLine, logged=tuple[AnyStepLine, ...], replays=tuple[replay, ...])
    return LineDecoder(kind, REPLAY_SCHEMA)


def _read(
    path: Path | str,
    limits: Limits,
    decoder: LineDecoder[T],
    build: Callable[[T], V | list[Finding]],
    trace_id: Callable[[V], str],
) -> Iterator[V | Problem]:
    line_of: dict[str, int] = {}
    for line in read_lines(path, limits):
        if isinstance(line, Problem):
            yield line
            continue
        decoded = decoder.decode(line)
        value = decoded if isinstance(decoded, list) else build(decoded)
        if isinstance(value, list):
            yield from map(line.problem, value)
        elif line_of.setdefault(name := trace_id(value), line.number) != line.number:
            expected = f"an id of its own (line {line_of[name]} has it already)"
            yield line.problem(Finding("trace_id", expected, quoted(name)))
        else:
            yield value


def _to_game(line: GameLine) -> Game | list[Finding]:
    roles = in_order(line.roles)
    if not 1 <= len(roles) <= MAX_ROLES or len(set(roles)) != len(roles):
        return [Finding("roles", f"1 to {MAX_ROLES} different roles", quoted(", ".join(roles)))]
    worth: dict[str, float] = {}
    wrong: list[Finding] = []
    for name, value in line.worth.items():
        coalition = _coalition(name, roles)
        if coalition is None:
            expected = f"a coalition ({', '.join(roles)} joined by {SEPARATOR})"
            wrong.append(Finding("worth", expected, quoted(name)))
        elif coalition in worth:
            wrong.append(Finding("worth", "each coalition once", f"{quoted(name)} again"))
        else:
            worth[coalition] = value
    wrong += _holes(roles, worth)
    return wrong or Game(line.trace_id, roles, worth, line.runs)


def _coalition(name: str, roles: tuple[Role, ...]) -> str | None:
    """The coalition's name in pipeline order, or None where it is no coalition of the roles."""
    parts = [part.strip() for part in name.split(SEPARATOR)] if name.strip() else []
    mask = sum(1 << i for i, role in enumerate(roles) if role in parts)
    return key(roles, mask) if len(parts) == mask.bit_count() else None


def _holes(roles: tuple[Role, ...], worth: dict[str, float]) -> list[Finding]:
    missing = [name for name in keys(roles) if name not in worth]
    if not missing:
        return []
    listed = ", ".join(map(quoted, missing[:NAMED_AT_MOST]))
    more = f" and {len(missing) - NAMED_AT_MOST} more" if len(missing) > NAMED_AT_MOST else ""
    return [Finding("worth", f"all {1 << len(roles)} coalitions", f"none of {listed}{more}")]


def _to_case(line: CaseLine) -> Case:
    replays = (
        Replay(r.coalition, tuple(map(to_ran, r.ran)), r.answer, r.score, r.failure) for r in line.replays
    )
    return Case(
        trace_id=line.trace_id,
        query=line.query,
        gold=line.gold,
        tags=line.tags,
        logged=tuple(map(to_step, line.logged)),
        logged_evidence=line.logged_evidence,
        logged_score=line.logged_score,
        replays=tuple(replays),
    )
