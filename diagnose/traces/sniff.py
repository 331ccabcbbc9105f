"""Which tool wrote a document, by the keys in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from diagnose.traces.frames import is_frame, rows_of
from diagnose.traces.from_phoenix_query import is_query_row
from diagnose.traces.from_plain_spans import is_plain_span
from diagnose.traces.from_promptfoo import rows_of_table
from diagnose.traces.from_zipkin import is_zipkin
from diagnose.traces.said import unwrapped

Format = Literal[
    "diagnose",
    "otlp",
    "otlp-span",
    "otlp-resource",
    "otlp-logs",
    "otlp-metrics",
    "console",
    "jaeger",
    "zipkin",
    "spans",
    "phoenix",
    "phoenix-row",
    "phoenix-query",
    "phoenix-header",
    "phoenix-annotation",
    "mlflow",
    "mlflow-span",
    "langfuse",
    "langfuse-observation",
    "langfuse-score",
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
    *("child_runs", "batches", "test_results", "rows", "examples", "paragraphs", "records", "items"),
)
WRAPPERS = ("trace", "results", "result", "data", "testRunData", "test_run_data")
"""Keys that a whole document may stand under."""
OBSERVATION_TYPES = frozenset(
    {
        *("span", "generation", "event", "retriever", "embedding", "agent", "tool", "chain"),
        *("guardrail", "evaluator"),
    }
)
OTLP_KEYS = frozenset({"resourceSpans", "resource_spans"})
LOG_KEYS = frozenset({"resourceLogs", "resource_logs"})
METRIC_KEYS = frozenset({"resourceMetrics", "resource_metrics"})
SCOPE_KEYS = frozenset({"scopeSpans", "scope_spans"})
QUESTION = frozenset({"question", "query", "user_input", "input", "user_query", "prompt", "query_text"})
COUNTS = frozenset({"input_tokens", "input_cost", "input_mime_type"})
OF_LANGFUSE = frozenset(
    {
        *("observations", "projectId", "project_id", "bookmarked", "observationCount", "traceTags"),
        *("sessionId", "session_id", "userId", "user_id"),
    }
)
"""Fields that its traces have beside an id, a name and a time."""


_BY_KEY: tuple[tuple[frozenset[str], Format], ...] = (
    (OTLP_KEYS, "otlp"),
    (SCOPE_KEYS, "otlp-resource"),
    (LOG_KEYS, "otlp-logs"),
    (METRIC_KEYS, "otlp-metrics"),
)


def format_of(document: Any) -> Format | None:
    """What a document is, None where nothing in it is known."""
    if not isinstance(document, Mapping):
        return None
    keys = document.keys()
    for known, format in _BY_KEY:
        if not keys.isdisjoint(known):
            return format
    if is_frame(document, _is_row):
        return "frame"
    for test in (_native, _span, _whole_trace, _evaluation, _holder):
        if (found := test(document)) is not None:
            return found
    if is_plain_span(document):
        return "spans"
    return "records" if _is_record(document) else None


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
        return "mlflow-span" if is_mlflow else "console"
    if "context.trace_id" in document or "context.span_id" in document:
        if isinstance(document.get("context.span_id"), Mapping):
            return "frame"
        return "phoenix-query" if is_query_row(document) else "phoenix-row"
    has_ids = ("traceId" in document and "spanId" in document) or (
        "trace_id" in document and "span_id" in document and "span_kind" not in document
    )
    if has_ids and ("startTimeUnixNano" in document or "start_time_unix_nano" in document):
        return "otlp-span"
    if has_ids and "body" in document and ("severity_number" in document or "severityNumber" in document):
        return "otlp-logs"
    if "traceID" in document and "spanID" in document:
        return "jaeger"
    return "zipkin" if is_zipkin(document) else _span_of_platform(document)


def _span_of_platform(document: Mapping[str, Any]) -> Format | None:
    """Spans, and judgements of spans, in the words of one tool."""
    if isinstance(kind := document.get("type"), str) and kind.lower() in OBSERVATION_TYPES:
        if "traceId" in document or "parentObservationId" in document:
            return "langfuse-observation"
        of_other = "parent_span_id" in document
        if (
            "trace_id" in document
            and not of_other
            and not {"start_time", "parent_observation_id"}.isdisjoint(document)
        ):
            return "langfuse-observation"
    if "run_type" in document or ("dotted_order" in document and "id" in document):
        return "langsmith"
    if "trace_id" in document and "project_id" in document and "spans" in document:
        return "phoenix-header"
    has_trace = "trace_id" in document or "traceId" in document
    if "annotator_kind" in document and (has_trace or "span_id" in document):
        return "phoenix-annotation"
    typed = "data_type" in document or "dataType" in document
    return "langfuse-score" if has_trace and typed and "name" in document else None


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
    if isinstance(trace, str) and (
        "spans" in document or "request" in document or trace.startswith('{"info"')
    ):
        return "mlflow"
    if isinstance(data, Mapping) and isinstance(data.get("spans"), list) and "info" not in document:
        return "mlflow"
    if isinstance(trace, Mapping) and "id" in trace:
        return "langfuse"
    if document.keys() >= {"id", "name", "timestamp"} and not OF_LANGFUSE.isdisjoint(document):
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
    if any(isinstance(document.get(key), str) and document[key].strip() for key in QUESTION):
        return None  # a row, whatever lists are in it
    if any(isinstance(document.get(key), list) for key in ENVELOPES):
        return "envelope"
    if any(_is_whole(document.get(key)) for key in WRAPPERS) or _is_table(document.get("table")):
        return "envelope"
    if isinstance(document.get("qas"), list) or _is_container_line(document):
        return "envelope"
    if isinstance(document.get("queries"), Mapping) and isinstance(document.get("relevant_docs"), Mapping):
        return "envelope"
    return None


def _is_container_line(document: Mapping[str, Any]) -> bool:
    """A line that a container printed, as Docker keeps it."""
    return "stream" in document and isinstance(document.get("log"), str)


def _is_whole(value: Any) -> bool:
    """Whether a value under another key is a document of its own."""
    return isinstance(value, Mapping) and format_of(value) in ("envelope", "otlp", "otlp-resource")


def _is_table(value: Any) -> bool:
    """promptfoo's table: a row for each test, an output for each prompt."""
    return isinstance(value, Mapping) and isinstance(value.get("body"), list) and "head" in value


def _is_row(value: Any) -> bool:
    """Whether a value is a row of a table that some reader knows."""
    if not isinstance(value, Mapping):
        return False
    return any(test(value) is not None for test in (_native, _span, _whole_trace, _evaluation)) or _is_record(
        value
    )


def _is_record(document: Mapping[str, Any]) -> bool:
    keys = document.keys()
    if not keys.isdisjoint(QUESTION) or keys >= {"request", "response"}:
        return True
    if isinstance(document.get("messages"), list):
        return True
    if any(key.startswith("input_") and key not in COUNTS for key in keys) and "example_id" in keys:
        return True
    is_example = "inputs" in keys and not keys.isdisjoint({"outputs", "reference_outputs", "expectations"})
    return is_example or any(key.startswith(("inputs.", "inputs/", "input.")) for key in keys)


def _judged(document: Mapping[str, Any]) -> list[Any]:
    """The questions of LlamaIndex' pairs of questions and passages (`EmbeddingQAFinetuneDataset`)."""
    corpus, relevant = document.get("corpus"), document["relevant_docs"]
    texts = corpus if isinstance(corpus, Mapping) else {}
    rows = []
    for name, question in document["queries"].items():
        ids = relevant.get(name)
        ids = ids if isinstance(ids, list) else []
        found = [texts[i] for i in ids if isinstance(i, str) and isinstance(texts.get(i), str)]
        row = {"query_id": name, "question": question, "gold_doc_ids": ids}
        rows.append({**row, "gold_passages": found} if len(found) == len(ids) else row)
    return rows


def held(document: Mapping[str, Any], format: Format) -> list[Any]:
    """The documents inside an envelope or a data frame written as one object."""
    if format == "envelope":
        for key in WRAPPERS:
            if _is_whole(document.get(key)):
                return [document[key]]
        if isinstance(document.get("relevant_docs"), Mapping):
            return _judged(document)
        if _is_container_line(document):
            said = unwrapped(document["log"].strip())
            return [said] if isinstance(said, Mapping | list) else []
        if isinstance(asked := document.get("qas"), list):  # SQuAD as it is published
            context = {"gold_passages": [document.get("context")]}
            return [{**context, **item} for item in asked if isinstance(item, Mapping)]
        lists = [items for key in ENVELOPES if isinstance(items := document.get(key), list)]
        if not lists and _is_table(document.get("table")):
            return rows_of_table(document["table"])
        return [item for items in lists for item in items]
    return rows_of(document, _is_row)
