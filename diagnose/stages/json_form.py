"""Whether a value fits a JSON Schema, as far as guards need one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from numbers import Real

from diagnose.errors import UsageError, quoted

DEEPEST = 64
"""Levels a schema may be nested."""
_SILENT = frozenset({"$schema", "$id", "title", "description", "default", "examples", "$comment", "format"})
_KNOWN = frozenset({
    "type", "enum", "const", "properties", "required", "additionalProperties", "items", "minItems",
    "maxItems", "minimum", "maximum", "minLength", "maxLength", "pattern", "anyOf",
})  # fmt: skip


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


_TYPES: dict[str, Callable[[object], bool]] = {
    "object": lambda v: isinstance(v, Mapping),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "number": _is_number,
    "integer": lambda v: _is_number(v) and (isinstance(v, int) or float(v).is_integer()),  # type: ignore[arg-type]
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
}


def check_form(schema: Mapping[str, object], where: str, depth: int = 0) -> None:
    """Raises UsageError where a schema says something that `misfit` does not look at."""
    if depth > DEEPEST:
        raise UsageError(f"{where}: expected a schema of at most {DEEPEST} levels")
    if unknown := sorted(set(schema) - _KNOWN - _SILENT):
        raise UsageError(f"{where} {quoted(unknown[0])}: not looked at; expected {', '.join(sorted(_KNOWN))}")
    kinds = schema.get("type", [])
    for kind in [kinds] if isinstance(kinds, str) else kinds if isinstance(kinds, list) else [kinds]:
        if kind not in _TYPES:
            raise UsageError(f"{where} type: expected {', '.join(_TYPES)}, found {quoted(kind)}")
    _check_values(schema, where)
    for name, inner in _inner(schema, where):
        if not isinstance(inner, Mapping):
            raise UsageError(f"{where} {name}: expected a table, found {quoted(inner)}")
        check_form(inner, f"{where} {name}", depth + 1)


def _check_values(schema: Mapping[str, object], where: str) -> None:
    for key in ("minItems", "maxItems", "minimum", "maximum", "minLength", "maxLength"):
        if key in schema and not _is_number(schema[key]):
            raise UsageError(f"{where} {key}: expected a number, found {quoted(schema[key])}")
    for key in ("required", "enum"):
        if key in schema and not isinstance(schema[key], list):
            raise UsageError(f"{where} {key}: expected a list, found {quoted(schema[key])}")
    if not isinstance(schema.get("additionalProperties", True), bool):
        raise UsageError(f"{where} additionalProperties: expected true or false")
    pattern = schema.get("pattern", "")
    try:
        re.compile(pattern)  # type: ignore[call-overload]
    except (re.error, TypeError) as exc:
        raise UsageError(f"{where} pattern: expected a pattern, found {quoted(pattern)}") from exc


def _inner(schema: Mapping[str, object], where: str) -> list[tuple[str, object]]:
    properties, options = schema.get("properties", {}), schema.get("anyOf", [])
    if not isinstance(properties, Mapping) or not isinstance(options, list):
        raise UsageError(f"{where}: expected a table in properties and a list in anyOf")
    inner = [(f"properties.{name}", value) for name, value in properties.items()]
    inner += [(f"anyOf[{n}]", value) for n, value in enumerate(options)]
    return inner + ([("items", schema["items"])] if "items" in schema else [])


def misfit(value: object, schema: Mapping[str, object], where: str = "$") -> str | None:
    """Where and how a value does not fit a schema that `check_form` passed; None where it fits.

    >>> misfit({"days": "30"}, {"properties": {"days": {"type": "integer"}}})
    '$.days: expected integer'
    """
    for check in (_of_type, _of_values, _of_size):
        if (reason := check(value, schema)) is not None:
            return f"{where}: {reason}"
    options = schema.get("anyOf")
    if isinstance(options, list) and all(misfit(value, option, where) for option in options):
        return f"{where}: fits none of anyOf"
    if isinstance(value, Mapping):
        return _in_object(value, schema, where)
    items = schema.get("items")
    if isinstance(value, list) and isinstance(items, Mapping):
        found = (misfit(item, items, f"{where}[{n}]") for n, item in enumerate(value))
        return next((reason for reason in found if reason), None)
    return None


def _of_type(value: object, schema: Mapping[str, object]) -> str | None:
    kinds = schema.get("type")
    wanted = [kinds] if isinstance(kinds, str) else kinds
    if not isinstance(wanted, list) or any(_TYPES[kind](value) for kind in wanted):
        return None
    return f"expected {' or '.join(wanted)}"


def _of_values(value: object, schema: Mapping[str, object]) -> str | None:
    options = schema.get("enum")
    if isinstance(options, list) and not any(_same(value, option) for option in options):
        return "expected one of enum"
    return "expected const" if "const" in schema and not _same(value, schema["const"]) else None


def _same(a: object, b: object) -> bool:
    # In Python True == 1, in JSON not.
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def _of_size(value: object, schema: Mapping[str, object]) -> str | None:
    sizes: list[tuple[str, str, object]] = []
    if isinstance(value, str):
        pattern = schema.get("pattern")
        if isinstance(pattern, str) and not re.search(pattern, value):
            return "expected another pattern"
        sizes = [("minLength", "maxLength", len(value))]
    elif isinstance(value, list):
        sizes = [("minItems", "maxItems", len(value))]
    elif _is_number(value):
        sizes = [("minimum", "maximum", value)]
    for least, most, size in sizes:
        if least in schema and size < schema[least]:  # type: ignore[operator]
            return f"under {least}"
        if most in schema and size > schema[most]:  # type: ignore[operator]
            return f"over {most}"
    return None


def _in_object(value: Mapping[object, object], schema: Mapping[str, object], where: str) -> str | None:
    properties, required = schema.get("properties", {}), schema.get("required", [])
    assert isinstance(properties, Mapping) and isinstance(required, list)
    if missing := [name for name in required if name not in value]:
        return f"{where}.{missing[0]}: missing"
    for name, inner in value.items():
        if name in properties:
            if (reason := misfit(inner, properties[name], f"{where}.{name}")) is not None:
                return reason
        elif schema.get("additionalProperties") is False:
            return f"{where}.{name}: not expected"
    return None
