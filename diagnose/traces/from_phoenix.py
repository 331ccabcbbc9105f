"""Spans as Phoenix and OpenTelemetry's console exporter write them: plain attributes, ISO times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from diagnose.traces.account import Account
from diagnose.traces.from_attributes import span_of
from diagnose.traces.from_otlp import events_of
from diagnose.traces.heads import Head
from diagnose.traces.judged import Judgement
from diagnose.traces.moments import as_ns, hex_id, parent_id
from diagnose.traces.rows import plain_cell
from diagnose.traces.span import Span

SOURCE = "phoenix"
COLUMN = "attributes."


def spans_of_phoenix(document: Mapping[str, Any], account: Account) -> Iterator[Span]:
    """A span of the REST interface or of `Client.spans.get_spans`."""
    context = _object(document.get("context"))
    attributes = _object(plain_cell(document.get("attributes")))
    kind = document.get("span_kind")
    yield span_of(
        _head(document, context, SOURCE),
        attributes,
        account,
        events_of(document.get("events")),
        kind if isinstance(kind, str) else None,
    )


def spans_of_console(document: Mapping[str, Any], account: Account) -> Iterator[Span]:
    """A span that OpenTelemetry's ConsoleSpanExporter printed."""
    context = _object(document.get("context"))
    yield span_of(
        _head(document, context, "otlp"),
        _object(document.get("attributes")),
        account,
        events_of(document.get("events")),
    )


def spans_of_frame_row(row: Mapping[str, Any], account: Account) -> Iterator[Span]:
    """A row of `get_spans_dataframe`, from JSON, CSV or Parquet."""
    attributes = {
        name[len(COLUMN) :]: plain_cell(value)
        for name, value in row.items()
        if name.startswith(COLUMN) and value is not None and value != ""
    }
    attributes.update(_object(plain_cell(row.get("attributes"))))
    context = {"trace_id": row.get("context.trace_id"), "span_id": row.get("context.span_id")}
    kind = row.get("span_kind")
    events = plain_cell(row.get("events"))
    yield span_of(
        _head(row, context, SOURCE),
        attributes,
        account,
        events_of(events) if isinstance(events, list) else (),
        kind if isinstance(kind, str) else None,
    )


def judgement_of(annotation: Mapping[str, Any]) -> tuple[str, Judgement]:
    """An annotation, and the id of the span (else the trace) it is about."""
    result = _object(annotation.get("result")) or annotation
    about = hex_id(annotation.get("span_id") or annotation.get("trace_id"))
    return about, Judgement(str(annotation.get("name") or ""), result.get("score"), result.get("label"))


def _head(span: Mapping[str, Any], context: Mapping[str, Any], source: str) -> Head:
    status = span.get("status")
    code = span.get("status_code", status.get("status_code") if isinstance(status, Mapping) else None)
    message = span.get("status_message") or (
        status.get("description") if isinstance(status, Mapping) else None
    )
    return Head(
        trace_id=hex_id(context.get("trace_id")),
        span_id=hex_id(context.get("span_id")),
        parent_id=parent_id(span.get("parent_id")) if span.get("parent_id") else None,
        name=str(span.get("name") or ""),
        start_ns=as_ns(span.get("start_time")),
        end_ns=as_ns(span.get("end_time")),
        error=(str(message) if message else "error") if code == "ERROR" else None,
        source=source,
    )


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
