"""Retrieval measures of the logged lists."""

from __future__ import annotations

from diagnose.core.artifact import Passage, Passages
from diagnose.core.stage import Role
from diagnose.core.trace import Trace
from diagnose.score.evidence import Evidence
from diagnose.score.retrieval import BinaryMeans

LISTS: tuple[Role, ...] = ("retriever", "ranker")
MEASURES = ("R@5", "R@20", "nDCG@10", "RR")


class Retrieval:
    """The mean of each measure over the logged lists of traces whose gold passages are labelled, trace by trace.

    Whether a passage is relevant is judged by the evidence rule, on text and not on ids.
    """

    def __init__(self) -> None:
        self._of = {role: BinaryMeans(MEASURES) for role in LISTS}

    def add(self, trace: Trace, evidence: Evidence) -> None:
        """Count a trace in."""
        if not evidence:
            return
        for step in trace.steps:
            if step.role in self._of and isinstance(step.output, Passages):
                self._of[step.role].add(*_ranked(step.output.passages, evidence))

    def means(self) -> dict[Role, dict[str, float]]:
        """The means by role and measure, for the roles that have such lists."""
        return {
            role: {name: round(value, 6) for name, value in means.means().items()}
            for role, means in self._of.items()
            if means.n
        }


def _ranked(passages: tuple[Passage, ...], evidence: Evidence) -> tuple[list[int], int]:
    """The ranks of passages that carry evidence, and how many gold passages are not there."""
    places = evidence.places(passages)
    ranks = sorted({i + 1 for place in places for i in place})
    return ranks, 0 if evidence.match == "any" and ranks else places.count(())
