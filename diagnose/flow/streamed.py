"""A log that is not replayed, from file to report in one pass: traces come by, and none of them is kept."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from diagnose.attribute.detectors import detected
from diagnose.core.blame import Blame
from diagnose.core.outcome import TraceOutcome
from diagnose.core.replay import Case
from diagnose.core.trace import Trace
from diagnose.flow.faithful import is_lucky
from diagnose.flow.found import Found
from diagnose.flow.gathered import Gathered
from diagnose.flow.logged import failed, logged_case, scored, unreplayed
from diagnose.flow.outcomes import outcome_of
from diagnose.score.evidence import Evidence
from diagnose.score.label import Library, label_of
from diagnose.score.table import Scorer

T = TypeVar("T")

MOST_ASKED = 5_000
"""Traces up to which topics and tiers of complexity are looked for: they hold every question."""
NO_EVIDENCE = Evidence(())


@dataclass(frozen=True)
class Seen:
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

    def see(self, trace: Trace) -> Seen:
        """Take in the next trace."""
        scorer = self._scorer
        item = scored(trace, scorer)
        label = label_of(trace.gold, trace.query, self._library, scorer.abstention)
        seen = detected(trace, scorer.abstention)
        self.log.add(item, label.evidence if label is not None else NO_EVIDENCE, seen)
        outcome = outcome_of(item, scorer.pass_mark)
        if not failed(item, scorer):
            if item.score is None:
                self.log.unlabelled.add(trace, False, seen)
            elif is_lucky(trace, label):
                self._fragile.append(trace.trace_id)
            return Seen(outcome)
        blame, case = unreplayed(item, label, scorer, seen=seen), logged_case(item, label)
        if blame.undecided is not None and blame.undecided.reason == "no-label":
            self.log.unlabelled.add(trace, True, seen)
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
