"""OTLP spans as JSON: the specification's names and the snake-case ones, from exporters, collectors and servers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from diagnose.traces.account import Account
from diagnose.traces.any_value import VECTOR, any_value
from diagnose.traces.from_attributes import span_of, span_of_listed
from diagnose.traces.heads import Event, Head
from diagnose.traces.layouts import split_values
from diagnose.traces.moments import as_ns, hex_id, parent_id
from diagnose.traces.otlp_line import LineSpan, OtlpLine, later, named_values
from diagnose.traces.said import answer_in, query_in, unwrapped
from diagnose.traces.span import Span

SOURCE = "otlp"
PROJECT = ("openinference.project.name", "service.name")
ENVIRONMENT = ("deployment.environment.name", "deployment.environment")
UNNAMED = ("unknown_service", "")


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
    head = Head(
        trace_id=hex_id(get("traceId", get("trace_id"))),
        span_id=hex_id(get("spanId", get("span_id"))),
        parent_id=parent_id(get("parentSpanId", get("parent_span_id"))),
        name=str(get("name") or ""),
        start_ns=as_ns(get("startTimeUnixNano", get("start_time_unix_nano"))),
        end_ns=as_ns(get("endTimeUnixNano", get("end_time_unix_nano"))),
        error=error_of(get("status")),
        source=source,
    )
    attributes = attributes_of(get("attributes"))
    made = span_of(head, attributes, account, events_of(get("events")))
    yield from _with_trace(made, head, attributes, tags)


def spans_of_line(line: OtlpLine, account: Account) -> Iterator[Span]:
    """The spans of a line that was decoded by type."""
    for resource in line.resource_spans:
        tags = _raw_tags(bytes(resource.resource))
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield from _spans_of(span, account, tags)


def _spans_of(span: LineSpan, account: Account, tags: Mapping[str, str]) -> tuple[Span, ...]:
    head = Head(
        hex_id(span.trace_id),
        hex_id(span.span_id),
        parent_id(span.parent_span_id) if span.parent_span_id else None,
        span.name,
        as_ns(span.start_time_unix_nano),
        as_ns(span.end_time_unix_nano),
        error_of(span.status) if span.status else None,
        SOURCE,
    )
    keys, values = named_values(span.attributes)
    if span.events:
        attributes = dict(zip(keys, values, strict=True))
        made = span_of(head, attributes, account, events_of(span.events))
    else:
        listed = split_values(keys, values, account)
        attributes, made = listed.flat, span_of_listed(head, listed, account)
    return _with_trace(made, head, attributes, tags)


def _with_trace(
    made: Span, head: Head, attributes: Mapping[str, Any], tags: Mapping[str, str] | None
) -> tuple[Span, ...]:
    """The span with what its process is tagged with, and what its attributes say of the trace as a whole."""
    if head.parent_id is None and tags:
        made = msgspec.structs.replace(made, tags={**tags, **made.tags})
    if made.tool == "langfuse" and (whole := _whole(attributes, head)):
        return made, whole
    return (made,)


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
        if type(value) is dict and (text := value.get("stringValue")) is not None:
            found[key] = text
        elif not key.endswith(VECTOR):
            found[key] = any_value(value)
    return found


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


@lru_cache(maxsize=64)
def _raw_tags(resource: bytes) -> Mapping[str, str]:
    """Cached, since the lines of a file repeat a resource or two."""
    try:
        return _resource_tags(later(resource)) if resource else {}
    except (msgspec.DecodeError, RecursionError):
        return {}


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
