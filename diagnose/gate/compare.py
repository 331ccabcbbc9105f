"""Two sides compared: the score, each stage's blame, cohorts, and the traces that came out otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from diagnose.core.baseline import Baseline, BaselineRow
from diagnose.core.stage import Role, in_order
from diagnose.core.verdict import CohortChange, Comparison, Delta, Identity, Moved, StageChange
from diagnose.gate import words
from diagnose.gate.change import Chance, delta, paired_p
from diagnose.gate.pairs import CLUSTER_TAG, Pairs
from diagnose.stats.permutation import holm

Floats = NDArray[np.float64]

FEWEST = 5
"""Pairs that a cohort needs to be listed."""
MOST_COHORTS = 50
"""Cohorts that are listed: the largest."""


def compared(pairs: Pairs, names: tuple[str, str], chance: Chance) -> Comparison:
    """The comparison of two sides; `names` are what reports call them, before and after."""
    before, after = pairs.scores()
    failed = pairs.failed(0), pairs.failed(1)
    p_value = score_p(pairs, chance)
    score = delta(before, after, p_value, pairs.clusters, chance)
    regressed = list(_moved(pairs, ~failed[0] & failed[1]))
    stages = tuple(_stage(pairs, role, regressed, chance) for role in roles_of(pairs))
    repaired = tuple(sorted(_moved(pairs, failed[0] & ~failed[1]), key=_fall, reverse=True))
    return Comparison(
        before=names[0],
        after=names[1],
        n_before=len(pairs.before.rows),
        n_after=len(pairs.after.rows),
        score=score,
        flips=round(float((failed[0] != failed[1]).mean()), 9),
        stages=stages,
        cohorts=_cohorts(pairs, chance),
        regressed=tuple(sorted(regressed, key=_fall)),
        repaired=repaired,
        failing=tuple(_moved(pairs, failed[0] & failed[1])),
        changed=pairs.changed,
        steady=pairs.steady,
        headline=_headline(score.change, score.before, score.after, len(regressed), len(repaired), stages),
        notes=(*pairs.notes, *_remarks(pairs)),
    )


def score_p(pairs: Pairs, chance: Chance) -> float:
    """One-sided p-value of a drop of the score, from scores as far as they held where failures were
    replayed."""
    before, after = pairs.held() or pairs.scores()
    return paired_p(after - before, "less", pairs.clusters, chance)


def roles_of(pairs: Pairs) -> tuple[Role, ...]:
    """Every role that either side has, in pipeline order."""
    return in_order(tuple({*pairs.before.roles, *pairs.after.roles}))


def parts(pairs: Pairs, role: Role, field: str) -> tuple[Floats, Floats]:
    """What a stage has of every paired trace, (n,) before and after; `field` is `blame` or `alone`."""

    def column(rows: Iterator[BaselineRow]) -> Floats:
        return np.array([getattr(row, field).get(role, 0.0) for row in rows], dtype=np.float64)

    return column(a for a, _ in pairs.rows), column(b for _, b in pairs.rows)


def _stage(pairs: Pairs, role: Role, regressed: list[Moved], chance: Chance) -> StageChange:
    blame = None
    if pairs.replayed:
        before, after = parts(pairs, role, "blame")
        p_value = paired_p(after - before, "greater", pairs.clusters, chance)
        blame = delta(before, after, p_value, pairs.clusters, chance)
    convicted = sum(trace.verdict_after == role for trace in regressed)
    return StageChange(role, _identity(pairs.before, pairs.after, role), blame, convicted)


def _identity(before: Baseline, after: Baseline, role: Role) -> Identity:
    if not before.stages or not after.stages:
        return "unknown"
    a, b = (next((s.fingerprint for s in side.stages if s.role == role), None) for side in (before, after))
    if a == b:
        return "same"
    return "added" if a is None else "removed" if b is None else "changed"


def _moved(pairs: Pairs, which: NDArray[np.bool_]) -> Iterator[Moved]:
    for i in np.flatnonzero(which):
        a, b = pairs.rows[int(i)]
        yield Moved(
            trace_id=b.trace_id,
            before=a.score or 0.0,
            after=b.score or 0.0,
            verdict_before=a.verdict,
            verdict_after=b.verdict,
            mode_before=a.mode,
            mode_after=b.mode,
        )


def _fall(trace: Moved) -> float:
    return trace.after - trace.before


def _cohorts(pairs: Pairs, chance: Chance) -> tuple[CohortChange, ...]:
    """The changes within each tag's values, for tags that have several; p-values corrected over them all."""
    sizes = Counter((t, v) for _, row in pairs.rows for t, v in row.tags.items() if t != CLUSTER_TAG)
    values = Counter(tag for tag, _ in sizes)
    listed = [key for key, n in sizes.most_common() if n >= FEWEST and values[key[0]] > 1][:MOST_COHORTS]
    before, after = pairs.scores()
    found = []
    for tag, value in listed:
        inside = np.array([row.tags.get(tag) == value for _, row in pairs.rows], dtype=np.bool_)
        clusters = None if pairs.clusters is None else pairs.clusters[inside]
        p_value = paired_p((after - before)[inside], "less", clusters, chance)
        found.append((tag, value, delta(before[inside], after[inside], p_value, clusters, chance)))
    corrected = holm([d.p_value or 1.0 for _, _, d in found])
    return tuple(
        CohortChange(tag, value, _with_p(d, p)) for (tag, value, d), p in zip(found, corrected, strict=True)
    )


def _with_p(found: Delta, p_value: float) -> Delta:
    return Delta(found.n, found.before, found.after, found.change, found.low, found.high, round(p_value, 9))


def _remarks(pairs: Pairs) -> Iterator[str]:
    for name, side in (("baseline", pairs.before), ("report", pairs.after)):
        if not side.replayed:
            yield f"failures of the {name} were not replayed: nothing is known of its stages' blame"


def _headline(
    change: float, before: float, after: float, n_worse: int, n_better: int, stages: tuple[StageChange, ...]
) -> str:
    said = f"Mean score {words.score(before)} → {words.score(after)} ({words.moved(change)}): "
    said += f"{words.count(n_worse, 'trace')} regressed, {n_better:,} repaired."
    risen = [s for s in stages if s.blame is not None and words.points(s.blame.change) != "0 points"]
    risen.sort(key=lambda s: -abs(s.blame.change if s.blame else 0.0))
    told = ", ".join(
        f"the {s.role} {'costs' if s.blame.change > 0 else 'saves'} {words.points(s.blame.change)} more"
        for s in risen[:3]
        if s.blame
    )
    return f"{said} {told[0].upper()}{told[1:]}." if told else said
