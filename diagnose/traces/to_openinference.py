"""Verdicts as OpenInference's annotation attributes, in a file for any tool to join by trace id."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from diagnose.errors import UsageError, visible
from diagnose.traces.lines import STDIN
from diagnose.traces.verdicts import NAME, SOURCE, Verdict, Written


def annotate_file(path: Path | str, verdicts: Sequence[Verdict]) -> Written:
    """Writes one JSON object a line, `{"trace_id", "span_id"?, "attributes"}`, and the same bytes for the same input.

    The attributes are `trace.annotations.0.annotation.name`, `.label`, `.score`, … or, where a verdict is of a span,
    `annotations.0.…`. The file appears whole or not at all; `-` is standard output. Raises UsageError where it
    cannot be written.
    """
    body = b"".join(msgspec.json.encode(_line(verdict)) + b"\n" for verdict in verdicts)
    try:
        if str(path) == STDIN:
            os.write(1, body)
        else:
            whole = Path(path)
            temporary = whole.with_name(f".{whole.name}.{os.getpid()}.tmp")
            temporary.write_bytes(body)
            temporary.replace(whole)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {visible(error.strerror or str(error))}") from error
    return Written(str(path), len(verdicts))


def _line(verdict: Verdict) -> dict[str, object]:
    start = f"{'trace.' if verdict.span_id is None else ''}annotations.0.annotation."
    values = {
        "name": NAME,
        "label": verdict.label,
        "score": verdict.score,
        "explanation": verdict.explanation,
        "annotator_kind": "CODE",
        "identifier": SOURCE,
        "metadata": msgspec.json.encode(verdict.about).decode(),
    }
    attributes = {start + name: value for name, value in values.items() if value is not None}
    of = {} if verdict.span_id is None else {"span_id": verdict.span_id}
    return {"trace_id": verdict.trace_id, **of, "attributes": attributes}
