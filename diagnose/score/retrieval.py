"""How well passages are ranked, given which are gold: measures of the library ir-measures.

Measures are named as there (`nDCG@10`, `R@5`, `RR`): the same name in settings, reports and `explain`.
Relevance is binary. A passage listed twice takes up both places and counts as found at the first.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from diagnose.core.score import Score
from diagnose.errors import UsageError, quoted

if TYPE_CHECKING:
    from ir_measures import Measure

Ranking = tuple[Sequence[str], Collection[str]]
"""Ids of passages, best first, and the ids of the gold ones."""

MEASURES: tuple[str, ...] = ("nDCG@10", "R@10", "P@10", "Success@10", "RR", "AP")
"""What is measured unless asked otherwise."""
NO_GOLD = "no gold passages"

_NAME = re.compile(r"(?:nDCG|R|P|Success)@[1-9][0-9]{0,5}|(?:RR|AP)(?:@[1-9][0-9]{0,5})?")
_FORM = "nDCG@K, R@K, P@K, Success@K, RR or AP with a K such as 10"


def is_measure(name: str) -> bool:
    """Whether the name is one of a measure: `nDCG@10` is, `nDCG` (no cutoff) is not."""
    return _NAME.fullmatch(name) is not None


def retrieval_score(ranked: Sequence[str], gold: Collection[str], *, measure: str) -> Score:
    """One measure of one ranked list, 0 to 1; undefined where nothing is gold. UsageError for an unknown one.

    >>> retrieval_score(("d1", "d2", "d3"), {"d2"}, measure="RR").value
    0.5
    """
    return retrieval_scores(ranked, gold, (measure,))[measure]


def retrieval_scores(
    ranked: Sequence[str], gold: Collection[str], measures: Sequence[str] = MEASURES
) -> dict[str, Score]:
    """Several measures of one ranked list, by name."""
    return mean_retrieval_scores([(ranked, gold)], measures)


def mean_retrieval_scores(
    rankings: Sequence[Ranking], measures: Sequence[str] = MEASURES
) -> dict[str, Score]:
    """The mean of each measure over the rankings that have gold passages; undefined where none has.

    A ranking without gold says nothing and is left out; one that found nothing counts 0.
    """
    by_name = {name: _parsed(name) for name in measures}
    judged = [(ranked, gold) for ranked, gold in rankings if gold]
    if not judged:
        return dict.fromkeys(measures, Score(None, NO_GOLD))
    qrels, run = _as_trec(judged)
    values = _values(list(by_name.values()), qrels, run)
    return {name: Score(_mean(values[str(measure)])) for name, measure in by_name.items()}


def _parsed(name: str) -> Measure:
    if not is_measure(name):
        raise UsageError(f"unknown retrieval measure {quoted(name)}: expected {_FORM}")
    import ir_measures

    return ir_measures.parse_measure(name)


def _as_trec(judged: Sequence[Ranking]) -> tuple[dict[str, dict[str, int]], dict[str, dict[str, float]]]:
    """Judgements and runs of the library. Ids become numbers: it orders equal scores by id and passes ids to
    C, which real ids (NULs, lone surrogates) would break."""
    qrels: dict[str, dict[str, int]] = {}
    run: dict[str, dict[str, float]] = {}
    for query, (ranked, gold) in enumerate(judged):
        first_at: dict[str, int] = {}
        for place, passage_id in enumerate(ranked):
            first_at.setdefault(passage_id, place)
        wanted = sorted(set(gold))
        names = (str(first_at[g]) if g in first_at else f"missed-{i}" for i, g in enumerate(wanted))
        qrels[str(query)] = dict.fromkeys(names, 1)
        run[str(query)] = {str(place): float(len(ranked) - place) for place in range(len(ranked))}
    return qrels, run


def _values(
    measures: list[Measure], qrels: dict[str, dict[str, int]], run: dict[str, dict[str, float]]
) -> dict[str, list[float]]:
    import ir_measures

    values: dict[str, list[float]] = {str(measure): [] for measure in measures}
    for found in ir_measures.iter_calc(measures, qrels, run):
        values[str(found.measure)].append(float(found.value))
    return values


def _mean(values: list[float]) -> float:
    """The mean, kept within 0 to 1 against rounding."""
    return min(1.0, max(0.0, math.fsum(values) / len(values)))


AT_ONCE = 4096
"""Values that are held before they are added up."""


class BinaryMeans:
    """Means of measures over ranked lists whose places are marked as relevant or not, one list at a time.

    The same numbers as `mean_retrieval_scores` gives, without a table of all lists: `nDCG@K`, `R@K` and `RR`.
    """

    def __init__(self, measures: Sequence[str]) -> None:
        self.n = 0
        self._measures = [(name, _binary(name)) for name in measures]
        self._values: list[list[float]] = [[] for _ in measures]

    def add(self, places: Sequence[int], missing: int = 0) -> None:
        """Count a list in, by the ranks (from 1, ascending) of what is relevant on it; `missing` gold passages are not
        on it. A list without any gold says nothing."""
        gold = len(places) + missing
        if not gold:
            return
        self.n += 1
        if not places:  # each measure is 0
            return
        for (_, measure), values in zip(self._measures, self._values, strict=True):
            values.append(measure(places, gold))
            if len(values) > AT_ONCE:
                values[:] = [math.fsum(values)]

    def means(self) -> dict[str, float]:
        """The mean of each measure, {} where nothing was counted."""
        if not self.n:
            return {}
        return {
            name: min(1.0, max(0.0, math.fsum(values) / self.n))
            for (name, _), values in zip(self._measures, self._values, strict=True)
        }


def _binary(name: str) -> Callable[[Sequence[int], int], float]:
    """A measure of the ranks (from 1) of relevant places and the number of gold passages."""
    family, _, cutoff = name.partition("@")
    k = int(cutoff or 0)
    if family == "R":
        return lambda places, gold: bisect_right(places, k) / gold
    if family == "RR":
        return lambda places, gold: 1.0 / places[0] if places else 0.0
    if family != "nDCG":
        raise UsageError(f"unknown retrieval measure {quoted(name)}: expected nDCG@K, R@K or RR")
    gains = [1.0 / math.log2(rank + 1) for rank in range(1, k + 1)]
    ideal = [math.fsum(gains[:n]) for n in range(k + 1)]
    return lambda places, gold: math.fsum(gains[r - 1] for r in places if r <= k) / ideal[min(gold, k)]
