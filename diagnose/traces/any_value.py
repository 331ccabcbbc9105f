"""OTLP's typed values as plain ones."""

from __future__ import annotations

from typing import Any

MAX_DEPTH = 32
VECTOR = ".embedding.vector"
"""The longest of all attributes, and nothing that a trace holds."""


def any_value(value: Any, depth: int = 0) -> Any:
    """A plain value out of `{"stringValue": …}`, `{"int_value": "5"}` and the rest of them."""
    if not isinstance(value, dict):
        return value
    found = next(((kind, inner) for kind, inner in value.items() if inner is not None), None)
    if found is None:
        return None
    kind, inner = found
    letter = kind[:2]
    if letter == "in":
        return whole_number(inner)
    if letter == "ar" and depth < MAX_DEPTH:
        values = inner.get("values") if isinstance(inner, dict) else inner
        return [any_value(item, depth + 1) for item in values or ()] if isinstance(values, list) else []
    if letter == "kv" and depth < MAX_DEPTH:
        values = inner.get("values") if isinstance(inner, dict) else inner
        pairs = [item for item in values or () if isinstance(item, dict)] if isinstance(values, list) else []
        return {str(item.get("key")): any_value(item.get("value"), depth + 1) for item in pairs}
    return inner


def whole_number(value: Any) -> Any:
    """An integer, which OTLP writes as text; what is none stays as it is."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return value
