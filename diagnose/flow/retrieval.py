"""Retrieval measures of the logged lists."""

from __future__ import annotations

from diagnose.core.artifact import Passage, Passages
from diagnose.core.stage import Role
from diagnose.flow.found import Found
from diagnose.score.evidence import Evidence, evidence_of
from diagnose.score.retrieval import mean_retrieval_scores

LISTS: tuple[Role, ...] = ("retriever", "ranker")
MEASURES = ("R@5", "R@20", "nDCG@10", "RR")


def retrieval_of(found: Found) -> dict[Role, dict[str, float]]:
    """The mean of each measure over the logged lists of traces whose gold passages are labelled.

    Whether a passage is relevant is judged by the evidence rule, on text and not on ids.
    """
    labelled = [(s.trace, evidence_of(s.trace.gold)) for s in found.scored if s.trace.gold]
    table: dict[Role, dict[str, float]] = {}
    for role in LISTS:
        rankings = [
            _ranking(output.passages, evidence)
            for trace, evidence in labelled
            if evidence and isinstance(output := trace.output(role), Passages)
        ]
        if rankings:
            scores = mean_retrieval_scores(rankings, MEASURES)
            table[role] = {name: round(s.value, 6) for name, s in scores.items() if s.value is not None}
    return table


def _ranking(passages: tuple[Passage, ...], evidence: Evidence) -> tuple[list[str], set[str]]:
    """Places in the list as ids, and those that carry evidence; gold passages that are not there count
    too."""
    marks = evidence.bearing(passages)
    missing = len(evidence.golds) - len(evidence.held(passages))
    if evidence.match == "any" and any(marks):
        missing = 0
    gold = {str(i) for i, mark in enumerate(marks) if mark} | {f"missing-{i}" for i in range(missing)}
    return [str(i) for i in range(len(passages))], gold
