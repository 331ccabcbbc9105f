"""Which traces to label first: those that a label would tell most about."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Set

from diagnose.attribute.detectors import detected
from diagnose.core.report import ToLabel
from diagnose.core.trace import Trace

MOST = 20
"""Traces that are named."""
FAILED = "it failed, and nothing says by what a right answer is told"
DISLIKED = "a user found it wrong"


def label_first(unlabelled: Iterable[Trace], failing: Set[str], abstention: str) -> tuple[ToLabel, ...]:
    """The traces without a usable label, in the order in which labels are worth most, at most `MOST`.

    First what is known to have failed (`failing`, by trace id), then what users disliked, then what the log makes
    suspect: each detector counts by how rare it is in these traces, −log of its frequency, so that what is true of
    all of them says nothing. Traces of which nothing is known are not named.
    """
    traces = list(unlabelled)
    seen = [tuple(f"{role} {mode}" for role, mode in detected(trace, abstention)) for trace in traces]
    counts = Counter(name for names in seen for name in set(names))
    told: list[tuple[tuple[bool, bool, float], ToLabel]] = []
    for trace, names in zip(traces, seen, strict=True):
        failed, disliked = trace.trace_id in failing, _disliked(trace)
        rare = sum(-math.log(counts[name] / len(traces)) for name in set(names))
        if failed or disliked or rare > 0:
            why = (*((FAILED,) if failed else ()), *((DISLIKED,) if disliked else ()), *names)
            told.append(((not failed, not disliked, -rare), ToLabel(trace.trace_id, why)))
    return tuple(one for _, one in sorted(told, key=lambda item: item[0])[:MOST])


def _disliked(trace: Trace) -> bool:
    feedback = trace.outcome.feedback if trace.outcome is not None else None
    return feedback is not None and feedback < 0
