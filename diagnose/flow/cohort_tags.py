"""What traces have in common: their tags, and what is found in their questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from diagnose.attribute import complexity
from diagnose.attribute.topics import TAG, find_topics
from diagnose.flow.found import Scored
from diagnose.score.table import Scorer
from diagnose.stages.complexity import FEATURES, features, tier_of

COMPLEXITY = "complexity"
"""The tag under which tiers of complexity stand among the cohorts."""
TIERS = ("simple", "medium", "complex")
MOST = 20_000
"""Queries above which no tiers are looked for: the model would take longer than the rest of the report."""


def tags_of(scored: Sequence[Scored], scorer: Scorer, seed: int) -> dict[str, Mapping[str, str]]:
    """The tags of each trace, with the topic of its question and its tier of complexity where a log has such. A tag of
    the log's own goes before what is found."""
    topics = find_topics({s.trace.trace_id: s.trace.query.text for s in scored}, seed).of
    tiers = tiers_of(scored, scorer, seed)
    tags: dict[str, Mapping[str, str]] = {}
    for trace in (s.trace for s in scored):
        found = {TAG: topics.get(trace.trace_id), COMPLEXITY: tiers.get(trace.trace_id)}
        tags[trace.trace_id] = {**{k: v for k, v in found.items() if v is not None}, **trace.tags}
    return tags


def tiers_of(scored: Sequence[Scored], scorer: Scorer, seed: int) -> dict[str, str]:
    """The tier of each scored trace's query, by trace id: how likely it is to fail by what is known of it before
    anything is done for it, as a model says that was trained on the other queries.

    Empty where there is too little data, or where that model tells no more than the mean (by its Brier score).
    """
    known = [s for s in scored if s.score is not None]
    fails = np.array([not scorer.passes(s.score) for s in known if s.score is not None], dtype=np.bool_)
    if len(known) > MOST or complexity.refusal(fails) is not None:
        return {}
    x = np.array([[features(s.trace.query)[name] for name in FEATURES] for s in known])
    predicted = complexity.held_out(x, fails, seed)
    if complexity.brier(predicted, fails) >= complexity.brier(np.full(len(fails), fails.mean()), fails):
        return {}
    cuts = complexity.thresholds_of(predicted, len(TIERS))
    if len(cuts) != len(TIERS) - 1:
        return {}
    return {s.trace.trace_id: TIERS[tier_of(p, cuts)] for s, p in zip(known, predicted.tolist(), strict=True)}
