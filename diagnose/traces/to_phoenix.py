"""Verdicts to a Phoenix server, as annotations of its traces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from diagnose.errors import StageFailed
from diagnose.traces.fetch import Fetcher
from diagnose.traces.from_server import PHOENIX_KEYS
from diagnose.traces.verdicts import NAME, SOURCE, Verdict, Written

AT_ONCE = 100


def annotate_phoenix(base: str, verdicts: Sequence[Verdict]) -> Written:
    """Annotates the traces (or spans, where a verdict is of one) that the server has, in place of earlier verdicts.

    Raises StageFailed where the server is not there or refuses.
    """
    with Fetcher(base, PHOENIX_KEYS) as fetcher:
        absent = [
            verdict.trace_id
            for path, key, group in (
                ("/v1/trace_annotations", "trace_id", [v for v in verdicts if v.span_id is None]),
                ("/v1/span_annotations", "span_id", [v for v in verdicts if v.span_id is not None]),
            )
            for verdict in _sent(fetcher, path, key, group)
        ]
    return Written(base, len(verdicts) - len(absent), tuple(absent))


def _sent(fetcher: Fetcher, path: str, key: str, verdicts: Sequence[Verdict]) -> Iterator[Verdict]:
    """Sends verdicts, and gives those whose trace is not there: with one of them the server refuses the whole lot."""
    for some in _groups(verdicts):
        try:
            fetcher.post(f"{path}?sync=true", {"data": [_annotation(verdict, key) for verdict in some]})
        except StageFailed as error:
            if "HTTP 404" not in str(error):
                raise
            if len(some) == 1:
                yield some[0]
            else:
                half = len(some) // 2
                yield from _sent(fetcher, path, key, some[:half])
                yield from _sent(fetcher, path, key, some[half:])


def _groups(verdicts: Sequence[Verdict]) -> Iterator[Sequence[Verdict]]:
    for start in range(0, len(verdicts), AT_ONCE):
        yield verdicts[start : start + AT_ONCE]


def _annotation(verdict: Verdict, key: str) -> dict[str, Any]:
    return {
        key: getattr(verdict, key),
        "name": NAME,
        "annotator_kind": "CODE",
        "identifier": SOURCE,
        "result": {"label": verdict.label, "score": verdict.score, "explanation": verdict.explanation},
        "metadata": verdict.about,
    }
