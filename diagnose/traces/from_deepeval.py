"""DeepEval's trace objects: spans in one list per kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from diagnose.traces.account import Account
from diagnose.traces.from_attributes import as_json, span_of
from diagnose.traces.heads import Head
from diagnose.traces.moments import as_ns
from diagnose.traces.span import Span

SOURCE = "deepeval"
KIND_OF_LIST = {
    "retrieverSpans": "RETRIEVER",
    "llmSpans": "LLM",
    "toolSpans": "TOOL",
    "agentSpans": "AGENT",
    "baseSpans": "CHAIN",
}


def spans_of_deepeval(trace: Mapping[str, Any], account: Account) -> Iterator[Span]:
    """The spans of a trace."""
    trace_id = str(trace.get("uuid") or "")
    for name, kind in KIND_OF_LIST.items():
        for span in trace.get(name) or ():
            if isinstance(span, Mapping):
                yield _span(span, kind, trace_id, account)


def _span(span: Mapping[str, Any], kind: str, trace_id: str, account: Account) -> Span:
    put_out = span.get("retrievalContext") if kind == "RETRIEVER" else None
    attributes = {
        "input.value": as_json(span.get("input")),
        "output.value": as_json(put_out if put_out is not None else span.get("output")),
        "llm.model_name": span.get("model"),
        "llm.token_count.prompt": span.get("inputTokenCount"),
        "llm.token_count.completion": span.get("outputTokenCount"),
    }
    head = Head(
        trace_id=trace_id or str(span.get("traceUuid") or ""),
        span_id=str(span.get("uuid") or ""),
        parent_id=str(span["parentUuid"]) if span.get("parentUuid") else None,
        name=str(span.get("name") or ""),
        start_ns=as_ns(span.get("startTime")),
        end_ns=as_ns(span.get("endTime")),
        error=str(span["error"]) if span.get("error") else None,
        source=SOURCE,
    )
    return span_of(head, {k: v for k, v in attributes.items() if v is not None}, account, kind=kind)
