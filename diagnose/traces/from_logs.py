"""OpenTelemetry log records that hold what a model was asked and said: GenAI instrumentations that keep content
out of spans put it there, and a span of the same id holds the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from diagnose.traces.account import Account
from diagnose.traces.any_value import any_value
from diagnose.traces.attributes import ANSWER_EVENTS, DETAILS_EVENT, EVALUATION_EVENT, PROMPT_EVENTS
from diagnose.traces.from_attributes import span_of
from diagnose.traces.from_otlp import attributes_of
from diagnose.traces.heads import Event, Head
from diagnose.traces.moments import hex_id
from diagnose.traces.span import Span

OF_LOG = "log record"
"""The label of a span that is a log record: part of the span with its id."""
READ = frozenset({*PROMPT_EVENTS, *ANSWER_EVENTS, DETAILS_EVENT, EVALUATION_EVENT})


def spans_of_logs(document: Mapping[str, Any], account: Account) -> Iterator[Span]:
    """What the log records of a LogsData object (or a lone record) add to the spans they belong to."""
    for record in _records(document):
        attributes = attributes_of(record.get("attributes"))
        body = record.get("body")
        body = any_value(body) if isinstance(body, dict) and _is_typed(body) else body
        name = str(record.get("eventName") or record.get("event_name") or attributes.get("event.name") or "")
        if name not in READ:
            account.note("log records that hold no message of a model: passed over")
            continue
        yield _span(
            record, name, {**attributes, **(body if isinstance(body, dict) else {"content": body})}, account
        )


def _span(record: Mapping[str, Any], name: str, said: Mapping[str, Any], account: Account) -> Span:
    head = Head(
        trace_id=hex_id(record.get("traceId", record.get("trace_id"))),
        span_id=hex_id(record.get("spanId", record.get("span_id"))),
    )
    attributes = {"gen_ai.operation.name": "chat"} | (dict(said) if name == DETAILS_EVENT else {})
    events = [] if name == DETAILS_EVENT else [Event(name, said)]
    return msgspec.structs.replace(span_of(head, attributes, account, events), label=OF_LOG, tags={})


def _records(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if "body" in document:
        yield document
        return
    for resource in _objects(document, ("resourceLogs", "resource_logs")):
        for scope in _objects(resource, ("scopeLogs", "scope_logs")):
            yield from _objects(scope, ("logRecords", "log_records"))


def _objects(parent: Mapping[str, Any], names: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    for name in names:
        if isinstance(items := parent.get(name), list):
            yield from (item for item in items if isinstance(item, dict))


def _is_typed(body: Mapping[str, Any]) -> bool:
    return len(body) == 1 and next(iter(body)).endswith(("Value", "_value"))


def together(records: Sequence[Span]) -> Span:
    """The records of one span as one part of it: what was asked in their order, what was said last."""
    prompt = tuple(turn for record in records for turn in record.prompt)
    text = next((record.text for record in reversed(records) if record.text), None)
    finish = next((record.finish_reason for record in reversed(records) if record.finish_reason), None)
    labelled = next((record.labelled for record in records if record.labelled), None)
    return msgspec.structs.replace(
        records[0], prompt=prompt, text=text, finish_reason=finish, labelled=labelled, label=""
    )
