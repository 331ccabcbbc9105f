"""Verdicts to an MLflow server, as feedback on its traces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from diagnose.errors import StageFailed
from diagnose.traces.fetch import Fetcher
from diagnose.traces.from_server import MLFLOW_KEYS
from diagnose.traces.verdicts import NAME, SOURCE, Verdict, Written

TRACES = "/api/3.0/mlflow/traces"


def annotate_mlflow(base: str, verdicts: Sequence[Verdict]) -> Written:
    """Logs a verdict as feedback on each trace that the server has; it takes the place of an earlier one.

    Raises StageFailed where the server is not there or refuses.
    """
    absent: list[str] = []
    with Fetcher(base, MLFLOW_KEYS) as fetcher:
        for verdict in verdicts:
            try:
                info = fetcher.get(f"{TRACES}/{quote(verdict.trace_id, safe='')}")
            except StageFailed as error:
                if "HTTP 404" not in str(error):
                    raise
                absent.append(verdict.trace_id)
                continue
            _log(fetcher, verdict, _earlier(info))
    return Written(base, len(verdicts) - len(absent), tuple(absent))


def _earlier(answer: Any) -> str | None:
    """The id of the verdict that an earlier run left on a trace."""
    trace = answer.get("trace", {}) if isinstance(answer, Mapping) else {}
    info = trace.get("trace_info", {}) if isinstance(trace, Mapping) else {}
    for item in info.get("assessments") or ():
        source = item.get("source") or {}
        if item.get("assessment_name") == NAME and source.get("source_id") == SOURCE:
            return str(item["assessment_id"])
    return None


def _log(fetcher: Fetcher, verdict: Verdict, earlier: str | None) -> None:
    path = f"{TRACES}/{quote(verdict.trace_id, safe='')}/assessments"
    sure = {} if verdict.score is None else {"confidence": f"{verdict.score:g}"}
    span = {} if verdict.span_id is None else {"span_id": verdict.span_id}
    assessment = {
        "assessment_name": NAME,
        "trace_id": verdict.trace_id,
        "source": {"source_type": "CODE", "source_id": SOURCE},
        "feedback": {"value": verdict.label},
        "rationale": verdict.explanation,
        "metadata": {**verdict.about, **sure, **span},
    }
    fetcher.post(path, {"assessment": assessment})
    if earlier is not None:  # An update would leave the numbers of the old verdict beside the new ones.
        fetcher.delete(f"{path}/{quote(earlier, safe='')}")
