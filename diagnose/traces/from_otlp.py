"""OTLP spans as JSON: the specification's names and the snake-case ones, from exporters, collectors and servers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from diagnose.traces.account import Account
from diagnose.traces.from_attributes import Event, Head, span_of
from diagnose.traces.moments import as_ns, hex_id, parent_id
from diagnose.traces.said import answer_in, query_in, unwrapped
from diagnose.traces.span import Span

SOURCE = "otlp"
PROJECT = ("openinference.project.name", "service.name")
ENVIRONMENT = ("deployment.environment.name", "deployment.environment")
UNNAMED = ("unknown_service", "")
MAX_DEPTH = 32
VECTOR = ".embedding.vector"
"""The longest of all attributes, and nothing that a trace holds."""


def spans_of_otlp(document: Mapping[str, Any], account: Account) -> Iterator[Span]:
    """The spans of a TracesData object."""
    for resource in _objects(document, "resourceSpans", "resource_spans"):
        tags = _resource_tags(resource.get("resource"))
        for scope in _objects(
            resource,
            "scopeSpans",
            "scope_spans",
            "instrumentationLibrarySpans",
            "instrumentation_library_spans",
        ):
            for span in _objects(scope, "spans"):
                yield from spans_of_span(span, account, tags)


def spans_of_span(
    span: Mapping[str, Any], account: Account, tags: Mapping[str, str] | None = None, source: str = SOURCE
) -> Iterator[Span]:
    """One OTLP span, and what its attributes say of the trace as a whole (the Langfuse SDK puts it on the root)."""
    get = span.get
    attributes = attributes_of(get("attributes"))
    parent = get("parentSpanId", get("parent_span_id"))
    head = Head(
        trace_id=hex_id(get("traceId", get("trace_id"))),
        span_id=hex_id(get("spanId", get("span_id"))),
        parent_id=parent_id(parent),
        name=str(get("name") or ""),
        start_ns=as_ns(get("startTimeUnixNano", get("start_time_unix_nano"))),
        end_ns=as_ns(get("endTimeUnixNano", get("end_time_unix_nano"))),
        error=error_of(get("status")),
        source=source,
    )
    made = span_of(head, attributes, account, events_of(get("events")))
    if head.parent_id is None and tags:
        made = msgspec.structs.replace(made, tags={**tags, **made.tags})
    yield made
    if whole := _whole(attributes, head):
        yield whole


def _whole(attributes: Mapping[str, Any], head: Head) -> Span | None:
    asked, said = attributes.get("langfuse.trace.input"), attributes.get("langfuse.trace.output")
    if asked is None and said is None:
        return None
    return Span(
        head.trace_id,
        "",
        "trace",
        "trace",
        query=query_in(unwrapped(asked)),
        text=answer_in(unwrapped(said)),
        source=head.source,
    )


def attributes_of(attributes: Any) -> dict[str, Any]:
    """Attributes by name, whether they stand in a list of keys and values or are an object already."""
    if isinstance(attributes, dict):
        return dict(attributes)
    if not isinstance(attributes, list):
        return {}
    found: dict[str, Any] = {}
    for item in attributes:
        if not isinstance(item, dict) or not isinstance(key := item.get("key"), str):
            continue
        value = item.get("value")
        if isinstance(value, dict) and "stringValue" in value and len(value) == 1:
            found[key] = value["stringValue"]
        elif not key.endswith(VECTOR):
            found[key] = any_value(value)
    return found


def any_value(value: Any, depth: int = 0) -> Any:
    """A plain value out of `{"stringValue": …}`, `{"int_value": "5"}` and the rest of them."""
    if not isinstance(value, dict):
        return value
    for kind, inner in value.items():
        if inner is not None:
            break
    else:
        return None
    letter = kind[:2]
    if letter == "in":
        return _whole_number(inner)
    if letter == "ar" and depth < MAX_DEPTH:
        values = inner.get("values") if isinstance(inner, dict) else inner
        return [any_value(item, depth + 1) for item in values or ()] if isinstance(values, list) else []
    if letter == "kv" and depth < MAX_DEPTH:
        values = inner.get("values") if isinstance(inner, dict) else inner
        pairs = (
            [item for item in values or () if isinstance(item, dict)] if isinstance(values, list) else []
        )
        return {str(item.get("key")): any_value(item.get("value"), depth + 1) for item in pairs}
    return inner


def _whole_number(value: Any) -> Any:
    try:
        return int(value)
    except (TypeError, ValueError):
        return value


def events_of(events: Any) -> tuple[Event, ...]:
    """Span events of any of the formats."""
    if not isinstance(events, list):
        return ()
    return tuple(
        Event(str(event.get("name") or ""), attributes_of(event.get("attributes")))
        for event in events
        if isinstance(event, dict)
    )


def error_of(status: Any) -> str | None:
    """A status that is an error, as its message."""
    if not isinstance(status, dict):
        return None
    code = status.get("code", status.get("status_code"))
    if code in (2, "2") or (isinstance(code, str) and code.upper().endswith("ERROR")):
        message = status.get("message") or status.get("description")
        return str(message) if message else "error"
    return None


def _resource_tags(resource: Any) -> dict[str, str]:
    if not isinstance(resource, dict):
        return {}
    attributes = attributes_of(resource.get("attributes"))
    tags: dict[str, str] = {}
    for name, keys in (("project", PROJECT), ("environment", ENVIRONMENT)):
        value = next((attributes[key] for key in keys if attributes.get(key)), None)
        if isinstance(value, str) and not value.startswith(UNNAMED[:1]):
            tags[name] = value
    return tags


def _objects(parent: Mapping[str, Any], *names: str) -> Iterator[Mapping[str, Any]]:
    for name in names:
        items = parent.get(name)
        if isinstance(items, list):
            yield from (item for item in items if isinstance(item, dict))
