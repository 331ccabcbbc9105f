"""A span's tokens, its money, and why its model stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from diagnose.traces.cited import as_number
from diagnose.traces.listed import Listed
from diagnose.traces.said import unwrapped

USAGE_KEYS = ("usage", "usage_metadata", "token_usage", "tokenUsage")
ASKED_KEYS = ("input_tokens", "prompt_tokens", "input", "promptTokens", "prompt")
ANSWERED_KEYS = ("output_tokens", "completion_tokens", "output", "completionTokens", "completion")


class Costs(NamedTuple):
    """Tokens and money, None where the span does not say."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost: float | None = None


NO_COSTS = Costs()
COSTED = frozenset({"prompt_tokens", "completion_tokens", "usage", "cost"})


def costs_of(listed: Listed, put_out: Any) -> Costs:
    """What a span cost, by its attributes, else by the usage in its output."""
    usage = unwrapped(listed.first("usage"))
    inside = usage if isinstance(usage, dict) else usage_in(put_out)
    asked = listed.first("prompt_tokens")
    answered = listed.first("completion_tokens")
    return Costs(
        count(asked if asked is not None else _first_of(inside, ASKED_KEYS)),
        count(answered if answered is not None else _first_of(inside, ANSWERED_KEYS)),
        _cost(listed),
    )


def usage_in(value: Any, depth: int = 0) -> Mapping[str, Any]:
    """The object with token counts in a model's output, {} where there is none."""
    if isinstance(value, list) and value:
        return usage_in(value[0], depth + 1)
    if not isinstance(value, dict) or depth > 4:
        return {}
    for key in USAGE_KEYS:
        if isinstance(found := value.get(key), dict):
            return found
    inner = (
        value.get(key)
        for key in ("meta", "_meta", "replies", "llm_output", "response_metadata", "generations")
    )
    return next((found for item in inner if (found := usage_in(item, depth + 1))), {})


def _first_of(item: Mapping[str, Any], keys: Sequence[str]) -> Any:
    return next((item[key] for key in keys if item.get(key) is not None), None)


def count(value: Any) -> int | None:
    """A number of tokens: whole and not negative."""
    number = as_number(value)
    return int(number) if number is not None and 0 <= number < 1e15 else None


def _cost(listed: Listed) -> float | None:
    value = unwrapped(listed.first("cost"))
    if isinstance(value, dict):
        value = value.get("total", value.get("total_cost"))
    number = as_number(value)
    return number if number is not None and number >= 0 else None


def finish_of(listed: Listed) -> str | None:
    """Why the model stopped."""
    value = unwrapped(listed.first("finish"))
    if isinstance(value, list | tuple):
        value = value[0] if value else None
    return value if isinstance(value, str) and value else None
