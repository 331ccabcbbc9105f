"""The part of JSON Schema (2020-12) that msgspec writes, checked to the letter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

_ANNOTATIONS = {"$schema", "$defs", "title", "description", "default", "discriminator"}
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}


def problems(schema: dict[str, Any], value: Any) -> list[str]:
    """Where and why a value does not fit. ValueError for a keyword that is not known here."""
    return list(_problems(schema, value, schema, "$"))


def _problems(schema: dict[str, Any], value: Any, root: dict[str, Any], at: str) -> Iterator[str]:
    for keyword, rule in schema.items():
        if keyword in _ANNOTATIONS:
            continue
        if keyword not in _CHECKS:
            raise ValueError(f"unknown keyword {keyword!r}")
        yield from _CHECKS[keyword](_Asked(rule, schema, value, root, at))


class _Asked(NamedTuple):
    rule: Any
    schema: dict[str, Any]
    value: Any
    root: dict[str, Any]
    at: str

    def inner(self, schema: dict[str, Any], value: Any, at: str = "") -> Iterator[str]:
        return _problems(schema, value, self.root, self.at + at)

    def when(self, wrong: bool, what: str) -> Iterator[str]:
        return iter([f"{self.at}: {what}"] if wrong else [])


def _reference(ask: _Asked) -> Iterator[str]:
    return ask.inner(ask.root["$defs"][ask.rule.removeprefix("#/$defs/")], ask.value)


def _type(ask: _Asked) -> Iterator[str]:
    fits = isinstance(ask.value, _TYPES[ask.rule]) and (
        ask.rule == "boolean" or not isinstance(ask.value, bool)
    )
    return ask.when(not fits, f"no {ask.rule}")


def _number(ask: _Asked) -> bool:
    return isinstance(ask.value, (int, float)) and not isinstance(ask.value, bool)


def _any_of(ask: _Asked) -> Iterator[str]:
    return ask.when(all(any(ask.inner(option, ask.value)) for option in ask.rule), "none of the alternatives")


def _required(ask: _Asked) -> Iterator[str]:
    missing = [name for name in ask.rule if isinstance(ask.value, dict) and name not in ask.value]
    return ask.when(bool(missing), f"no {', '.join(missing)}")


def _items(ask: _Asked) -> Iterator[str]:
    for i, item in enumerate(ask.value if isinstance(ask.value, list) else ()):
        yield from ask.inner(ask.rule, item, f"[{i}]")


def _properties(ask: _Asked) -> Iterator[str]:
    for name, item in ask.value.items() if isinstance(ask.value, dict) else ():
        if name in ask.rule:
            yield from ask.inner(ask.rule[name], item, f".{name}")


def _further(ask: _Asked) -> Iterator[str]:
    further = set(ask.value) - set(ask.schema.get("properties", {})) if isinstance(ask.value, dict) else ()
    for name in sorted(further):
        if isinstance(ask.rule, bool):
            yield from ask.when(not ask.rule, f"unexpected {name}")
        else:
            yield from ask.inner(ask.rule, ask.value[name], f".{name}")


_CHECKS: dict[str, Callable[[_Asked], Iterator[str]]] = {
    "$ref": _reference,
    "type": _type,
    "enum": lambda ask: ask.when(ask.value not in ask.rule, f"none of {ask.rule}"),
    "const": lambda ask: ask.when(ask.value != ask.rule, f"not {ask.rule}"),
    "minimum": lambda ask: ask.when(_number(ask) and ask.value < ask.rule, f"below {ask.rule}"),
    "maximum": lambda ask: ask.when(_number(ask) and ask.value > ask.rule, f"above {ask.rule}"),
    "exclusiveMinimum": lambda ask: ask.when(_number(ask) and ask.value <= ask.rule, f"not above {ask.rule}"),
    "anyOf": _any_of,
    "required": _required,
    "items": _items,
    "properties": _properties,
    "additionalProperties": _further,
}
