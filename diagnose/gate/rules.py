"""The rules of a gate: what may change by how much, and how surely a change must be seen."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Literal, cast

from diagnose.core.stage import ROLES, Role
from diagnose.errors import UsageError, quoted
from diagnose.gate.pairs import ALLOWED

ALPHA = 0.0125
"""Chance that the score rule fails an unchanged system: the whole of it, not divided among the rules."""
ALPHA_OTHERS = 0.005
"""Chance that any of the other rules does, shared among them (Holm)."""
MIN_EFFECT = 0.01
"""A smaller drop of the mean score never fails, however sure it is."""
MARGIN = 0.05
"""A drop of the mean score that must not go through unseen: what cannot be told from it is inconclusive."""
BLAME_RISE = 0.01
"""The rise of a stage's blame, in points of mean score, that is let through where no rule names the stage."""

OnInconclusive = Literal["pass", "fail", "inconclusive"]
ON_INCONCLUSIVE: tuple[OnInconclusive, ...] = ("pass", "fail", "inconclusive")


@dataclass(frozen=True)
class Rules:
    """The rules of a gate; None or an empty table switches a rule off.

    `blame` and `fix_alone` bound the rise of a stage's blame and of what its repair alone would gain
    (points of mean score, 0 to 1), `blame_any` that of stages without a bound of their own. `fidelity` are
    floors of the part of replays that gave what the log says, `undecided` the ceiling of the part of
    failures without a verdict. `cost`, `latency` and `tokens` bound the rise per query as a part (0.1 for a
    tenth). `cohorts` are floors of mean scores by `tag=value`. `new_failures` is how many traces that
    passed may fail; with `new_only` this rule alone decides.
    """

    alpha: float = ALPHA
    alpha_others: float = ALPHA_OTHERS
    min_effect: float = MIN_EFFECT
    margin: float = MARGIN
    blame_any: float | None = BLAME_RISE
    blame: Mapping[Role, float] = field(default_factory=dict)
    fix_alone: Mapping[Role, float] = field(default_factory=dict)
    fidelity_any: float | None = None
    fidelity: Mapping[Role, float] = field(default_factory=dict)
    undecided: float | None = None
    new_failures: int | None = None
    new_only: bool = False
    cost: float | None = None
    latency: float | None = None
    tokens: float | None = None
    cohorts: Mapping[tuple[str, str], float] = field(default_factory=dict)
    on_inconclusive: OnInconclusive = "inconclusive"
    allow: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.margin <= self.min_effect:
            raise UsageError(
                f"margin: expected more than min_effect ({self.min_effect:g}), found {self.margin:g}: a drop "
                "that never fails cannot be one that must be seen"
            )


def rules_of(table: Mapping[str, object], where: str, start: Rules | None = None) -> Rules:
    """The rules of a `[tool.diagnose.gate]` table, over those of `start`. UsageError, with the key, for
    what is wrong."""
    found: dict[str, object] = {}
    for key, value in table.items():
        if key not in _READERS:
            near = get_close_matches(key, _READERS, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; expected one of {', '.join(_READERS)}"
            raise UsageError(f"{where} {quoted(key)}: no such rule{hint}")
        found |= _READERS[key](value, f"{where} {key}")
    try:
        return replace(start or Rules(), **found)  # type: ignore[arg-type]  # checked by the readers
    except UsageError as error:
        raise UsageError(f"{where} {error}") from None


def rule_of(text: str) -> dict[str, object]:
    """The table that a `KEY=VALUE` flag stands for; keys may be dotted, values `0.02`, `2pp` or `2%`.

    >>> rule_of("blame.ranker=2pp")
    {'blame': {'ranker': '2pp'}}
    """
    key, equals, value = text.rpartition("=")
    if not equals or not key.strip():
        raise UsageError(f"--rule: expected KEY=VALUE (blame.ranker=2pp), found {quoted(text)}")
    parsed: object = {"true": True, "false": False}.get(value.strip(), value.strip())
    head, dot, rest = key.strip().partition(".")
    return {head: {rest: parsed}} if dot else {head: parsed}


def _number(value: object, where: str, low: float, high: float, expected: str) -> float:
    if isinstance(value, str):
        value = _parsed(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
        raise UsageError(f"{where}: expected {expected}, found {quoted(value)}")
    if not low <= value <= high:
        raise UsageError(f"{where}: expected {expected}, found {value:g}")
    return float(value)


def _parsed(text: str) -> object:
    number = text.removesuffix("pp").removesuffix("%").strip()
    try:
        value = float(number)
    except ValueError:
        return text
    return value / 100.0 if text.endswith(("pp", "%")) else value


Reader = Callable[[object, str], dict[str, object]]


def _part(name: str, low: float = 0.0, high: float = 1.0) -> Reader:
    def read(value: object, where: str) -> dict[str, object]:
        if value is False:
            return {name: None}
        return {name: _number(value, where, low, high, f"a number from {low:g} to {high:g}")}

    return read


def _rise(name: str) -> Reader:
    return lambda value, where: (
        {name: None}
        if value is False
        else {name: _number(value, where, 0.0, 1e6, "a part of 0 or more (0.1)")}
    )


def _level(name: str) -> Reader:
    return lambda value, where: {name: _number(value, where, 1e-6, 0.5, "an error rate from 0.000001 to 0.5")}


def _by_role(name: str) -> Reader:
    """A number for every stage, or a table with one for each."""

    def read(value: object, where: str) -> dict[str, object]:
        if value is False:
            return {f"{name}_any": None, name: {}}
        if not isinstance(value, Mapping):
            return {
                f"{name}_any": _number(value, where, 0.0, 1.0, "a number from 0 to 1, or a table of stages")
            }
        return {name: _roles(value, where)}

    return read


def _roles(value: object, where: str) -> dict[Role, float]:
    if not isinstance(value, Mapping):
        raise UsageError(f"{where}: expected a table of stages, found {quoted(value)}")
    for key in value:
        if key not in ROLES:
            raise UsageError(f"{where} {quoted(key)}: no such stage; there are {', '.join(ROLES)}")
    return {
        cast(Role, key): _number(v, f"{where}.{key}", 0.0, 1.0, "a number from 0 to 1")
        for key, v in value.items()
    }


def _cohorts(value: object, where: str) -> dict[str, object]:
    if not isinstance(value, Mapping):
        raise UsageError(f'{where}: expected a table ("tenant=acme" = 0.8), found {quoted(value)}')
    floors: dict[tuple[str, str], float] = {}
    for key, floor in value.items():
        tag, equals, name = str(key).partition("=")
        if not equals:
            raise UsageError(f"{where} {quoted(key)}: expected tag=value as the key")
        floors[tag.strip(), name.strip()] = _number(
            floor, f"{where} {quoted(key)}", 0.0, 1.0, "a number from 0 to 1"
        )
    return {"cohorts": floors}


def _new_failures(value: object, where: str) -> dict[str, object]:
    if value is False:
        return {"new_failures": None}
    number = _number(value, where, 0, 1e9, "a whole number of traces")
    if number != int(number):
        raise UsageError(f"{where}: expected a whole number of traces, found {number:g}")
    return {"new_failures": int(number)}


def _new_only(value: object, where: str) -> dict[str, object]:
    if not isinstance(value, bool):
        raise UsageError(f"{where}: expected true or false, found {quoted(value)}")
    return {"new_only": value}


def _on_inconclusive(value: object, where: str) -> dict[str, object]:
    if value not in ON_INCONCLUSIVE:
        raise UsageError(f"{where}: expected one of {', '.join(ON_INCONCLUSIVE)}, found {quoted(value)}")
    return {"on_inconclusive": value}


def _allow(value: object, where: str) -> dict[str, object]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(name in ALLOWED for name in names):
        raise UsageError(f"{where}: expected a list of {', '.join(ALLOWED)}, found {quoted(value)}")
    return {"allow": tuple(names)}


_READERS: Mapping[str, Reader] = {
    "alpha": _level("alpha"),
    "alpha_others": _level("alpha_others"),
    "min_effect": _part("min_effect"),
    "margin": _part("margin"),
    "blame": _by_role("blame"),
    "fix_alone": lambda value, where: {"fix_alone": _roles(value, where)},
    "fidelity": _by_role("fidelity"),
    "undecided": _part("undecided"),
    "new_failures": _new_failures,
    "new_only": _new_only,
    "cost": _rise("cost"),
    "latency": _rise("latency"),
    "tokens": _rise("tokens"),
    "cohorts": _cohorts,
    "on_inconclusive": _on_inconclusive,
    "allow": _allow,
}
