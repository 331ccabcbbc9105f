"""Which tool wrote a document, by the keys in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Format = Literal[
    "diagnose",
    "otlp",
    "otlp-span",
    "console",
    "phoenix",
    "phoenix-row",
    "phoenix-header",
    "phoenix-annotation",
    "mlflow",
    "langfuse",
    "langfuse-observation",
    "langsmith",
    "ragas",
    "ragchecker",
    "deepeval",
    "deepeval-trace",
    "promptfoo",
    "records",
    "frame",
    "envelope",
]
"""What a document is; `envelope` and `frame` hold documents themselves."""

TOOLS = (
    *("auto", "diagnose", "otlp", "phoenix", "mlflow", "langfuse", "langsmith"),
    *("ragas", "ragchecker", "deepeval", "promptfoo", "records"),
)
"""What `--format` takes: the tool; which of its exports it is shows in the keys."""

ENVELOPES = (
    *("data", "traces", "spans", "runs", "results", "observations", "testCases", "samples", "post", "patch"),
    "child_runs",
)
OBSERVATION_TYPES = frozenset(
    {
        *("span", "generation", "event", "retriever", "embedding", "agent", "tool", "chain"),
        *("guardrail", "evaluator"),
    }
)
OTLP_KEYS = frozenset({"resourceSpans", "resource_spans"})
SCOPE_KEYS = frozenset({"scopeSpans", "scope_spans"})
QUESTION = frozenset({"question", "query", "user_input", "input", "user_query", "prompt", "query_text"})


def format_of(document: Any) -> Format | None:
    """What a document is, None where nothing in it is known."""
    if not isinstance(document, Mapping):
        return None
    keys = document.keys()
    if not keys.isdisjoint(OTLP_KEYS):
        return "otlp"
    for test in (_frame, _native, _span, _whole_trace, _evaluation, _holder):
        if (found := test(document)) is not None:
            return found
    return "records" if _is_record(document) else None


def _frame(document: Mapping[str, Any]) -> Format | None:
    """A data frame written column by column (or row by row): objects with one set of keys throughout."""
    first: Any = None
    for value in document.values():
        if not isinstance(value, Mapping) or not value:
            return None
        if first is None:
            first = value.keys()
        elif value.keys() != first:
            return None
    return "frame" if len(document) > 1 else None


def _native(document: Mapping[str, Any]) -> Format | None:
    schema = document.get("schema")
    if isinstance(schema, str) and schema.startswith("diagnose."):
        return "diagnose"
    if "trace_id" in document and isinstance(document.get("query"), Mapping):
        return "diagnose"
    return "diagnose" if "trace_id" in document and isinstance(document.get("steps"), list) else None


def _span(document: Mapping[str, Any]) -> Format | None:
    """Documents that are one span each."""
    context = document.get("context")
    if isinstance(context, Mapping) and "trace_id" in context and "span_id" in context:
        if "span_kind" in document:
            return "phoenix"
        attributes = document.get("attributes")
        is_mlflow = isinstance(attributes, Mapping) and any(
            k.startswith("mlflow.") for k in list(attributes)[:5]
        )
        return None if is_mlflow else "console"
    if "context.trace_id" in document or "context.span_id" in document:
        return "phoenix-row" if not isinstance(document.get("context.span_id"), Mapping) else "frame"
    has_ids = ("traceId" in document and "spanId" in document) or (
        "trace_id" in document and "span_id" in document and "span_kind" not in document
    )
    if has_ids and ("startTimeUnixNano" in document or "start_time_unix_nano" in document):
        return "otlp-span"
    if isinstance(kind := document.get("type"), str) and kind.lower() in OBSERVATION_TYPES:
        if "traceId" in document or "parentObservationId" in document:
            return "langfuse-observation"
        if "trace_id" in document and ("start_time" in document or "parent_observation_id" in document):
            return "langfuse-observation"
    if "run_type" in document or ("dotted_order" in document and "id" in document):
        return "langsmith"
    if "trace_id" in document and "project_id" in document and "spans" in document:
        return "phoenix-header"
    if "annotator_kind" in document and ("span_id" in document or "trace_id" in document):
        return "phoenix-annotation"
    return None


def _whole_trace(document: Mapping[str, Any]) -> Format | None:
    """Documents that are one trace with its spans."""
    info, data, trace = document.get("info"), document.get("data"), document.get("trace")
    if isinstance(info, Mapping) and ("trace_id" in info or "request_id" in info):
        return "mlflow"
    if isinstance(trace, Mapping) and ("trace_info" in trace or "info" in trace or "spans" in trace):
        return "mlflow"
    if "trace_location" in document or ("trace_info" in document and "spans" in document):
        return "mlflow"
    if (
        "trace_id" in document
        and "spans" in document
        and ("trace_metadata" in document or "request" in document)
    ):
        return "mlflow"
    if isinstance(trace, str) and ("spans" in document or "request" in document):
        return "mlflow"
    if isinstance(data, Mapping) and isinstance(data.get("spans"), list) and "info" not in document:
        return "mlflow"
    if isinstance(trace, Mapping) and "id" in trace:
        return "langfuse"
    if (
        "id" in document
        and ("observations" in document or "projectId" in document)
        and "timestamp" in document
    ):
        return "langfuse"
    return "deepeval-trace" if "baseSpans" in document or "retrieverSpans" in document else None


def _evaluation(document: Mapping[str, Any]) -> Format | None:
    """Documents of evaluation tools, one question each."""
    if "user_input" in document:
        return "ragas"
    if "gt_answer" in document and "query" in document:
        return "ragchecker"
    if "actual_output" in document or "actualOutput" in document:
        return "deepeval"
    if isinstance(document.get("vars"), Mapping) and ("response" in document or "success" in document):
        return "promptfoo"
    is_old_ragas = "question" in document and "contexts" in document and "answer" in document
    return "ragas" if is_old_ragas else None


def _holder(document: Mapping[str, Any]) -> Format | None:
    if document.keys() >= {"columns", "data"} and isinstance(document["columns"], list):
        return "frame"
    if any(isinstance(document.get(key), list) for key in ENVELOPES):
        return "envelope"
    results = document.get("results")
    if isinstance(results, Mapping) and isinstance(results.get("results"), list):
        return "envelope"
    return None


def _is_record(document: Mapping[str, Any]) -> bool:
    return not document.keys().isdisjoint(QUESTION)


def held(document: Mapping[str, Any], format: Format) -> list[Any]:
    """The documents inside an envelope or a data frame written as one object."""
    if format == "envelope":
        results = document.get("results")
        if isinstance(results, Mapping):
            return list(results.get("results") or ())
        return [item for key in ENVELOPES if isinstance(items := document.get(key), list) for item in items]
    if "columns" in document and isinstance(document.get("data"), list):
        names = document["columns"]
        return [dict(zip(names, row, strict=False)) for row in document["data"] if isinstance(row, list)]
    columns = list(document)
    first = document[columns[0]]
    if columns and "context.span_id" not in columns and all(c.isdigit() for c in columns):
        return [document[column] for column in columns]  # one object per row
    sound = [column for column in columns if isinstance(document[column], Mapping)]
    rows = first if isinstance(first, Mapping) else {}
    return [{column: document[column].get(row) for column in sound} for row in rows]
