"""Phoenix's query frames: a row for each retrieved document (`get_retrieved_documents`, `SpanQuery.explode`), a row
for each question with its answer and its documents in one text (`get_qa_with_reference`), or the attributes
somebody selected."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from diagnose.traces.account import Account, count_name
from diagnose.traces.cited import as_number, metadata_id, tags_of
from diagnose.traces.from_attributes import span_of
from diagnose.traces.heads import Head
from diagnose.traces.moments import as_ns, hex_id, parent_id
from diagnose.traces.rows import plain_cell
from diagnose.traces.said import answer_in, history_in, query_in
from diagnose.traces.span import Cited, IdFrom, Kind, Span

SOURCE = "phoenix"
OF_ROW = "document row"
"""The label of a span that holds one document of a retriever's: part of the span with its id."""
OF_JOINT = "joined documents"
"""The label of a retriever known by its documents in one text: it counts where no other is in the trace."""
POSITION = "document_position"

_QUERY = ("input", "input.value", "query", "question")
_ANSWER = ("output", "output.value", "response", "answer")
_TEXT = ("document", "reference", "document.content", "document_content", "content", "text", "context")
_SCORE = ("document_score", "document.score", "score")
_ID = ("document_id", "document.id", "id")
_METADATA = ("document_metadata", "document.metadata", "metadata")
_JOINT = ("context", "reference")
_OF_SPANS = frozenset(
    {"span_kind", "name", "start_time", "end_time", "parent_id", "status_code", "status_message"}
)
_TOLD = frozenset({*_QUERY, *_ANSWER, *_TEXT, POSITION})
_KNOWN = _TOLD | _OF_SPANS | {*_SCORE, *_ID, *_METADATA, "context.span_id", "context.trace_id"}


def is_query_row(row: Mapping[str, Any]) -> bool:
    """Whether a row of spans is none of whole spans, but of what a query made of them."""
    if any(str(name).startswith("attributes") for name in row):
        return False
    return not _TOLD.isdisjoint(row) or _OF_SPANS.isdisjoint(row)


def spans_of_query_row(row: Mapping[str, Any], account: Account) -> Iterator[Span]:
    """What one row says: a retriever with one document, a question with its answer, or a span's attributes."""
    cells = {str(name): plain_cell(value) for name, value in row.items()}
    span_id, trace_id = hex_id(cells.get("context.span_id")), hex_id(cells.get("context.trace_id"))
    query, answer = query_in(_first(cells, _QUERY)), answer_in(_first(cells, _ANSWER))
    text = _first(cells, _TEXT)
    head = Head(
        trace_id or span_id,
        span_id or _digest(trace_id, query),
        parent_id(cells.get("parent_id") or ""),
        str(cells.get("name") or ""),
        as_ns(cells.get("start_time")),
        as_ns(cells.get("end_time")),
        source=SOURCE,
    )
    for name, value in cells.items():
        if name not in _KNOWN and not _is_attribute(name) and value not in (None, "", [], {}):
            count_name(account.attributes, name)
    if POSITION in cells or (text is not None and answer is None and not _joint(cells)):
        if isinstance(text, str) or _first(cells, _ID) is not None:
            yield _document(cells, head, query, text if isinstance(text, str) else "")
        return
    if query is None and answer is None:
        account.note("rows about spans that hold no question, answer or document (judgements?): passed over")
        return
    yield from _question(cells, head, query, answer, account)


def _question(
    cells: Mapping[str, Any], head: Head, query: str | None, answer: str | None, account: Account
) -> Iterator[Span]:
    kept = {name: value for name, value in cells.items() if _is_attribute(name) and value is not None}
    made = span_of(head, kept, account, kind=_text_of(cells.get("span_kind")))
    kind: Kind = "chain" if made.kind == "unknown" else made.kind
    metadata = _first(cells, _METADATA)
    yield msgspec.structs.replace(
        made,
        kind=kind,
        label=made.label or "CHAIN",
        query=query,
        history=history_in(_first(cells, _QUERY)),
        text=answer,
        tags=(tags_of(metadata) or {}) if isinstance(metadata, Mapping) else {},
        tool=SOURCE,
    )
    if isinstance(joint := _first(cells, _JOINT), str) and joint.strip():
        yield Span(
            head.trace_id,
            f"{head.span_id}/documents",
            "retriever",
            OF_JOINT,
            "retrieved documents",
            head.span_id,
            query=query,
            cited=(Cited(text=joint),),
            source=SOURCE,
            tool=SOURCE,
        )


def _document(cells: Mapping[str, Any], head: Head, query: str | None, text: str) -> Span:
    metadata = _first(cells, _METADATA)
    inside: Mapping[str, Any] = metadata if isinstance(metadata, Mapping) else {}
    explicit = _first(cells, _ID)
    found: tuple[str | None, IdFrom] = (str(explicit), "id") if explicit is not None else metadata_id(inside)
    title = inside.get("title")
    passage = Cited(
        found[0],
        text,
        as_number(_first(cells, _SCORE)),
        title if isinstance(title, str) and title else None,
        tags_of(inside),
        found[1],
    )
    position = as_number(cells.get(POSITION))
    return Span(
        head.trace_id,
        head.span_id,
        "retriever",
        OF_ROW,
        head.name or "retriever",
        head.parent_id,
        head.start_ns,
        head.end_ns,
        query=query,
        cited=(passage,),
        variables={POSITION: str(position)} if position is not None else {},
        source=SOURCE,
        tool=SOURCE,
    )


def retriever_of(rows: Sequence[Span]) -> Span:
    """The documents of one retriever in their order, one row each."""
    placed: dict[float, Span] = {}
    for i, row in enumerate(rows):
        placed.setdefault(float(row.variables.get(POSITION, i)), row)
    cited = tuple(
        passage for _, row in sorted(placed.items(), key=lambda item: item[0]) for passage in row.cited or ()
    )
    return msgspec.structs.replace(rows[0], cited=cited, variables={}, label="RETRIEVER")


def _joint(cells: Mapping[str, Any]) -> bool:
    return any(name in cells for name in _ANSWER)


def _is_attribute(name: str) -> bool:
    return "." in name and not name.startswith(("context.", "document."))


def _text_of(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _digest(trace_id: str, query: str | None) -> str:
    """An id for the span of rows that lost theirs with the frame's index: rows of one question are one span."""
    return hashlib.sha256(f"{trace_id}\n{query}".encode(errors="replace")).hexdigest()[:16]


def _first(cells: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((cells[name] for name in names if cells.get(name) not in (None, "")), None)
