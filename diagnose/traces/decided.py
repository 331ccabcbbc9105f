"""What a router chose and a guard decided, in the spans of those who make them.

Routers have no kind of their own in any convention: LlamaIndex's selectors, Haystack's routers and LangChain's router
chains are known by their class and by what they put out. Guards: OpenInference's GUARDRAIL and others of that kind,
Guardrails AI's validators, NeMo Guardrails' rails.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diagnose.traces.attributes import HAYSTACK_TYPE
from diagnose.traces.span import Kind

VALIDATOR = "validator_name"
"""Guardrails AI's instrumentation: a validator's span has this, and its outcome as its output."""
RAIL, STOPPED = "rail.type", "rail.stop"
"""NeMo Guardrails: which rail it is, and whether it stopped the answer."""
ACCEPTED = (
    "accept",
    "accepted",
    "passed",
    "pass",
    "valid",
    "is_valid",
    "allowed",
    "safe",
    "is_safe",
    "approved",
)
BLOCKED = ("blocked", "flagged", "rejected", "triggered", "tripwire_triggered")
YES = frozenset({"yes", "true", "pass", "passed", "safe", "accept", "accepted", "allowed", "grounded"})
NO = frozenset({"no", "false", "fail", "failed", "unsafe", "reject", "rejected", "blocked", "flagged"})
OUTCOMES = ("outcome", "result", "status", "verdict", "decision", "label", "value")
LONGEST_ROUTE = 80
"""Characters of a choice's description that may stand for its name."""


def deciding(kind: Kind, name: str, flat: Mapping[str, Any], put_out: Any) -> Kind:
    """The kind of a span whose attributes leave it open: a validator or an output rail is a verifier, what chose a
    route is a router."""
    if kind not in ("chain", "unknown", "agent", "tool"):
        return kind
    if VALIDATOR in flat or flat.get(RAIL) == "output":
        return "verifier"
    return "router" if route_in(name, flat, None, put_out) is not None else kind


def route_in(name: str, flat: Mapping[str, Any], given_in: Any, put_out: Any) -> str | None:
    """The route that a span chose, by name; None where it chose none, or several."""
    if not isinstance(put_out, dict):
        return None
    component = flat.get(HAYSTACK_TYPE)
    owner, _, method = name.rpartition(".")
    made = component if isinstance(component, str) else owner or method
    if made.endswith("Selector") and isinstance(selections := put_out.get("selections"), list):
        return _selected(selections, given_in)
    if made.endswith("RouterChain"):
        destination = put_out.get("destination")
        return destination if isinstance(destination, str) and destination else None
    if made.endswith("Router"):
        taken = [str(key) for key, value in put_out.items() if value not in (None, "", [], {})]
        return taken[0] if len(taken) == 1 else None
    return None


def _selected(selections: list[Any], given_in: Any) -> str | None:
    if len(selections) != 1 or not isinstance(selections[0], dict):
        return None
    index = selections[0].get("index")
    if not isinstance(index, int) or isinstance(index, bool):
        return None
    choices = given_in.get("choices") if isinstance(given_in, dict) else None
    choice = choices[index] if isinstance(choices, list) and 0 <= index < len(choices) else None
    for key in ("name", "description"):
        named = choice.get(key) if isinstance(choice, dict) else None
        if isinstance(named, str) and 0 < len(named) <= LONGEST_ROUTE:
            return named
    return str(index)


def accepted(flat: Mapping[str, Any], put_out: Any, text: str | None, error: str | None) -> bool | None:
    """Whether a guard let the draft pass; None where its span does not say."""
    if isinstance(stopped := flat.get(STOPPED), bool):
        return not stopped
    if isinstance(put_out, bool):
        return put_out
    if isinstance(put_out, dict):
        for keys, meaning in ((ACCEPTED, True), (BLOCKED, False)):
            for key in keys:
                if isinstance(value := put_out.get(key), bool):
                    return value is meaning
        words = [value for key in OUTCOMES if isinstance(value := put_out.get(key), str)]
        said = [vote for word in words if (vote := _voted(word)) is not None]
        if said:
            return said[0]
    if (vote := _voted(text or "")) is not None:
        return vote
    # Guardrails AI raises where a draft fails and nothing else was asked for.
    return False if error is not None and "validation failed" in error.lower() else None


def _voted(word: str) -> bool | None:
    word = word.strip().lower().rstrip(".")
    return True if word in YES else False if word in NO else None


def said_instead(text: str | None) -> str | None:
    """What a guard says in the draft's place: its text, unless that is the verdict itself."""
    return None if text is None or _voted(text) is not None else text
