"""A log that is not replayed, from file to report in one pass: traces come by, and none of them is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec

from diagnose.attribute.detectors import Seen as Detected
from diagnose.attribute.detectors import detected
from diagnose.core.artifact import Frozen
from diagnose.core.blame import Blame
from diagnose.core.outcome import TraceOutcome
from diagnose.core.replay import Case
from diagnose.core.trace import Trace
from diagnose.flow.faithful import is_lucky
from diagnose.flow.found import Found, Scored
from diagnose.flow.gathered import Gathered
from diagnose.flow.logged import failed, logged_case, scored, unreplayed
from diagnose.flow.outcomes import outcome_of
from diagnose.score.evidence import Evidence
from diagnose.score.label import Label, Library, label_of
from diagnose.score.table import Scorer

T = TypeVar("T")

MOST_ASKED = 5_000
"""Traces up to which topics and tiers of complexity are looked for: they hold every question."""
NO_EVIDENCE = Evidence(())


class Seen(Frozen, frozen=True):
    """What one trace came to: its outcome and, where it failed, what is known of the failure."""

    outcome: TraceOutcome
    blame: Blame | None = None
    case: Case | None = None


class Streamed:
    """A log as it streams by. Of all failures what counts in a report stays, and of the first `shown` of every verdict
    all that a page shows."""

    def __init__(self, scorer: Scorer, shown: int) -> None:
        self.log = Gathered(scorer, MOST_ASKED)
        self._scorer = scorer
        self._shown = shown
        self._library = Library(None)
        self._blames: list[Blame] = []
        self._cases: list[Case] = []
        self._fragile: list[str] = []
        self._of_verdict: Counter[str] = Counter()
        self._same: dict[object, object] = {}

    def see(self, traces: Sequence[Trace]) -> Iterator[Seen]:
        """Take in the next traces.

        Each step is taken for all of them before the next one: a processor that does the same thing some fifty times
        in a row needs three quarters of the time."""
        scorer = self._scorer
        items = [scored(trace, scorer) for trace in traces]
        labels = [label_of(t.gold, t.query, self._library, scorer.abstention) for t in traces]
        seens = [detected(trace, scorer.abstention) for trace in traces]
        for item, label, seen in zip(items, labels, seens, strict=True):
            self.log.add(item, label.evidence if label is not None else NO_EVIDENCE, seen)
        outcomes = [outcome_of(item, scorer.pass_mark) for item in items]
        for item, label, seen, outcome in zip(items, labels, seens, outcomes, strict=True):
            yield (
                self._failure(item, label, seen, outcome)
                if failed(item, scorer)
                else self._passing(item, label, seen, outcome)
            )

    def _passing(self, item: Scored, label: Label | None, seen: Detected, outcome: TraceOutcome) -> Seen:
        if item.score is None:
            self.log.unlabelled.add(item.trace, False, seen)
        elif is_lucky(item.trace, label):
            self._fragile.append(item.trace.trace_id)
        return Seen(outcome)

    def _failure(self, item: Scored, label: Label | None, seen: Detected, outcome: TraceOutcome) -> Seen:
        blame, case = unreplayed(item, label, self._scorer, seen=seen), logged_case(item, label)
        if blame.undecided is not None and blame.undecided.reason == "no-label":
            self.log.unlabelled.add(item.trace, True, seen)
        self._keep(blame, case)
        return Seen(outcome, blame, case)

    def found(self) -> Found:
        """What came of it; the traces themselves are not in it, and the cases only of failures that may be shown."""
        return Found((), tuple(self._blames), cases=tuple(self._cases), fragile=tuple(self._fragile))

    def _keep(self, blame: Blame, case: Case) -> None:
        self._of_verdict[blame.verdict] += 1
        if self._of_verdict[blame.verdict] <= self._shown:
            self._blames.append(blame)
            self._cases.append(case)
            return
        # What most failures have alike is kept once; where nobody asks any more which of them they are, all of it.
        if self.log.too_many and blame.verdict == "undecided":
            alike = msgspec.structs.replace(blame, trace_id="", evidence=None)
            kind = (blame.level, blame.undecided, blame.funnel, tuple(blame.tags.items()))
            self._blames.append(self._once(kind, alike))
            return
        self._blames.append(
            msgspec.structs.replace(
                blame,
                evidence=None,
                funnel=self._once(blame.funnel, blame.funnel),
                undecided=self._once(blame.undecided, blame.undecided),
                tags=self._once(tuple(blame.tags.items()), blame.tags),
            )
        )

    def _once(self, key: object, value: T) -> T:
        return self._same.setdefault(key, value)  # type: ignore[return-value]
