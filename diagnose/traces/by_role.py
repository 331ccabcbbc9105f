"""Steps as they stand in files, where a step's `role` decides what its `output` holds."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

import msgspec

from diagnose.core.artifact import Frozen, Output
from diagnose.core.replay import Ran
from diagnose.core.stage import OUTPUT_TYPES, ROLES, Role
from diagnose.core.trace import Step, Usage


class StepLine(Frozen, frozen=True, kw_only=True):
    """A step in a file; each role has a subclass with its own type of `output`, told apart by `role`."""

    output: Output
    name: str | None = None
    elapsed_s: float | None = None
    usage: Usage | None = None
    error: str | None = None


class RanLine(Frozen, frozen=True, kw_only=True):
    """A stage in a replay in a file, likewise."""

    output: Output
    repaired: bool = False
    evidence: bool | None = None


def _per_role(base: type[msgspec.Struct]) -> tuple[type[msgspec.Struct], ...]:
    return tuple(
        msgspec.defstruct(
            f"{role.title()}{base.__name__}",
            [("output", OUTPUT_TYPES[role])],
            bases=(base,),
            tag_field="role",
            tag=role,
            frozen=True,
            kw_only=True,
        )
        for role in ROLES
    )


_STEP_LINES = _per_role(StepLine)
_RAN_LINES = _per_role(RanLine)
_ROLE_OF: dict[type, Role] = {
    kind: role for kinds in (_STEP_LINES, _RAN_LINES) for kind, role in zip(kinds, ROLES, strict=True)
}

# `Any`, since the type checker knows these unions by their base alone.
AnyStepLine: Any = reduce(or_, _STEP_LINES)
AnyRanLine: Any = reduce(or_, _RAN_LINES)


def role_of(line: StepLine | RanLine) -> Role:
    """The role that the line's type stands for."""
    return _ROLE_OF[type(line)]


def to_step(line: StepLine) -> Step:
    """The step as the rest of the program knows it."""
    return Step(_ROLE_OF[type(line)], line.output, line.name, line.elapsed_s, line.usage, line.error)


def to_ran(line: RanLine) -> Ran:
    """The replayed stage as the rest of the program knows it."""
    return Ran(_ROLE_OF[type(line)], line.output, line.repaired, line.evidence)


def line_type(base: type[msgspec.Struct], **types: Any) -> Any:
    """`base` with the types of these fields replaced: what a decoder is made for."""
    default_of = {part.name: part.default for part in msgspec.structs.fields(base)}
    fields = [
        (name, kind) if default_of[name] is msgspec.NODEFAULT else (name, kind, default_of[name])
        for name, kind in types.items()
    ]
    return msgspec.defstruct(base.__name__, fields, bases=(base,), frozen=True, kw_only=True)
