"""Checks the keys of a stage's table against the parameters of the factory they are for."""

from __future__ import annotations

import difflib
import inspect
import typing
from collections.abc import Callable, Iterable, Mapping

import msgspec

from diagnose.errors import UsageError, quoted
from diagnose.stages.passage import shown

Parameters = Mapping[str, inspect.Parameter]


def parameters_of(factory: Callable[..., object]) -> Parameters:
    """The parameters by name; none where a callable written in C does not tell."""
    try:
        return inspect.signature(factory).parameters
    except (TypeError, ValueError):
        return {}


def check_keys(
    table: Mapping[str, object], parameters: Parameters, closed: Iterable[str], where: str
) -> None:
    """Raises UsageError for a key that the factory has no parameter for, or that is one of the `closed`
    ones."""
    open_ended = not parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    taken = [p.name for p in parameters.values() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    allowed = [name for name in taken if name not in set(closed)]
    for key in table:
        if key not in allowed and (key in closed or not open_ended):
            raise UsageError(unknown(where, key, allowed, "key"))


def typed(table: Mapping[str, object], factory: Callable[..., object], where: str) -> dict[str, object]:
    """The values as the factory's annotations have them (`Annotated[int, Meta(ge=1)]`, `Literal`);
    UsageError says which is not."""
    hints = typing.get_type_hints(factory, include_extras=True)
    return {key: _value(value, hints[key], f"{where} {key}") for key, value in table.items()}


def with_defaults(
    table: Mapping[str, object], parameters: Parameters, without: Iterable[str]
) -> dict[str, object]:
    """The table and, for keys that it leaves out, the factory's own defaults where they are plain values."""
    defaults = {
        p.name: p.default
        for p in parameters.values()
        if isinstance(p.default, (str, int, float)) and p.name not in set(without)
    }
    return {**defaults, **table}


def unknown(where: str, name: str, allowed: Iterable[str], what: str) -> str:
    """The message for a name that is none of those allowed, with the likeliest of them."""
    allowed = list(allowed)
    near = difflib.get_close_matches(name, allowed, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"{where} {visible_key(name)}: no such {what}{hint}; expected {', '.join(allowed) or 'none'}"


def visible_key(name: str) -> str:
    """A key as TOML would have it: quoted unless it is a plain word."""
    return name if name.replace("-", "").replace("_", "").isalnum() and name.isascii() else quoted(name)


def _value(value: object, hint: object, where: str) -> object:
    if typing.get_origin(hint) is typing.Literal and value not in typing.get_args(hint):
        allowed = ", ".join(option or '""' for option in typing.get_args(hint))
        raise UsageError(f"{where}: expected one of {allowed}, found {shown(value)}")
    try:
        return msgspec.convert(value, typing.cast(type, hint))
    except msgspec.ValidationError as exc:
        expected = str(exc).partition(", got")[0].replace("`", "")
        raise UsageError(f"{where}: {expected[:1].lower()}{expected[1:]}, found {shown(value)}") from exc
