"""Spans as Zipkin's interface and its clients write them: plain tags of text, microseconds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from diagnose.traces.account import Account
from diagnose.traces.from_attributes import span_of
from diagnose.traces.from_jaeger import NS_PER_US, microseconds
from diagnose.traces.heads import Head
from diagnose.traces.moments import hex_id, parent_id
from diagnose.traces.span import Span

SOURCE = "zipkin"


def is_zipkin(document: Mapping[str, Any]) -> bool:
    """Whether a document is one of its spans."""
    own = "localEndpoint" in document or (
        "duration" in document and isinstance(document.get("tags"), Mapping)
    )
    return "traceId" in document and "id" in document and own and "type" not in document


def spans_of_zipkin(span: Mapping[str, Any], account: Account) -> Iterator[Span]:
    """One span."""
    tags = span.get("tags")
    attributes = dict(tags) if isinstance(tags, Mapping) else {}
    start = microseconds(span.get("timestamp"))
    head = Head(
        trace_id=hex_id(span.get("traceId")),
        span_id=hex_id(span.get("id")),
        parent_id=parent_id(span.get("parentId") or ""),
        name=str(span.get("name") or ""),
        start_ns=start * NS_PER_US,
        end_ns=(start + microseconds(span.get("duration"))) * NS_PER_US if start else 0,
        error=str(attributes["error"] or "error") if "error" in attributes else None,
        source=SOURCE,
    )
    yield span_of(head, attributes, account)
