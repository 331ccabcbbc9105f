"""Spans of tools (and of people) that have no reader of their own: an id, the trace's id, the parent's, a name, what
went in and what came out. Opik, Weave and Braintrust write them so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from diagnose.traces.account import Account
from diagnose.traces.attributes import KINDS
from diagnose.traces.from_attributes import span_of
from diagnose.traces.heads import Head
from diagnose.traces.judged import Judgement, labelled_by
from diagnose.traces.moments import as_ns
from diagnose.traces.rows import plain_cell
from diagnose.traces.span import Span

SOURCE = "spans"
_TRACE = ("trace_id", "traceId", "root_span_id")
_OWN = ("span_id", "spanId", "id")
_PARENT = ("parent_id", "parentId", "parent_span_id", "parentSpanId", "span_parents")
_START = ("start_time", "startTime", "started_at", "start", "created")
_END = ("end_time", "endTime", "ended_at", "end")
_GIVEN = ("input", "inputs")
_PUT_OUT = ("output", "outputs")
_BY_NAME = (
    (re.compile(r"re-?rank", re.IGNORECASE), "reranker"),
    (re.compile(r"retriev|vector.?search|similarity.?search", re.IGNORECASE), "retriever"),
)
"""Where a tool's kinds do not tell a retriever from any other function, its name may."""
_KINDS = frozenset(kind for name, kinds in KINDS if name == "openinference.span.kind" for kind in kinds)


def is_plain_span(document: Mapping[str, Any]) -> bool:
    """Whether a document is such a span."""
    has = document.keys()
    return all(not has.isdisjoint(names) for names in (_TRACE, _OWN, _PARENT, (*_GIVEN, *_PUT_OUT)))


def spans_of_plain(span: Mapping[str, Any], account: Account) -> Iterator[Span]:
    """One span."""
    cells = {str(name): plain_cell(value) for name, value in span.items()}
    described = cells.get("span_attributes")
    described = described if isinstance(described, Mapping) else {}
    parent = _first(cells, _PARENT)
    name = str(cells.get("name") or described.get("name") or _operation(cells.get("op_name")))
    usage, metadata = cells.get("usage"), cells.get("metadata")
    attributes = {
        "openinference.span.kind": _kind(cells.get("type", described.get("type", cells.get("kind"))), name),
        "input.value": _first(cells, _GIVEN),
        "output.value": _first(cells, _PUT_OUT),
        "llm.model_name": cells.get("model"),
        "langfuse.observation.usage_details": usage if isinstance(usage, Mapping) else None,
        "metadata": metadata if isinstance(metadata, Mapping) else None,
    }
    error = cells.get("error", cells.get("exception", cells.get("error_info")))
    head = Head(
        trace_id=str(_first(cells, _TRACE) or ""),
        span_id=str(_first(cells, _OWN) or ""),
        parent_id=str(parent[0] if isinstance(parent, list) and parent else parent) if parent else None,
        name=name,
        start_ns=as_ns(_first(cells, _START)),
        end_ns=as_ns(_first(cells, _END)),
        error=str(error)[:2000] if error else None,
        source=SOURCE,
    )
    made = span_of(head, {k: v for k, v in attributes.items() if v not in (None, "")}, account)
    judged = _judgements(cells)
    yield msgspec.structs.replace(made, labelled=labelled_by(judged, account)) if judged else made


def _judgements(cells: Mapping[str, Any]) -> list[Judgement]:
    scores, expected = cells.get("scores"), cells.get("expected")
    found = (
        [Judgement(str(name), value) for name, value in scores.items()] if isinstance(scores, Mapping) else []
    )
    return [*found, *([Judgement("expected", expectation=expected)] if expected not in (None, "") else [])]


def _kind(stated: Any, name: str) -> str:
    word = str(stated or "").lower()
    by_name = next((kind for pattern, kind in _BY_NAME if pattern.search(name)), None)
    if word in _KINDS and word not in ("chain", "tool"):
        return word.upper()
    return (by_name or (word if word in _KINDS else "chain")).upper()


def _operation(value: Any) -> str:
    """Weave's `weave:///entity/project/op/NAME:version` as the name."""
    return str(value or "").rpartition("/")[2].partition(":")[0]


def _first(cells: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((cells[name] for name in names if cells.get(name) not in (None, "")), None)
