"""MLflow traces: `Trace.to_json`, `search_traces` (list and data frame), the REST interface, and MLflow 2's form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from diagnose.traces.account import Account
from diagnose.traces.cited import is_number
from diagnose.traces.from_attributes import span_of
from diagnose.traces.from_otlp import attributes_of, error_of, events_of
from diagnose.traces.heads import Head
from diagnose.traces.judged import Judgement, labelled_by
from diagnose.traces.moments import as_ns, hex_id, parent_id
from diagnose.traces.rows import plain_cell
from diagnose.traces.said import answer_in, query_in
from diagnose.traces.span import Span

SOURCE = "mlflow"
OWN_TAG = "mlflow."
MAX_TAG = 200


def spans_of_mlflow(document: Mapping[str, Any], account: Account) -> Iterator[Span]:
    """A whole trace: what MLflow says of it (question, answer, assessments, tags), then its spans."""
    if isinstance(whole := plain_cell(document.get("trace")), Mapping):
        document = {**document, **whole}
    info = _object(document.get("info") or document.get("trace_info") or document)
    data = _object(plain_cell(document.get("data")))
    spans = data.get("spans", plain_cell(document.get("spans")))
    trace_id = str(info.get("trace_id") or info.get("request_id") or "")
    yield _whole(document, info, trace_id, account)
    for span in spans if isinstance(spans, list) else ():
        if isinstance(span, Mapping):
            yield span_of_mlflow(span, trace_id, account)


def _whole(document: Mapping[str, Any], info: Mapping[str, Any], trace_id: str, account: Account) -> Span:
    metadata = _object(plain_cell(info.get("trace_metadata") or info.get("request_metadata")))
    asked = info.get("request", document.get("request", metadata.get("mlflow.traceInputs")))
    said = info.get("response", document.get("response", metadata.get("mlflow.traceOutputs")))
    assessments = plain_cell(info.get("assessments") or document.get("assessments"))
    judgements = [
        _judgement(item)
        for item in (assessments if isinstance(assessments, list) else ())
        if isinstance(item, Mapping)
    ]
    return Span(
        trace_id,
        "",
        "trace",
        "trace",
        query=query_in(plain_cell(asked if asked is not None else info.get("request_preview"))),
        text=answer_in(plain_cell(said if said is not None else info.get("response_preview"))),
        labelled=labelled_by(judgements, account) if judgements else None,
        tags=_tags(info),
        source=SOURCE,
        tool=SOURCE,
    )


def _judgement(item: Mapping[str, Any]) -> Judgement:
    name = str(item.get("assessment_name", item.get("name", "")))
    expectation, feedback = _object(item.get("expectation")), _object(item.get("feedback"))
    expected = expectation.get("value", _object(expectation.get("serialized_value")).get("value"))
    value = feedback.get("value")
    number = value if is_number(value) or isinstance(value, bool) else None
    return Judgement(name, number, value if number is None else None, expected)


def _tags(info: Mapping[str, Any]) -> dict[str, str]:
    tags = plain_cell(info.get("tags"))
    if isinstance(tags, list):
        tags = {str(item.get("key")): item.get("value") for item in tags if isinstance(item, Mapping)}
    found = {
        str(name): str(value)
        for name, value in _object(tags).items()
        if not str(name).startswith(OWN_TAG) and value is not None and len(str(value)) <= MAX_TAG
    }
    metadata = _object(plain_cell(info.get("trace_metadata")))
    for key, tag in (("mlflow.trace.session", "session"), ("mlflow.trace.user", "user")):
        if isinstance(value := metadata.get(key), str):
            found[tag] = value
    return found


def span_of_mlflow(span: Mapping[str, Any], trace_id: str, account: Account) -> Span:
    """One span; a lone one (the artifact `traces.json` lists them) says itself which trace it is of."""
    context = _object(span.get("context"))
    attributes = {key: unwrapped_once(value) for key, value in attributes_of(span.get("attributes")).items()}
    status = span.get("status", {"code": span.get("status_code"), "message": span.get("status_message")})
    if isinstance(status, str):
        status = {"code": status}
    made = span_of(
        Head(
            trace_id=trace_id
            or str(attributes.get("mlflow.traceRequestId") or "")
            or hex_id(span.get("trace_id") or context.get("trace_id")),
            span_id=hex_id(span.get("span_id") or context.get("span_id")),
            parent_id=parent_id(span.get("parent_span_id") or span.get("parent_id") or ""),
            name=str(span.get("name") or ""),
            start_ns=as_ns(
                span.get("start_time_unix_nano") or span.get("start_time_ns") or span.get("start_time")
            ),
            end_ns=as_ns(span.get("end_time_unix_nano") or span.get("end_time_ns") or span.get("end_time")),
            error=error_of(status),
            source=SOURCE,
        ),
        attributes,
        account,
        events_of(span.get("events")),
    )
    return msgspec.structs.replace(made, tool=SOURCE) if not made.tool else made


def unwrapped_once(value: Any) -> Any:
    """MLflow keeps every attribute as JSON text; other tools' attributes come through it as they are."""
    if isinstance(value, str) and value:
        try:
            return msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            return value
    return value


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
