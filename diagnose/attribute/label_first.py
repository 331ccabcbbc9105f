"""Which traces to label first: those that a label would tell most about."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Set

from diagnose.attribute.detectors import Seen, detected
from diagnose.core.report import ToLabel
from diagnose.core.trace import Trace

MOST = 20
"""Traces that are named."""
FAILED = "it failed, and nothing says by what a right answer is told"
DISLIKED = "a user found it wrong"


class Unlabelled:
    """Traces without a usable label, gathered one by one: those alike in all that is known of them are counted, and
    the first `MOST` of them named."""

    def __init__(self) -> None:
        self._n = 0
        self._alike: dict[tuple[bool, bool, tuple[str, ...]], list[tuple[int, str]]] = {}
        self._counts: Counter[str] = Counter()

    def add(self, trace: Trace, failed: bool, seen: Seen) -> None:
        """Count a trace in; `failed` says that it is known to have failed."""
        names = tuple(f"{role} {mode}" for role, mode in seen)
        alike = self._alike.setdefault((failed, _disliked(trace), names), [])
        if len(alike) < MOST:
            alike.append((self._n, trace.trace_id))
        self._counts.update(set(names))
        self._n += 1

    def first(self) -> tuple[ToLabel, ...]:
        """The traces in the order in which labels are worth most, at most `MOST`."""
        told: list[tuple[tuple[bool, bool, float, int], ToLabel]] = []
        for (failed, disliked, names), alike in self._alike.items():
            rare = sum(-math.log(self._counts[name] / self._n) for name in set(names))
            if failed or disliked or rare > 0:
                why = (*((FAILED,) if failed else ()), *((DISLIKED,) if disliked else ()), *names)
                told += [((not failed, not disliked, -rare, at), ToLabel(name, why)) for at, name in alike]
        return tuple(one for _, one in sorted(told, key=lambda item: item[0])[:MOST])


def label_first(unlabelled: Iterable[Trace], failing: Set[str], abstention: str) -> tuple[ToLabel, ...]:
    """The traces without a usable label, in the order in which labels are worth most, at most `MOST`.

    First what is known to have failed (`failing`, by trace id), then what users disliked, then what the log makes
    suspect: each detector counts by how rare it is in these traces, −log of its frequency, so that what is true of
    all of them says nothing. Traces of which nothing is known are not named.
    """
    found = Unlabelled()
    for trace in unlabelled:
        found.add(trace, trace.trace_id in failing, detected(trace, abstention))
    return found.first()


def _disliked(trace: Trace) -> bool:
    feedback = trace.outcome.feedback if trace.outcome is not None else None
    return feedback is not None and feedback < 0
