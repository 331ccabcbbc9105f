"""Spans as Jaeger's interface and its page write them: tags with types, references to parents, microseconds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from diagnose.traces.account import Account
from diagnose.traces.from_attributes import span_of
from diagnose.traces.heads import Event, Head
from diagnose.traces.moments import hex_id, parent_id
from diagnose.traces.span import Span

SOURCE = "jaeger"
NS_PER_US = 1000


def spans_of_jaeger(span: Mapping[str, Any], account: Account) -> Iterator[Span]:
    """One span of a trace that Jaeger lists."""
    attributes = _pairs(span.get("tags"))
    start = microseconds(span.get("startTime"))
    head = Head(
        trace_id=hex_id(span.get("traceID")),
        span_id=hex_id(span.get("spanID")),
        parent_id=_parent(span),
        name=str(span.get("operationName") or ""),
        start_ns=start * NS_PER_US,
        end_ns=(start + microseconds(span.get("duration"))) * NS_PER_US if start else 0,
        error=str(attributes.get("otel.status_description") or "error") if attributes.get("error") else None,
        source=SOURCE,
    )
    logs = span.get("logs")
    events = [
        _pairs(log.get("fields")) for log in (logs if isinstance(logs, list) else ()) if isinstance(log, dict)
    ]
    yield span_of(head, attributes, account, [Event(str(e.pop("event", "")), e) for e in events])


def _parent(span: Mapping[str, Any]) -> str | None:
    references = span.get("references")
    for reference in references if isinstance(references, list) else ():
        if isinstance(reference, dict) and reference.get("refType") == "CHILD_OF":
            return parent_id(reference.get("spanID"))
    return parent_id(span.get("parentSpanID") or "")


def _pairs(tags: Any) -> dict[str, Any]:
    return {
        str(tag.get("key")): tag.get("value")
        for tag in (tags if isinstance(tags, list) else ())
        if isinstance(tag, dict)
    }


def microseconds(value: Any) -> int:
    """A time or a duration that can be one, else 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**53 else 0
