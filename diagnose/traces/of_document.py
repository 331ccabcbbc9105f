"""What one document of a log holds, by the tool that its keys give away."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from diagnose.core.artifact import Output, Passage, Passages
from diagnose.core.trace import Step, Trace
from diagnose.errors import quoted
from diagnose.traces.account import Account
from diagnose.traces.attributes import CONTENT_SWITCH
from diagnose.traces.columns import columns_for
from diagnose.traces.documents import Document
from diagnose.traces.from_deepeval import spans_of_deepeval
from diagnose.traces.from_jaeger import spans_of_jaeger
from diagnose.traces.from_jsonl import TraceIds, decode_trace, to_trace, trace_decoder
from diagnose.traces.from_langfuse import judgement_of_score, span_of_observation, spans_of_langfuse
from diagnose.traces.from_langsmith import spans_of_langsmith
from diagnose.traces.from_logs import spans_of_logs
from diagnose.traces.from_mlflow import span_of_mlflow, spans_of_mlflow
from diagnose.traces.from_otlp import spans_of_line, spans_of_otlp, spans_of_span
from diagnose.traces.from_phoenix import judgement_of, spans_of_console, spans_of_frame_row, spans_of_phoenix
from diagnose.traces.from_phoenix_query import spans_of_query_row
from diagnose.traces.from_plain_spans import spans_of_plain
from diagnose.traces.from_promptfoo import rows_of_cells
from diagnose.traces.from_records import trace_of_record
from diagnose.traces.from_zipkin import spans_of_zipkin
from diagnose.traces.groups import SpanGroups
from diagnose.traces.judged import Judgement
from diagnose.traces.labels import Labels
from diagnose.traces.limits import DEFAULT_LIMITS, Limits
from diagnose.traces.lines import Line, Problem
from diagnose.traces.otlp_line import OtlpLine
from diagnose.traces.passage_ids import TextOf
from diagnose.traces.said import unwrapped
from diagnose.traces.sniff import Format, format_of, held
from diagnose.traces.span import Span

RECORDS = frozenset({"ragas", "ragchecker", "deepeval", "promptfoo", "records"})
MAX_HELD = 4
"""How deep envelopes in envelopes are opened."""


@dataclass(frozen=True)
class Reading:
    """How a log is read: what tool wrote it (`auto`: look), what fills in texts and labels, where counts go."""

    format: str = "auto"
    text_of: TextOf | None = None
    gold: Labels | None = None
    mapping: Mapping[str, str] | None = None
    project: str | None = None
    limits: Limits = DEFAULT_LIMITS
    account: Account = field(default_factory=Account)
    judgements: dict[str, list[Judgement]] = field(default_factory=dict)


def of_document(
    document: Document, reading: Reading, groups: SpanGroups, depth: int = 0
) -> Iterator[Trace | Problem]:
    """What a document holds: spans go to their groups, traces and problems come out."""
    if isinstance(document.value, OtlpLine):
        yield from _gathered(
            document, "otlp", spans_of_line(document.value, reading.account), reading, groups
        )
        return
    document = _opened(document)
    format, account = _format(document.value, reading), reading.account
    if isinstance(document.value, list) and depth < MAX_HELD:
        for item in document.value:
            yield from of_document(Document(document.source, document.line, item), reading, groups, depth + 1)
    elif format in ("envelope", "frame") and depth < MAX_HELD:
        for item in held(document.value, format):
            inner = Document(document.source, document.line, item)
            yield from of_document(inner, reading, groups, depth + 1)
    elif format is None or format in ("phoenix-header", "envelope", "frame"):
        account.n["left out"] += 1
        yield _header(document) if format == "phoenix-header" else _unknown(document)
    elif format in ("phoenix-annotation", "langfuse-score"):
        found = judgement_of(document.value) if format[0] == "p" else judgement_of_score(document.value)
        reading.judgements.setdefault(found[0], []).append(found[1])
    elif format == "otlp-metrics":
        account.note("metrics: passed over", document.source)
    elif format == "diagnose":
        yield from _one_native(document, reading)
    elif format in RECORDS:
        account.formats[format] += 1
        columns = columns_for(format, reading.mapping)
        for row in rows_of_cells(document.value):
            one = document._replace(value=row)
            yield trace_of_record(one, format, columns, account, reading.text_of)
    else:
        spans = SPANS_OF[format](document.value, account)
        yield from _gathered(document, format, spans, reading, groups)


def _opened(document: Document) -> Document:
    """A document that stands in a text as JSON (a list of what `Trace.to_json()` gives) as that."""
    inner = unwrapped(document.value) if isinstance(document.value, str) else None
    return document._replace(value=inner) if isinstance(inner, Mapping) else document


def _gathered(
    document: Document, format: str, spans: Iterator[Span], reading: Reading, groups: SpanGroups
) -> Iterator[Problem]:
    """Puts a document's spans with the others of their traces."""
    account, n = reading.account, 0
    account.formats[format] += 1
    try:
        for span in spans:
            n += 1
            if span.trace_id:
                groups.add(span)
            else:
                account.note("spans without a trace id: left out", document.source)
    except RecursionError:
        account.n["left out"] += 1
        yield Problem(document.source, document.line, "", "a span", "one nested too deep")
    if not n and not format.startswith("otlp"):
        account.note("documents without a span", document.source)


def _format(value: Any, reading: Reading) -> Format | None:
    """What the keys say, within what the user says; a mapping makes a record of anything flat."""
    found = format_of(value)
    if found in ("envelope", "frame") or not isinstance(value, Mapping):
        return found
    if reading.format in RECORDS or (reading.mapping and found in (*RECORDS, None)):
        return reading.format if reading.format in RECORDS else (found or "records")  # type: ignore[return-value]
    if reading.format == "mlflow" and found is None and "spans" in value:
        return "mlflow"
    return found


Reader = Callable[[Mapping[str, Any], Account], Iterator[Span]]
SPANS_OF: dict[Format, Reader] = {
    "otlp": spans_of_otlp,
    "otlp-span": spans_of_span,
    "otlp-resource": lambda value, account: spans_of_otlp({"resourceSpans": [value]}, account),
    "otlp-logs": spans_of_logs,
    "jaeger": spans_of_jaeger,
    "zipkin": spans_of_zipkin,
    "spans": spans_of_plain,
    "console": spans_of_console,
    "phoenix": spans_of_phoenix,
    "phoenix-row": spans_of_frame_row,
    "phoenix-query": spans_of_query_row,
    "mlflow": spans_of_mlflow,
    "mlflow-span": lambda value, account: iter((span_of_mlflow(value, "", account),)),
    "langfuse": spans_of_langfuse,
    "langfuse-observation": lambda value, account: iter((span_of_observation(value, account),)),
    "langsmith": spans_of_langsmith,
    "deepeval-trace": spans_of_deepeval,
}
"""The readers of documents that hold spans."""


def _encoded(value: object) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (UnicodeEncodeError, OverflowError):  # what JSON can say and msgspec does not
        return json.dumps(value).encode()


def _one_native(document: Document, reading: Reading) -> Iterator[Trace | Problem]:
    """One of our own traces out of a list, a laid-out document or standard input."""
    line = Line(document.source, document.line, _encoded(document.value))
    decoded = decode_trace(line, trace_decoder(), TraceIds())
    if isinstance(decoded, list):
        reading.account.n["left out"] += 1
        yield from map(line.problem, decoded)
    else:
        reading.account.n["traces"] += 1
        yield filled(to_trace(decoded), reading)


def _unknown(document: Document) -> Problem:
    value = document.value
    if isinstance(value, Mapping):
        names = ", ".join(quoted(str(name), 30) for name in list(value)[:8])
        found = f"an object with {names}" if names else "an empty object"
    else:
        found = quoted(str(value)[:100], 40)
    expected = "a trace, a span or a row with a question (name its column with --map query=COLUMN)"
    return Problem(document.source, document.line, "", expected, found)


def _header(document: Document) -> Problem:
    found = f"a list of traces without attributes: {CONTENT_SWITCH['phoenix']}"
    return Problem(document.source, document.line, "", "spans", found)


def filled(trace: Trace, reading: Reading) -> Trace:
    """The trace with the texts that only the corpus has."""
    if reading.text_of is None:
        return trace
    steps = tuple(_filled_step(step, reading) for step in trace.steps)
    return msgspec.structs.replace(trace, steps=steps) if steps != trace.steps else trace


def _filled_step(step: Step, reading: Reading) -> Step:
    output: Output = step.output
    if not isinstance(output, Passages) or all(passage.text for passage in output.passages):
        return step
    passages = tuple(_with_text(passage, reading) for passage in output.passages)
    return msgspec.structs.replace(step, output=Passages(passages))


def _with_text(passage: Passage, reading: Reading) -> Passage:
    assert reading.text_of is not None
    if passage.text or not (text := reading.text_of(passage.id)):
        return passage
    reading.account.note("passage texts filled in from the corpus")
    return msgspec.structs.replace(passage, text=text)
