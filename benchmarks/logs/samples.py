"""The sample logs of the tests as files of any length: each layout with what comes before, between and after its
traces, its texts made long and its ids changed from trace to trace."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.traces import made_exports as exports
from tests.traces import sample_logs as samples

TEXTS = (samples.PO, samples.ARNO, samples.TIBER)
B64 = base64.b64encode(bytes.fromhex(samples.TRACE_ID)).decode()


@dataclass(frozen=True)
class Layout:
    """A log: `trace` is one of its traces as it stands in the file, `names` what tells it from the others."""

    trace: str
    before: str = ""
    between: str = ""
    after: str = ""
    names: tuple[str, ...] = (samples.TRACE_ID,)

    def with_texts(self, text: Callable[[], str]) -> str:
        """The trace with other texts of passages."""
        found = self.trace
        for old in TEXTS:
            found = found.replace(old, text())
        return found

    def numbered(self, trace: str, n: int) -> str:
        """The trace under an id of its own."""
        name = f"{n:032x}"
        for old in self.names:
            trace = trace.replace(old, base64.b64encode(bytes.fromhex(name)).decode() if old == B64 else name)
        return trace


def _lines(rows: list[Any], names: tuple[str, ...] = (samples.TRACE_ID,)) -> Layout:
    return Layout(exports.lines(rows), names=names)


def _spans(spans: list[dict[str, Any]]) -> Layout:
    return _lines([samples.otlp([span]) for span in spans])


def _csv(text: str, names: tuple[str, ...] = (samples.TRACE_ID,)) -> Layout:
    header, _, rows = text.partition("\n")
    return Layout(rows, before=header + "\n", names=names)


def _document(
    whole: Any, listed: str, rows: list[Any], names: tuple[str, ...] = (samples.TRACE_ID,)
) -> Layout:
    """One JSON document whose list `listed` holds the traces."""
    before, _, after = json.dumps(whole).partition(f'"{listed}": []')
    return Layout(", ".join(map(json.dumps, rows)), f'{before}"{listed}": [', ",\n", f"]{after}", names)


NAMED = {"ragas": {**samples.RAGAS, "query_id": samples.TRACE_ID}}
_SPANS = samples.otlp(samples.openinference())["resourceSpans"][0]["scopeSpans"][0]["spans"]
_OWN = {
    "schema": "diagnose.trace/1",
    "trace_id": samples.TRACE_ID,
    "query": {"text": samples.QUESTION},
    "steps": [
        {
            "role": "retriever",
            "output": {"passages": [{"id": n, "text": t, "score": s} for n, t, s in samples.FOUND]},
        },
        {
            "role": "packer",
            "output": {"text": samples.CONTEXT, "passages": [{"id": n} for n, _, _ in samples.KEPT]},
        },
        {"role": "model", "output": {"text": samples.ANSWER}},
    ],
}
LAYOUTS: dict[str, Layout] = {
    "otlp-document": _document({"resourceSpans": [{"scopeSpans": [{"spans": []}]}]}, "spans", _SPANS),
    "otlp-genai": _spans(samples.genai()),
    "otlp-openllmetry": _spans(samples.openllmetry()),
    "otlp-langfuse": _spans(samples.langfuse_sdk()),
    "otlp-haystack": _spans(samples.haystack()),
    "console": Layout(samples.console(samples.openinference()) + "\n"),
    "phoenix-rest": _document(
        {"data": [], "next_cursor": None}, "data", samples.phoenix(samples.openinference())
    ),
    "phoenix-lines": _lines(samples.phoenix_rows(samples.openinference())),
    "phoenix-csv": _csv(exports.table(samples.phoenix_rows(samples.openinference()), repr)),
    "mlflow-lines": _lines([samples.mlflow()], (samples.TRACE_ID, B64)),
    "mlflow-document": _document({"traces": []}, "traces", [samples.mlflow()], (samples.TRACE_ID, B64)),
    "langfuse-lines": _lines(samples.langfuse_rows(snake=True)),
    "langfuse-csv": _csv(exports.table(samples.langfuse_rows(snake=True))),
    "langsmith-lines": _lines(samples.langsmith(), ("run-",)),
    "ragas-lines": _lines([NAMED["ragas"]]),
    "ragas-csv": _csv(exports.table([NAMED["ragas"]], repr)),
    "ragchecker": _document(
        {"results": []}, "results", [{**samples.RAGCHECKER["results"][0], "query_id": samples.TRACE_ID}]
    ),
    "deepeval": _document(
        {"testCases": []}, "testCases", [{**samples.DEEPEVAL["testCases"][0], "id": samples.TRACE_ID}]
    ),
    "promptfoo": _lines([exports.promptfoo_result(testIdx=samples.TRACE_ID)]),
    "own": _lines([_OWN]),
}


def frame_rows(texts: list[str], n: int) -> list[dict[str, Any]]:
    """The rows of one trace in Phoenix's data frame."""
    layout = _lines(samples.phoenix_rows(samples.openinference()))
    given = iter(texts)
    return [
        json.loads(line) for line in layout.numbered(layout.with_texts(lambda: next(given)), n).splitlines()
    ]
