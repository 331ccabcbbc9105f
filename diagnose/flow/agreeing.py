"""How far the metric agrees with people, where the log has their marks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from diagnose.core.report import Agreement
from diagnose.core.trace import Gold
from diagnose.errors import DiagnoseError
from diagnose.flow.found import Scored
from diagnose.score.table import Scorer
from diagnose.stats.bootstrap import cluster_sums, percentile_interval
from diagnose.stats.permutation import wilson_interval

MOST_MARKED = 200
"""Marked answers that are compared: each may cost calls of a judge."""
FEWEST_FOR_A_MARK = 20
"""Marked answers below which no other pass mark is suggested."""
RESAMPLES = 1000
SAME = 1e-9


class Marked(NamedTuple):
    """An answer that a person marked as right or not, and the cluster of its trace (None: its own)."""

    answer: str
    gold: Gold
    right: bool
    cluster: str | None


def marked_of(item: Scored, cluster: str | None) -> Marked | None:
    """A trace's marked answer: its feedback is above 0 (right) or below (wrong), and there is a label to score by."""
    outcome, gold = item.trace.outcome, item.trace.gold
    if item.answer is None or gold is None or outcome is None or not outcome.feedback:
        return None
    return Marked(item.answer, gold, outcome.feedback > 0, cluster)


def agreement_of(marked: Iterable[Marked], scorer: Scorer, seed: int) -> Agreement | None:
    """The metric beside people's marks; None where there are none that it can score, or its judge fails."""
    kept: list[Marked] = []
    scores: list[float] = []
    for one in marked:
        try:
            value = scorer.score(one.answer, one.gold).value
        except DiagnoseError:  # A judge that cannot be reached costs the comparison, not the report.
            return None
        if value is not None:
            kept.append(one)
            scores.append(value)
    if not kept:
        return None
    right, score = np.array([one.right for one in kept]), np.array(scores)
    passed = score >= scorer.pass_mark
    low, high = _interval(passed == right, [one.cluster for one in kept], seed)
    best = _best_mark(score, right, scorer.pass_mark)
    return Agreement(
        metric=scorer.metric,
        n=len(kept),
        agrees=float(np.mean(passed == right)),
        low=low,
        high=high,
        kappa=kappa(passed, right),
        too_lenient=int((passed & ~right).sum()),
        too_strict=int((~passed & right).sum()),
        best_pass=best,
        best_agrees=None if best is None else float(np.mean((score >= best) == right)),
    )


def kappa(one: np.ndarray, other: np.ndarray) -> float | None:
    """Agreement of two judges (n,) beyond chance (Cohen 1960): 1 at best, 0 at chance; None where both always say the
    same.

    >>> kappa(np.array([True, True, False, False]), np.array([True, False, False, False]))
    0.5
    """
    chance = one.mean() * other.mean() + (1 - one.mean()) * (1 - other.mean())
    return None if chance >= 1 - SAME else float((np.mean(one == other) - chance) / (1 - chance))


def _interval(
    same: np.ndarray, clusters: Sequence[str | None], seed: int
) -> tuple[float | None, float | None]:
    """95 %: Wilson's; by cluster bootstrap where marks come in clusters (conversations)."""
    if not any(clusters):
        return wilson_interval(int(same.sum()), len(same))
    named = np.array([name or f" {i}" for i, name in enumerate(clusters)])
    counted = np.column_stack([same.astype(float), np.ones(len(same))])
    drawn = cluster_sums(counted, named, RESAMPLES, seed)
    ends = percentile_interval(drawn[:, 0] / drawn[:, 1], n_clusters=len(np.unique(named)))
    return ends or (None, None)


def _best_mark(score: np.ndarray, right: np.ndarray, mark: float) -> float | None:
    """The pass mark that agrees most, where another than `mark` agrees more; of equals the nearest to it."""
    if len(score) < FEWEST_FOR_A_MARK:
        return None
    values = np.unique(score)
    tried = [float(v) for v in (*values[values > 0], *((values[1:] + values[:-1]) / 2)) if 0 < v <= 1]
    agrees = {v: int(((score >= v) == right).sum()) for v in tried}
    now = int(((score >= mark) == right).sum())
    best = min(tried, key=lambda v: (-agrees[v], abs(v - mark)), default=None)
    return round(best, 4) if best is not None and agrees[best] > now else None


def told(found: Agreement) -> str:
    """The agreement as a sentence."""
    ends = "" if found.low is None or found.high is None else f" (95 %: {found.low:.0%} to {found.high:.0%})"
    beyond = "" if found.kappa is None else f", kappa {found.kappa:.2f}"
    better = (
        ""
        if found.best_pass is None or found.best_agrees is None
        else f"; of pass marks {found.best_pass:g} agrees most with these, on {found.best_agrees:.0%}"
    )
    return (
        f"{found.metric} agrees with people on {found.agrees:.0%} of {found.n} answers that they marked{ends}{beyond}: "
        f"it passes {found.too_lenient} that they rejected and fails {found.too_strict} that they accepted{better}"
    )
