"""Other exports of the tools in `sample_logs`, built from their published schemas: what people download, list,
dump from a data frame or log beside spans."""

from __future__ import annotations

import base64
import copy
import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tests.traces import sample_logs as samples
from tests.traces.sample_logs import (
    ANSWER,
    ARNO,
    CONTEXT,
    FOUND,
    KEPT,
    PO,
    PROMPT,
    QUESTION,
    START_NS,
    TRACE_ID,
)

Row = dict[str, Any]
Files = dict[str, str]
"""The files of an export by name."""


def lines(rows: Iterable[Any]) -> str:
    """JSON lines."""
    return "".join(json.dumps(row) + "\n" for row in rows)


def table(rows: list[Row], shown: Callable[[Any], str] = json.dumps, separator: str = ",") -> str:
    """CSV whose lists and objects are `shown` as text."""
    out = io.StringIO()
    columns = list(dict.fromkeys(column for row in rows for column in row))
    writer = csv.DictWriter(out, columns, delimiter=separator)
    writer.writeheader()
    writer.writerows(
        {k: shown(v) if isinstance(v, list | dict) else v for k, v in row.items()} for row in rows
    )
    return out.getvalue()


def numpy_shown(value: Any) -> str:
    """A list as NumPy prints it, which is what a data frame read from Parquet writes into a CSV."""
    if not isinstance(value, list):
        return repr(value)
    return "[" + "\n ".join(map(repr, value)) + "]"


def texts_of(row: Row) -> Row:
    """A row whose lists and objects are JSON texts."""
    return {k: json.dumps(v) if isinstance(v, list | dict) else v for k, v in row.items()}


# ---- Langfuse


def langfuse_ui_rows() -> list[Row]:
    """The observations table of the page: the API's fields and some of the table's own."""
    more = {
        "traceName": "ask",
        "traceTags": ["rivers"],
        "latency": 0.5,
        "scores": {},
        "environment": "default",
    }
    return [{**row, **more, "usage": {"inputUsage": 64, "outputUsage": 3}} for row in samples.langfuse_rows()]


def langfuse_blob() -> list[Row]:
    """Rows of the blob export: snake case, JSON as text, times without a zone."""
    rows = []
    for row in samples.langfuse_rows(snake=True):
        times = {key: row[key].replace("T", " ")[:26] for key in ("start_time", "end_time")}
        rows.append(
            texts_of({**row, **times, "provided_model_name": row.pop("model", None), "trace_name": "ask"})
        )
    return rows


def langfuse_trace() -> Row:
    """A row of the traces table."""
    return {
        "id": TRACE_ID,
        "timestamp": "2026-01-01T00:00:00.000Z",
        "name": "ask",
        "userId": "u",
        "sessionId": "s1",
        "input": {"question": QUESTION},
        "output": {"answer": ANSWER},
        "tags": ["rivers"],
        "observationCount": 5,
        "scores": {"correctness": [0]},
    }


def langfuse_scores() -> list[Row]:
    """The blob export's scores."""
    score = {"id": "s1", "trace_id": TRACE_ID, "observation_id": None, "source": "API", "project_id": "p"}
    return [{**score, "name": "correctness", "value": 0, "string_value": None, "data_type": "NUMERIC"}]


def langfuse_download() -> Row:
    """The page's download, its scores beside the trace."""
    whole = samples.langfuse_ui()
    scores = whole["trace"].pop("scores")
    return {**whole, "scores": [*scores, {"name": "correctness", "value": 0, "dataType": "BOOLEAN"}]}


# ---- LangSmith


def langsmith_batches() -> list[Row]:
    """Bodies of several batches: a run is posted in one and patched in another."""
    runs = samples.langsmith()
    post = [{**run, "outputs": None, "end_time": None} for run in runs]
    keys = ("id", "trace_id", "parent_run_id", "dotted_order", "outputs", "end_time")
    patch = [{key: run[key] for key in keys} for run in runs]
    return [
        {"post": post[:3], "patch": []},
        {"post": post[3:], "patch": patch[:2]},
        {"post": [], "patch": patch[2:]},
    ]


def langsmith_wrapped() -> list[Row]:
    """Runs of decorated functions and of a wrapped OpenAI client: no framework's objects."""
    root, _, search, pack, model = samples.langsmith()
    documents = [{"page_content": t, "type": "Document", "metadata": {"id": n}} for n, t, _ in FOUND]
    messages = [{"role": "system", "content": "Be short."}, {"role": "user", "content": PROMPT}]
    said = {
        "choices": [{"message": {"role": "assistant", "content": ANSWER}}],
        "usage": {"prompt_tokens": 64},
    }
    kept = documents[1::-1]
    return [
        {**root, "inputs": {"question": QUESTION}, "outputs": {"answer": ANSWER}},
        {
            **search,
            "parent_run_id": "run-1",
            "inputs": {"query": QUESTION, "k": 3},
            "outputs": {"output": documents},
        },
        {
            **search,
            "id": "run-6",
            "run_type": "tool",
            "name": "rerank",
            "parent_run_id": "run-1",
            "start_time": pack["start_time"],
            "inputs": {"query": QUESTION, "documents": documents},
            "outputs": {"output": kept},
        },
        {**pack, "inputs": {"docs": kept}, "outputs": {"output": CONTEXT}},
        {**model, "inputs": {"messages": messages, "model": "small"}, "outputs": said},
    ]


# ---- MLflow


def mlflow_2() -> Row:
    """A trace of MLflow 2: `request_id`, hexadecimal ids in a context, `request` and `response` beside the spans."""

    def documents(passages: Iterable[tuple[str, str, float]]) -> list[Row]:
        return [{"page_content": t, "metadata": {"doc_uri": f"{n}.md"}, "id": n} for n, t, _ in passages]

    def one(n: int, name: str, kind: str, given: Any, put_out: Any) -> Row:
        values = {"spanType": kind, "spanInputs": given, "spanOutputs": put_out, "traceRequestId": "req"}
        return {
            "name": name,
            "context": {"span_id": f"0x{n:016x}", "trace_id": f"0x{TRACE_ID}"},
            "parent_id": f"0x{1:016x}" if n > 1 else None,
            "start_time": START_NS + n * 1_000_000,
            "end_time": START_NS + n * 1_000_000 + 500_000,
            "status_code": "OK",
            "status_message": "",
            "attributes": {f"mlflow.{key}": json.dumps(value) for key, value in values.items()},
            "events": [],
        }

    spans = [
        one(1, "ask", "CHAIN", {"question": QUESTION}, ANSWER),
        one(2, "search", "RETRIEVER", QUESTION, documents(FOUND)),
        one(3, "rerank", "RERANKER", {"query": QUESTION, "documents": documents(FOUND)}, documents(KEPT)),
        one(4, "pack", "UNKNOWN", {"docs": documents(KEPT)}, CONTEXT),
        one(5, "generate", "LLM", {"prompt": PROMPT}, ANSWER),
    ]
    metadata = {"mlflow.traceInputs": json.dumps({"question": QUESTION}), "mlflow.trace_schema.version": "2"}
    info = {
        "request_id": "req",
        "experiment_id": "0",
        "timestamp_ms": 1,
        "execution_time_ms": 2,
        "status": "OK",
        "request_metadata": metadata,
        "tags": {"mlflow.traceName": "ask"},
    }
    data = {"spans": spans, "request": json.dumps({"question": QUESTION}), "response": json.dumps(ANSWER)}
    return {"info": info, "data": data}


def mlflow_2_row() -> Row:
    """A row of MLflow 2's `search_traces`."""
    trace = mlflow_2()
    return {
        "request_id": "req",
        "trace": json.dumps(trace),
        "timestamp_ms": 1,
        "status": "OK",
        "request": trace["data"]["request"],
        "response": trace["data"]["response"],
        "request_metadata": trace["info"]["request_metadata"],
        "spans": trace["data"]["spans"],
        "tags": {},
    }


def mlflow_3_row() -> Row:
    """A row of MLflow 3's `search_traces`."""
    trace = samples.mlflow()
    info = trace["info"]
    return {
        "trace_id": info["trace_id"],
        "trace": json.dumps(trace),
        "client_request_id": None,
        "state": "OK",
        "request": {"question": QUESTION},
        "response": ANSWER,
        "trace_metadata": info["trace_metadata"],
        "tags": info["tags"],
        "spans": trace["data"]["spans"],
        "assessments": info["assessments"],
    }


def mlflow_rest() -> Row:
    """A trace of the REST interface: attributes as typed values."""
    trace = samples.mlflow()

    def typed(text: str) -> Any:
        value = json.loads(text)
        return samples.any_value(value if isinstance(value, str) else text, snake=True)

    spans = [
        {**span, "attributes": [{"key": k, "value": typed(v)} for k, v in span["attributes"].items()]}
        for span in trace["data"]["spans"]
    ]
    return {"trace_info": trace["info"], "spans": spans}


# ---- Phoenix


def phoenix_flat() -> list[Row]:
    """Rows whose attributes are flattened to the last level."""
    return [
        {
            **{k: v for k, v in row.items() if not k.startswith("attributes.")},
            **{f"attributes.{k}": v for k, v in span["attributes"].items()},
        }
        for row, span in zip(
            samples.phoenix_rows(samples.openinference()), samples.openinference(), strict=True
        )
    ]


def nested(attributes: Mapping[str, Any]) -> Any:
    """Attributes as objects within objects, numbered ones as lists."""
    tree: Row = {}
    for key, value in attributes.items():
        *path, last = key.split(".")
        at = tree
        for part in path:
            at = at.setdefault(part, {})
        at[last] = value
    return _lists(tree)


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {key: _lists(item) for key, item in value.items()}
    if inner and all(key.isdigit() for key in inner):
        return [inner[key] for key in sorted(inner, key=int)]
    return inner


def phoenix_nested(shown: Callable[[Any], Any] = lambda value: value) -> list[Row]:
    """Spans with one object of attributes each."""
    spans = samples.openinference()
    rows = samples.phoenix(spans)
    return [
        {**row, "attributes": shown(nested(span["attributes"]))}
        for row, span in zip(rows, spans, strict=True)
    ]


def phoenix_column(shown: Callable[[Any], str]) -> list[Row]:
    """Rows of a table with one column of attributes."""
    rows = phoenix_nested(shown)
    return [
        {
            **{k: v for k, v in row.items() if k not in ("context", "events")},
            **{f"context.{k}": v for k, v in row["context"].items()},
        }
        for row in rows
    ]


# ---- OpenTelemetry


def otlp_base64() -> Row:
    """OTLP in the specification's spelling with ids in base64, as protobuf's own JSON writes bytes."""
    document = copy.deepcopy(samples.otlp(samples.openinference()))
    for span in document["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        for key in ("traceId", "spanId", "parentSpanId"):
            span[key] = base64.b64encode(bytes.fromhex(span[key])).decode()
        span |= {"kind": "SPAN_KIND_INTERNAL", "status": {"code": "STATUS_CODE_OK"}}
    return document


def deep_value(value: Any) -> Row:
    """A value as OTLP types it, objects included."""
    if isinstance(value, dict):
        return {"kvlistValue": {"values": [{"key": k, "value": deep_value(v)} for k, v in value.items()]}}
    if isinstance(value, list):
        return {"arrayValue": {"values": [deep_value(item) for item in value]}}
    return samples.any_value(value)


def genai_structured() -> Row:
    """GenAI spans whose messages and documents are structures and no JSON texts."""
    document = samples.otlp(samples.genai())
    for span in document["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        for attribute in span["attributes"]:
            text = attribute["value"].get("stringValue", "")
            if text.startswith("["):
                attribute["value"] = deep_value(json.loads(text))
    return document


def genai_details() -> tuple[list[Row], Row]:
    """GenAI spans without content, and the content as it stands in the event with the operation's details."""
    spans = samples.genai()
    chat = spans[1]["attributes"]
    content = ("gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions")
    return spans, {name: chat.pop(name) for name in content}


def log_records(records: Iterable[tuple[str, Any, Mapping[str, Any]]], span: Row) -> Row:
    """Log records of a span: name, body, attributes."""
    found = [
        {
            "timeUnixNano": str(span["start_ns"]),
            "severityNumber": 9,
            "eventName": name,
            "body": deep_value(body) if body is not None else None,
            "attributes": [{"key": k, "value": deep_value(v)} for k, v in attributes.items()],
            "traceId": span["trace_id"],
            "spanId": span["span_id"],
        }
        for name, body, attributes in records
    ]
    return {"resourceLogs": [{"resource": {}, "scopeLogs": [{"scope": {}, "logRecords": found}]}]}


def genai_in_logs() -> Files:
    """The older events as log records, one a line, beside the spans."""
    spans = samples.genai_events()
    spans[1]["events"] = []
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": ANSWER}}
    records: list[tuple[str, Any, Mapping[str, Any]]] = [
        ("gen_ai.system.message", {"content": "Be short."}, {}),
        ("gen_ai.user.message", {"content": PROMPT}, {}),
        ("gen_ai.choice", choice, {}),
        ("app.started", "hello", {}),
    ]
    logs = "".join(json.dumps(log_records([record], spans[1])) + "\n" for record in records)
    return {"traces.jsonl": lines([samples.otlp(spans)]), "logs.jsonl": logs}


def genai_details_in_logs() -> Files:
    """The newer event as a log record in the same file."""
    spans, content = genai_details()
    structured = {name: json.loads(text) for name, text in content.items()}
    record = log_records([("gen_ai.client.inference.operation.details", None, structured)], spans[1])
    return {"log.jsonl": lines([samples.otlp(spans), record])}


def genai_details_in_span() -> Files:
    """The newer event on the span itself."""
    spans, content = genai_details()
    spans[1]["events"] = [{"name": "gen_ai.client.inference.operation.details", "attributes": content}]
    return {"log.json": json.dumps(samples.otlp(spans))}


def jaeger() -> Row:
    """A trace as Jaeger's interface lists it."""
    spans = [
        {
            "traceID": TRACE_ID,
            "spanID": span["span_id"],
            "operationName": span["name"],
            "references": [{"refType": "CHILD_OF", "traceID": TRACE_ID, "spanID": span["parent_id"]}]
            if span["parent_id"]
            else [],
            "startTime": span["start_ns"] // 1000,
            "duration": 500,
            "tags": [{"key": k, "type": "string", "value": v} for k, v in span["attributes"].items()],
            "logs": [],
            "processID": "p1",
        }
        for span in samples.openinference()
    ]
    return {"data": [{"traceID": TRACE_ID, "spans": spans, "processes": {"p1": {"serviceName": "rivers"}}}]}


# ---- evaluations


def deepeval_case() -> Row:
    """A test case in Python's spelling."""
    return {
        "input": QUESTION,
        "actual_output": ANSWER,
        "expected_output": "the Po",
        "retrieval_context": [ARNO, PO],
        "context": [PO],
    }


def deepeval_joined() -> Row:
    """A test case as `save_as` puts it into CSV and JSON lines: lists joined by bars."""
    return {**deepeval_case(), "retrieval_context": f"{ARNO}|{PO}", "context": PO, "tools_called": None}


def deepeval_results() -> Row:
    """What `evaluate` returns."""
    metrics = [{"name": "Correctness [GEval]", "score": 0.75, "threshold": 0.5, "success": True}]
    return {
        "test_results": [{"name": "case 1", "success": True, "metrics_data": metrics, **deepeval_case()}],
        "confident_link": None,
    }


def ragchecker_results() -> Row:
    """RAGChecker's input with what a run adds to it."""
    document = copy.deepcopy(samples.RAGCHECKER)
    found: Row = document["results"][0]  # type: ignore[assignment]
    claims = [["Po", "flows through", "Turin"]]
    found |= {
        "response_claims": claims,
        "gt_answer_claims": claims,
        "retrieved2answer": [["Neutral"], ["Entailment"]],
    }
    found["metrics"] = {"precision": 1.0, "claim_recall": 1.0}
    return {**document, "metrics": {"overall_metrics": {"precision": 100.0, "recall": 100.0, "f1": 100.0}}}


def promptfoo_result(**changes: Any) -> Row:
    """One result of an evaluation, in full."""
    return {
        "id": "5d9c",
        "promptIdx": 0,
        "testIdx": 3,
        "promptId": "p",
        "provider": {"id": "openai:small", "label": ""},
        "prompt": {"raw": PROMPT, "label": "rag"},
        "vars": {"query": QUESTION, "context": CONTEXT, "reference": "the Po"},
        "response": {"output": ANSWER, "tokenUsage": {"prompt": 64, "completion": 3}, "cached": False},
        "success": True,
        "score": 1,
        "failureReason": 0,
        "latencyMs": 250,
        "gradingResult": {"pass": True, "score": 1, "reason": "ok"},
        "namedScores": {},
        "cost": 0.1,
        "error": None,
        "metadata": {},
        "testCase": {"assert": []},
        **changes,
    }


def promptfoo_table() -> Row:
    """The table form."""
    output = {
        "pass": True,
        "score": 1,
        "text": ANSWER,
        "prompt": PROMPT,
        "latencyMs": 250,
        "provider": "openai:small",
        "tokenUsage": {"prompt": 64, "completion": 3},
    }
    head = {"prompts": [{"raw": "…", "provider": "openai:small"}], "vars": ["query", "context", "reference"]}
    row = {"outputs": [output], "vars": [QUESTION, CONTEXT, "the Po"], "test": {}, "testIdx": 3}
    return {"head": head, "body": [row]}
