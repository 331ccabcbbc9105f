"""What kind of span this is, by the attributes of every convention."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from diagnose.traces import attributes as names
from diagnose.traces.heads import Event
from diagnose.traces.span import Kind


def kind_of(flat: Mapping[str, Any], events: Iterable[Event] = ()) -> tuple[Kind, str, str]:
    """The kind, the tool's own word for it, and the convention it is from (for the hint on hidden texts)."""
    fallback: tuple[Kind, str, str] | None = None
    for attribute, kinds in names.KINDS:
        value = flat.get(attribute)
        if not isinstance(value, str):
            continue
        word = value.strip('"')
        kind = kinds.get(word.lower(), "unknown")
        if kind in names.SPECIFIC:
            return kind, word, _tool(attribute, flat)
        if fallback is None or (fallback[0] == "unknown" and kind != "unknown"):
            fallback = (kind, word, _tool(attribute, flat))
    component = flat.get(names.HAYSTACK_TYPE)
    if isinstance(component, str):
        kind = next((k for end, k in names.HAYSTACK_ENDINGS if component.endswith(end)), "chain")
        return kind, component, "haystack"
    if any(flat.get(attribute) for attribute in names.DATABASE):
        found = any(event.name == names.DATABASE_EVENT for event in events)
        return ("retriever" if found else "tool"), "database", "openllmetry"
    if fallback is not None:
        return fallback
    if "haystack.pipeline.input_data" in flat or "haystack.pipeline.metadata" in flat:
        return "chain", "haystack.pipeline", "haystack"
    return "unknown", "", ""


_TOOL_OF = {
    attribute: {"gen_ai": "genai", "llm": "openllmetry", "traceloop": "openllmetry"}.get(start, start)
    for attribute, start in ((attribute, attribute.partition(".")[0]) for attribute, _ in names.KINDS)
}


def _tool(attribute: str, flat: Mapping[str, Any]) -> str:
    """The convention whose switch hides texts: that of the instrumentation, not of what a server made of it."""
    if "traceloop.span.kind" in flat or "traceloop.workflow.name" in flat:
        return "openllmetry"
    return "genai" if "gen_ai.operation.name" in flat else _TOOL_OF[attribute]
