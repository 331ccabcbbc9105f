"""What a report says of all traces of a log, gathered one by one, so that none of them has to be kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from diagnose.attribute.cohorts import TagCounts
from diagnose.attribute.detectors import Seen, detected, in_order
from diagnose.attribute.label_first import Unlabelled
from diagnose.core.blame import Blame
from diagnose.core.report import ToLabel
from diagnose.core.trace import Trace
from diagnose.flow.agreeing import MOST_MARKED, Marked, marked_of
from diagnose.flow.cohort_tags import tags_of
from diagnose.flow.found import Scored
from diagnose.flow.retrieval import Retrieval
from diagnose.report.build import Digest, Spending
from diagnose.score.evidence import Evidence, evidence_of
from diagnose.score.table import Scorer

CLUSTER_TAG = "cluster"
"""The tag by which traces are resampled together; without it each trace is its own cluster."""


class Gathered:
    """Counts and sums over the traces of a log. Questions, in which topics are looked for, are kept for the first
    `most_asked` traces (None: all); a log with more has no topics."""

    def __init__(self, scorer: Scorer, most_asked: int | None = None) -> None:
        self.n = self.n_scored = self.n_right = 0
        self.clusters: dict[str, str] = {}
        self.spending = Spending()
        self.retrieval = Retrieval()
        self.digest = Digest()
        self.unlabelled = Unlabelled()
        self.marked: list[Marked] = []
        self._scorer = scorer
        self._total: float = 0
        self._detected: Counter[str] = Counter()
        self._tags = TagCounts()
        self._asked: list[Scored] | None = []
        self._most = most_asked

    def add(self, item: Scored, evidence: Evidence, seen: Seen) -> None:
        """Count a trace in, with the evidence of its label and what the detectors see in it."""
        trace = item.trace
        self.n += 1
        if item.score is not None:
            self.n_scored += 1
            self._total += item.score
            self.n_right += self._scorer.passes(item.score)
        if (cluster := trace.tags.get(CLUSTER_TAG)) is not None:
            self.clusters[trace.trace_id] = cluster
        if len(self.marked) < MOST_MARKED and (one := marked_of(item, cluster)) is not None:
            self.marked.append(one)
        self.spending.add(trace)
        self.retrieval.add(trace, evidence)
        self.digest.add(trace)
        for role, mode in seen:
            self._detected[f"{role}.{mode}"] += 1
        self._tags.add(trace.tags)
        if self._asked is not None:
            light = Trace(trace.trace_id, trace.query, tags=trace.tags)
            self._asked.append(Scored(light, None, item.score))
            if self._most is not None and self.n > self._most:
                self._asked = None

    @property
    def score(self) -> float | None:
        """The mean score, None where nothing was scored."""
        return self._total / self.n_scored if self.n_scored else None

    @property
    def detected(self) -> dict[str, int]:
        """How many traces show what, keyed `role.mode`, commonest first."""
        return in_order(self._detected)

    @property
    def label_first(self) -> tuple[ToLabel, ...]:
        """What to label first."""
        return self.unlabelled.first()

    @property
    def too_many(self) -> bool:
        """Whether there were more traces than topics are looked for in."""
        return self._asked is None

    def tagged(self, blames: Iterable[Blame], seed: int) -> tuple[list[Mapping[str, str]], TagCounts]:
        """The tags of each failure, and how many traces have each value of each, with topics and tiers of complexity
        where there are any."""
        if self._asked is None:
            return [blame.tags for blame in blames], self._tags
        tags = tags_of(self._asked, self._scorer, seed)
        counts = TagCounts()
        for of_trace in tags.values():
            counts.add(of_trace)
        return [tags[blame.trace_id] for blame in blames], counts


def gathered(scored: Iterable[Scored], blames: Iterable[Blame], scorer: Scorer) -> Gathered:
    """What a report says of all traces of a log that is at hand."""
    wanting = {b.trace_id for b in blames if b.undecided and b.undecided.reason == "no-label"}
    found = Gathered(scorer)
    for item in scored:
        trace = item.trace
        seen = detected(trace, scorer.abstention)
        found.add(item, evidence_of(trace.gold) if trace.gold is not None else Evidence(()), seen)
        if item.score is None or trace.trace_id in wanting:
            found.unlabelled.add(trace, trace.trace_id in wanting, seen)
    return found
