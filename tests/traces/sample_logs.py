"""Logs of other tools, written by hand from their specifications: one small pipeline in every convention.

`python tests/traces/sample_logs.py` writes those that are kept as files into `samples/`. Everything else is
built in memory by the tests. Nothing here is copied from another project.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

QUESTION = "Which river flows through Turin?"
ANSWER = "The Po"
PO = "The Po flows through Turin and Piacenza on its way to the sea."
ARNO = "The Arno flows through Florence and Pisa."
TIBER = "The Tiber flows through Rome, which it has flooded many times."
FOUND = (("r2", ARNO, 3.5), ("r1", PO, 3.0), ("r3", TIBER, 1.25))
KEPT = (("r1", PO, 0.875), ("r2", ARNO, 0.25))
CONTEXT = f"{PO}\n\n{ARNO}"
PROMPT = f"Answer from the context.\n\n{CONTEXT}\n\nQuestion: {QUESTION}"
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
START_NS = 1_790_000_000_000_000_000

Attributes = dict[str, Any]


def listed(prefix: str, passages: Iterable[tuple[str, str, float]]) -> Attributes:
    """OpenInference documents, flattened."""
    found: Attributes = {}
    for i, (name, text, score) in enumerate(passages):
        found |= {
            f"{prefix}.{i}.document.id": name,
            f"{prefix}.{i}.document.content": text,
            f"{prefix}.{i}.document.score": score,
            f"{prefix}.{i}.document.metadata": json.dumps({"source": f"{name}.md"}),
        }
    return found


def span(n: int, name: str, attributes: Attributes, parent: int | None = 1, **fields: Any) -> dict[str, Any]:
    """A span of the one trace: `n` is its id and its place in time."""
    return {
        "trace_id": TRACE_ID,
        "span_id": f"{n:016x}",
        "parent_id": None if parent is None else f"{parent:016x}",
        "name": name,
        "start_ns": START_NS + n * 1_000_000,
        "end_ns": START_NS + n * 1_000_000 + 500_000,
        "attributes": attributes,
        "events": [],
        **fields,
    }


def openinference() -> list[dict[str, Any]]:
    """Chain, retriever, reranker, prompt and model; children before parents."""
    kind = "openinference.span.kind"
    return [
        span(
            2, "search", {kind: "RETRIEVER", "input.value": QUESTION, **listed("retrieval.documents", FOUND)}
        ),
        span(
            3,
            "rerank",
            {
                kind: "RERANKER",
                "reranker.query": QUESTION,
                **listed("reranker.input_documents", FOUND),
                **listed("reranker.output_documents", KEPT),
            },
        ),
        span(4, "pack", {kind: "CHAIN", "output.value": CONTEXT}),
        span(
            5,
            "generate",
            {
                kind: "LLM",
                "llm.model_name": "small",
                "llm.input_messages.0.message.role": "user",
                "llm.input_messages.0.message.content": PROMPT,
                "llm.output_messages.0.message.role": "assistant",
                "llm.output_messages.0.message.content": ANSWER,
                "llm.token_count.prompt": 64,
                "llm.token_count.completion": 3,
                "llm.finish_reason": "stop",
            },
        ),
        span(
            1,
            "ask",
            {kind: "CHAIN", "input.value": QUESTION, "output.value": ANSWER, "session.id": "s1"},
            parent=None,
        ),
    ]


def genai(legacy: bool = False) -> list[dict[str, Any]]:
    """OpenTelemetry's GenAI convention, the current one or the one before."""
    documents = [{"id": name, "content": text, "score": score} for name, text, score in FOUND]
    retrieval = {
        "gen_ai.operation.name": "retrieval",
        "gen_ai.data_source.id": "rivers",
        "gen_ai.retrieval.query.text": QUESTION,
        "gen_ai.retrieval.documents": json.dumps(documents),
    }
    if legacy:
        chat = {
            "gen_ai.system": "openai",
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "small",
            "gen_ai.prompt.0.role": "user",
            "gen_ai.prompt.0.content": PROMPT,
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.content": ANSWER,
            "gen_ai.usage.prompt_tokens": 64,
            "gen_ai.usage.completion_tokens": 3,
        }
    else:
        said = [
            {"role": "assistant", "parts": [{"type": "text", "content": ANSWER}], "finish_reason": "stop"}
        ]
        chat = {
            "gen_ai.provider.name": "openai",
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "small",
            "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "Be short."}]),
            "gen_ai.input.messages": json.dumps(
                [{"role": "user", "parts": [{"type": "text", "content": PROMPT}]}]
            ),
            "gen_ai.output.messages": json.dumps(said),
            "gen_ai.usage.input_tokens": 64,
            "gen_ai.usage.output_tokens": 3,
        }
    root = {"gen_ai.operation.name": "invoke_workflow", "gen_ai.agent.name": "rivers"}
    return [
        span(2, "retrieval rivers", retrieval),
        span(5, "chat small", chat),
        span(1, "workflow", root, parent=None),
    ]


def genai_events() -> list[dict[str, Any]]:
    """The oldest GenAI convention: prompt and answer in span events."""
    spans = genai()
    events = [
        {"name": "gen_ai.user.message", "attributes": {"content": PROMPT}},
        {
            "name": "gen_ai.choice",
            "attributes": {"message": json.dumps({"role": "assistant", "content": ANSWER})},
        },
    ]
    return [
        spans[0],
        span(5, "chat small", {"gen_ai.operation.name": "chat", "gen_ai.system": "openai"}, events=events),
        spans[2],
    ]


def openllmetry() -> list[dict[str, Any]]:
    """Traceloop's: a task for the retriever, whose ids only the vector store's span has."""
    documents = [{"page_content": text, "metadata": {}} for _, text, _ in FOUND]
    results = [
        {
            "name": "db.query.result",
            "attributes": {
                "db.query.result.id": name,
                "db.query.result.document": text,
                "db.query.result.distance": 1.0 / score,
            },
        }
        for name, text, score in FOUND
    ]
    messages = [{"role": "user", "parts": [{"type": "text", "content": PROMPT}]}]
    said = [{"role": "assistant", "parts": [{"type": "text", "content": ANSWER}]}]
    return [
        span(3, "chroma.query", {"db.system": "chroma", "db.operation": "query"}, parent=2, events=results),
        span(
            2,
            "retriever.task",
            {
                "traceloop.span.kind": "task",
                "gen_ai.operation.name": "vector_db_retrieve",
                "traceloop.entity.name": "rivers",
                "traceloop.entity.input": json.dumps({"query": QUESTION}),
                "traceloop.entity.output": json.dumps({"documents": documents}),
            },
        ),
        span(
            5,
            "chat",
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.response.model": "small",
                "gen_ai.input.messages": json.dumps(messages),
                "gen_ai.output.messages": json.dumps(said),
            },
        ),
        span(
            1,
            "ask.workflow",
            {
                "traceloop.span.kind": "workflow",
                "traceloop.entity.input": json.dumps({"inputs": QUESTION}),
                "traceloop.entity.output": json.dumps({"outputs": ANSWER}),
            },
            parent=None,
        ),
    ]


def langfuse_sdk() -> list[dict[str, Any]]:
    """The Langfuse SDK's attributes; its reranker is a plain span."""
    found = [
        {"id": name, "page_content": text, "metadata": {}, "type": "Document"} for name, text, _ in FOUND
    ]
    kept = [{"id": name, "page_content": text, "metadata": {}, "type": "Document"} for name, text, _ in KEPT]
    kind, given, put_out = (f"langfuse.observation.{part}" for part in ("type", "input", "output"))
    messages = [{"role": "user", "content": PROMPT}]
    return [
        span(
            2,
            "search",
            {kind: "retriever", given: json.dumps({"query": QUESTION}), put_out: json.dumps(found)},
        ),
        span(3, "rerank", {kind: "span", given: json.dumps({"documents": found}), put_out: json.dumps(kept)}),
        span(
            5,
            "generate",
            {
                kind: "generation",
                given: json.dumps(messages),
                put_out: ANSWER,
                "langfuse.observation.model.name": "small",
                "langfuse.observation.usage_details": json.dumps({"input": 64, "output": 3}),
            },
        ),
        span(
            1,
            "ask",
            {
                kind: "chain",
                given: json.dumps({"args": [QUESTION], "kwargs": {}}),
                put_out: json.dumps(ANSWER),
                "langfuse.trace.input": json.dumps({"args": [QUESTION], "kwargs": {}}),
                "langfuse.trace.output": json.dumps(ANSWER),
                "langfuse.trace.tags": ["rivers"],
            },
            parent=None,
        ),
    ]


def haystack() -> list[dict[str, Any]]:
    """Haystack's own tracer: components by class name."""

    def documents(passages: Iterable[tuple[str, str, float]]) -> list[dict[str, Any]]:
        return [{"id": n, "content": t, "score": s, "meta": {"file_path": f"{n}.md"}} for n, t, s in passages]

    def component(n: int, name: str, kind: str, given: Any, put_out: Any) -> dict[str, Any]:
        attributes = {
            "haystack.component.name": name,
            "haystack.component.type": kind,
            "haystack.component.input": json.dumps(given),
            "haystack.component.output": json.dumps(put_out),
            "haystack.component.visits": 1,
        }
        return span(n, "haystack.component.run", attributes)

    usage = {"model": "small", "usage": {"prompt_tokens": 64, "completion_tokens": 3}}
    return [
        component(2, "search", "InMemoryBM25Retriever", {"query": QUESTION}, {"documents": documents(FOUND)}),
        component(
            3,
            "rerank",
            "TransformersSimilarityRanker",
            {"query": QUESTION, "documents": documents(FOUND)},
            {"documents": documents(KEPT)},
        ),
        component(
            4,
            "pack",
            "PromptBuilder",
            {"documents": documents(KEPT), "question": QUESTION},
            {"prompt": PROMPT},
        ),
        component(
            5, "generate", "OpenAIGenerator", {"prompt": PROMPT}, {"replies": [ANSWER], "meta": [usage]}
        ),
        span(
            1,
            "haystack.pipeline.run",
            {
                "haystack.pipeline.input_data": json.dumps({"search": {"query": QUESTION}}),
                "haystack.pipeline.output_data": json.dumps({"generate": {"replies": [ANSWER]}}),
            },
            parent=None,
        ),
    ]


CONVENTIONS: Mapping[str, list[dict[str, Any]]] = {
    "openinference": openinference(),
    "genai": genai(),
    "genai-legacy": genai(legacy=True),
    "genai-events": genai_events(),
    "openllmetry": openllmetry(),
    "langfuse-sdk": langfuse_sdk(),
    "haystack": haystack(),
}


def any_value(value: Any, snake: bool = False) -> dict[str, Any]:
    """A value as OTLP types it; snake-case writers fill in every kind."""
    match value:
        case bool():
            kind, inner = "boolValue", value
        case int():
            kind, inner = "intValue", value if snake else str(value)
        case float():
            kind, inner = "doubleValue", value
        case list():
            kind, inner = "arrayValue", {"values": [any_value(item, snake) for item in value]}
        case _:
            kind, inner = "stringValue", value
    if not snake:
        return {kind: inner}
    kinds = ("array_value", "bool_value", "bytes_value", "double_value", "int_value", "string_value")
    return {**dict.fromkeys(kinds), kind.replace("Value", "_value"): inner}


def _pairs(attributes: Attributes, snake: bool = False) -> list[dict[str, Any]]:
    return [{"key": key, "value": any_value(value, snake)} for key, value in attributes.items()]


def otlp_span(item: Mapping[str, Any]) -> dict[str, Any]:
    """A span in the specification's spelling."""
    return {
        "traceId": item["trace_id"],
        "spanId": item["span_id"],
        "parentSpanId": item["parent_id"] or "",
        "name": item["name"],
        "kind": 1,
        "startTimeUnixNano": str(item["start_ns"]),
        "endTimeUnixNano": str(item["end_ns"]),
        "attributes": _pairs(item["attributes"]),
        "events": [{"name": e["name"], "attributes": _pairs(e["attributes"])} for e in item["events"]],
        "status": item.get("status", {}),
    }


def otlp(spans: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """One TracesData object."""
    resource = {"attributes": _pairs({"service.name": "rivers"})}
    return {
        "resourceSpans": [
            {
                "resource": resource,
                "scopeSpans": [{"scope": {}, "spans": [otlp_span(item) for item in spans]}],
            }
        ]
    }


def otlp_snake(spans: Iterable[Mapping[str, Any]], base64_ids: bool = False) -> dict[str, Any]:
    """The same with snake-case names, integers as numbers and, as protobuf's own JSON has them, base64 ids."""

    def name(text: str | None) -> str | None:
        return base64.b64encode(bytes.fromhex(text)).decode() if text and base64_ids else text

    found = [
        {
            "trace_id": name(item["trace_id"]),
            "span_id": name(item["span_id"]),
            "parent_span_id": name(item["parent_id"]),
            "name": item["name"],
            "kind": "SPAN_KIND_INTERNAL",
            "start_time_unix_nano": item["start_ns"],
            "end_time_unix_nano": item["end_ns"],
            "attributes": _pairs(item["attributes"], snake=True),
            "events": [
                {"name": e["name"], "attributes": _pairs(e["attributes"], snake=True)} for e in item["events"]
            ],
            "status": None,
        }
        for item in spans
    ]
    return {"resource_spans": [{"resource": None, "scope_spans": [{"scope": None, "spans": found}]}]}


def console(spans: Iterable[Mapping[str, Any]]) -> str:
    """What ConsoleSpanExporter prints."""
    return "\n".join(
        json.dumps(
            {
                "name": item["name"],
                "context": {
                    "trace_id": f"0x{item['trace_id']}",
                    "span_id": f"0x{item['span_id']}",
                    "trace_state": "[]",
                },
                "kind": "SpanKind.INTERNAL",
                "parent_id": f"0x{item['parent_id']}" if item["parent_id"] else None,
                "start_time": _iso(item["start_ns"]),
                "end_time": _iso(item["end_ns"]),
                "status": {"status_code": "UNSET"},
                "attributes": item["attributes"],
                "events": item["events"],
                "links": [],
                "resource": {"attributes": {"service.name": "rivers"}, "schema_url": ""},
            },
            indent=4,
        )
        for item in spans
    )


def phoenix(spans: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Phoenix's REST spans: the kind outside of the attributes, JSON texts in them expanded."""
    return [
        {
            "id": item["span_id"],
            "name": item["name"],
            "context": {"trace_id": item["trace_id"], "span_id": item["span_id"]},
            "span_kind": item["attributes"].get("openinference.span.kind", "UNKNOWN"),
            "parent_id": item["parent_id"],
            "start_time": _iso(item["start_ns"]),
            "end_time": _iso(item["end_ns"]),
            "status_code": "UNSET",
            "status_message": "",
            "attributes": _expanded(item["attributes"]),
            "events": [],
        }
        for item in spans
    ]


def _expanded(attributes: Attributes) -> Attributes:
    found: Attributes = {}
    for key, value in attributes.items():
        if key.endswith("document.metadata"):
            found |= {f"{key}.{name}": inner for name, inner in json.loads(value).items()}
        elif key != "openinference.span.kind":
            found[key] = value
    return found


def phoenix_rows(spans: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of a Phoenix data frame: lists nested, every column in every row."""
    rows = []
    for item in spans:
        attributes: Attributes = {}
        for key, value in item["attributes"].items():
            head, number, rest = _cut(key)
            if number is None:
                attributes[f"attributes.{key}"] = value
            else:
                items = attributes.setdefault(f"attributes.{head}", [])
                while len(items) <= number:
                    items.append({})
                items[number][rest] = json.loads(value) if rest.endswith("metadata") else value
        rows.append(
            {
                "name": item["name"],
                "span_kind": item["attributes"].get("openinference.span.kind", "UNKNOWN"),
                "parent_id": item["parent_id"],
                "start_time": _iso(item["start_ns"]),
                "end_time": _iso(item["end_ns"]),
                "status_code": "UNSET",
                "status_message": "",
                "events": [],
                "context.span_id": item["span_id"],
                "context.trace_id": item["trace_id"],
                **attributes,
            }
        )
    columns = dict.fromkeys(column for row in rows for column in row)
    return [{column: row.get(column) for column in columns} for row in rows]


def _cut(key: str) -> tuple[str, int | None, str]:
    parts = key.split(".")
    place = next((i for i, part in enumerate(parts) if part.isdigit()), None)
    if place is None:
        return key, None, ""
    return ".".join(parts[:place]), int(parts[place]), ".".join(parts[place + 1 :])


def _iso(ns: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(ns / 1e9, UTC).isoformat()


def mlflow() -> dict[str, Any]:
    """A trace as `Trace.to_json` writes it, with an expectation and a judgement."""

    def documents(passages: Iterable[tuple[str, str, float]]) -> list[dict[str, Any]]:
        return [
            {"page_content": text, "metadata": {"doc_uri": f"{name}.md", "score": score}, "id": name}
            for name, text, score in passages
        ]

    def one(n: int, name: str, kind: str, given: Any, put_out: Any, parent: int | None = 1) -> dict[str, Any]:
        def b64(text: str) -> str:
            return base64.b64encode(bytes.fromhex(text)).decode()

        return {
            "trace_id": b64(TRACE_ID),
            "span_id": b64(f"{n:016x}"),
            "parent_span_id": b64(f"{parent:016x}") if parent else None,
            "name": name,
            "start_time_unix_nano": START_NS + n * 1_000_000,
            "end_time_unix_nano": START_NS + n * 1_000_000 + 500_000,
            "events": [],
            "status": {"code": "STATUS_CODE_OK", "message": ""},
            "attributes": {
                "mlflow.spanType": json.dumps(kind),
                "mlflow.spanInputs": json.dumps(given),
                "mlflow.spanOutputs": json.dumps(put_out),
            },
        }

    spans = [
        one(1, "ask", "CHAIN", {"question": QUESTION}, ANSWER, parent=None),
        one(2, "search", "RETRIEVER", {"query": QUESTION}, documents(FOUND)),
        one(3, "rerank", "RERANKER", {"query": QUESTION, "documents": documents(FOUND)}, documents(KEPT)),
        one(4, "pack", "TASK", {"documents": documents(KEPT)}, CONTEXT),
        one(
            5,
            "generate",
            "CHAT_MODEL",
            {"messages": [{"role": "user", "content": PROMPT}]},
            {"choices": [{"message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}]},
        ),
    ]
    spans[-1]["attributes"]["mlflow.chat.tokenUsage"] = json.dumps({"input_tokens": 64, "output_tokens": 3})
    return {
        "info": {
            "trace_id": f"tr-{TRACE_ID}",
            "request_time": _iso(START_NS),
            "state": "OK",
            "trace_metadata": {"mlflow.traceInputs": json.dumps({"question": QUESTION})},
            "tags": {"mlflow.traceName": "ask", "tenant": "acme"},
            "assessments": [
                {"assessment_name": "expected_response", "expectation": {"value": "the Po"}},
                {"assessment_name": "correctness", "feedback": {"value": True}},
                {"assessment_name": "tone", "feedback": {"value": "warm"}},
            ],
        },
        "data": {"spans": spans},
    }


def langfuse_ui() -> dict[str, Any]:
    """A trace as the Langfuse page downloads it, inputs and outputs included, with a score."""
    found = [{"id": n, "page_content": t, "metadata": {}, "type": "Document"} for n, t, _ in FOUND]
    kept = [{"id": n, "page_content": t, "metadata": {}, "type": "Document"} for n, t, _ in KEPT]

    def one(n: int, kind: str, name: str, given: Any, put_out: Any, **more: Any) -> dict[str, Any]:
        return {
            "id": f"{n:016x}",
            "traceId": TRACE_ID,
            "parentObservationId": None if n == 1 else f"{1:016x}",
            "type": kind,
            "name": name,
            "startTime": _iso(START_NS + n * 1_000_000),
            "endTime": _iso(START_NS + n * 1_000_000 + 500_000),
            "input": given,
            "output": put_out,
            "metadata": {},
            "level": "DEFAULT",
            "statusMessage": None,
            **more,
        }

    return {
        "trace": {
            "id": TRACE_ID,
            "projectId": "p",
            "name": "ask",
            "timestamp": _iso(START_NS),
            "input": json.dumps(QUESTION),
            "output": json.dumps(ANSWER),
            "sessionId": "s1",
            "tags": ["rivers"],
            "metadata": "{}",
            "scores": [{"name": "user-feedback", "value": 1, "dataType": "NUMERIC"}],
        },
        "observations": [
            one(1, "CHAIN", "ask", QUESTION, ANSWER),
            one(2, "RETRIEVER", "search", {"query": QUESTION}, found),
            one(3, "SPAN", "rerank", {"documents": found}, kept),
            one(4, "SPAN", "pack", kept, CONTEXT),
            one(
                5,
                "GENERATION",
                "generate",
                [{"role": "user", "content": PROMPT}],
                ANSWER,
                model="small",
                usageDetails={"input": 64, "output": 3},
            ),
        ],
    }


def langfuse_rows(snake: bool = False) -> list[dict[str, Any]]:
    """The observations as an export lists them, camel or snake case."""
    from diagnose.traces.from_langfuse import snake as spelt

    rows = [dict(row) for row in langfuse_ui()["observations"]]
    return [{spelt(name): value for name, value in row.items()} for row in rows] if snake else rows


def langsmith() -> list[dict[str, Any]]:
    """Runs, one a line; the compressing retriever is around the searching one."""

    def documents(passages: Iterable[tuple[str, str, float]]) -> list[dict[str, Any]]:
        return [{"id": n, "page_content": t, "metadata": {}, "type": "Document"} for n, t, _ in passages]

    def run(
        n: int, kind: str, name: str, given: Any, put_out: Any, parent: int | None, **more: Any
    ) -> dict[str, Any]:
        return {
            "id": f"run-{n}",
            "trace_id": "run-1",
            "parent_run_id": f"run-{parent}" if parent else None,
            "dotted_order": ".".join(f"20260101T00000000000{i}Zrun-{i}" for i in (parent, n) if i),
            "name": name,
            "run_type": kind,
            "start_time": _iso(START_NS + n * 1_000_000),
            "end_time": _iso(START_NS + n * 1_000_000 + 500_000),
            "inputs": given,
            "outputs": put_out,
            "error": None,
            "extra": {"metadata": {"ls_model_name": "small"} if kind == "llm" else {}},
            **more,
        }

    kwargs = {"content": PROMPT, "type": "human"}
    message = {
        "lc": 1,
        "type": "constructor",
        "id": ["langchain", "schema", "messages", "HumanMessage"],
        "kwargs": kwargs,
    }
    return [
        run(
            1,
            "chain",
            "ask",
            {"input": QUESTION},
            {"output": ANSWER},
            None,
            feedback_stats={"correctness": {"avg": 1}},
        ),
        run(2, "retriever", "rerank", {"query": QUESTION}, {"documents": documents(KEPT)}, 1),
        run(3, "retriever", "search", {"query": QUESTION}, {"documents": documents(FOUND)}, 2),
        run(4, "chain", "pack", {"input": documents(KEPT)}, {"output": CONTEXT}, 1),
        run(
            5,
            "llm",
            "generate",
            {"messages": [[message]]},
            {"generations": [[{"text": ANSWER, "type": "ChatGeneration"}]]},
            1,
            prompt_tokens=64,
            completion_tokens=3,
        ),
    ]


RAGAS = {
    "user_input": QUESTION,
    "retrieved_contexts": [ARNO, PO],
    "retrieved_context_ids": ["r2", "r1"],
    "reference_contexts": [PO],
    "reference_context_ids": ["r1"],
    "response": ANSWER,
    "reference": "the Po",
}
RAGCHECKER = {
    "results": [
        {
            "query_id": "q1",
            "query": QUESTION,
            "gt_answer": "the Po",
            "response": ANSWER,
            "retrieved_context": [{"doc_id": "r2", "text": ARNO}, {"doc_id": "r1", "text": PO}],
        }
    ]
}
DEEPEVAL = {
    "testCases": [
        {
            "name": "case 1",
            "input": QUESTION,
            "actualOutput": ANSWER,
            "expectedOutput": "the Po",
            "retrievalContext": [ARNO, PO],
            "context": [PO],
            "metricsData": [{"name": "Correctness (GEval)", "score": 0.75}],
        }
    ]
}
PROMPTFOO = {
    "evalId": "eval-1",
    "results": {
        "version": 3,
        "prompts": [],
        "results": [
            {
                "success": True,
                "score": 1,
                "vars": {"query": QUESTION, "context": CONTEXT},
                "response": {"output": ANSWER, "tokenUsage": {"prompt": 64, "completion": 3}},
                "testCase": {"assert": [{"type": "icontains", "value": "Po"}]},
                "latencyMs": 250,
                "testIdx": 3,
                "promptIdx": 0,
            }
        ],
        "stats": {},
    },
    "config": {},
}

SAMPLES: Mapping[str, str] = {
    "openinference.jsonl": "".join(json.dumps(otlp([item])) + "\n" for item in openinference()),
    "console.json": console(genai()),
    "haystack.json": json.dumps(otlp(haystack()), indent=1) + "\n",
    "langfuse.json": json.dumps(langfuse_ui(), indent=1) + "\n",
    "langsmith.jsonl": "".join(json.dumps(run) + "\n" for run in langsmith()),
    "mlflow.json": json.dumps(mlflow(), indent=1) + "\n",
    "ragas.jsonl": json.dumps(RAGAS) + "\n",
}
"""Kept as files, for people to look at and for the commands in the documents."""


def main() -> None:
    folder = Path(__file__).parent / "samples"
    folder.mkdir(exist_ok=True)
    for name, text in SAMPLES.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
