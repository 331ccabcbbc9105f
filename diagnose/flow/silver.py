"""Silver references: a stated stronger pipeline's answers where a log has no labels, marked as such everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from diagnose.core.report import Report
from diagnose.core.trace import Gold, Trace
from diagnose.flow.found import Progress, silent
from diagnose.replay.run import Broken, Meter, Runner, replayed
from diagnose.score.abstention import abstains

TAG = "reference"
"""The tag of a trace whose reference is no label; its value names the pipeline that gave it."""


@dataclass(frozen=True)
class Silvered:
    """The log with silver references, how many traces have one, and how many the stronger pipeline did not answer."""

    traces: tuple[Trace, ...]
    name: str
    n: int
    unanswered: int

    @property
    def mark(self) -> str:
        """What opens every headline that rests on them."""
        return f"Silver references ({self.n} of {len(self.traces)} are answers of {self.name}, not labels): "


def silvered(traces: Sequence[Trace], stronger: Runner, progress: Progress = silent) -> Silvered:
    """Give every trace without accepted answers those of the stronger pipeline.

    A trace that has a label keeps it, one labelled unanswerable as well. Where the stronger pipeline fails or abstains
    the trace stays as it is: that it found no answer does not say that there is none.
    """
    pipeline = stronger.pipeline
    found: list[Trace] = []
    n = unanswered = 0
    for trace in traces:
        found.append(trace)
        progress(len(found), len(traces))
        if trace.gold is not None and (trace.gold.answers or not trace.gold.answerable):
            continue
        answer = _answer(trace, stronger)
        if answer is None or abstains(answer, pipeline.abstention):
            unanswered += 1
            continue
        n += 1
        gold = msgspec.structs.replace(trace.gold or Gold(), answers=(answer,))
        tags = {**trace.tags, TAG: f"silver: {pipeline.name}"}
        found[-1] = msgspec.structs.replace(trace, gold=gold, tags=tags)
    return Silvered(tuple(found), pipeline.name, n, unanswered)


def _answer(trace: Trace, stronger: Runner) -> str | None:
    try:
        said = replayed(stronger, trace.query, Meter()).said
    except Broken:
        return None
    return said.strip() or None if said else None


def marked(report: Report, silver: Silvered | None) -> Report:
    """The report whose headline says what its references are."""
    if silver is None or not silver.n:
        return report
    return msgspec.structs.replace(report, headline=silver.mark + report.headline)
