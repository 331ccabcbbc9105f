"""What every rule but the first measures, before anything is said of chance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diagnose.core.stage import Role
from diagnose.core.verdict import Comparison, Delta, RuleKind, StageChange
from diagnose.gate import words
from diagnose.gate.change import Chance, delta, interval, paired_p
from diagnose.gate.compare import parts, roles_of
from diagnose.gate.pairs import Pairs
from diagnose.gate.rules import Rules
from diagnose.stats.bootstrap import cluster_sums
from diagnose.stats.permutation import mcnemar_exact

Floats = NDArray[np.float64]

ROUNDING = 1e-9
ROW_FIELDS: dict[RuleKind, str] = {"cost": "cost", "latency": "elapsed_s", "tokens": "tokens"}
WHAT: dict[RuleKind, str] = {"cost": "cost", "latency": "seconds", "tokens": "tokens"}


@dataclass(frozen=True)
class Measured:
    """What a rule measures. `beyond` its `limit`; `alarming` where that counts as inconclusive when chance
    explains it; `certain` where chance has no part in it. `unknown` says why nothing was measured, which
    is inconclusive for a rule that was `asked` for."""

    rule: RuleKind
    of: str | None
    limit: float
    says: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    beyond: bool = False
    alarming: bool = True
    certain: bool = False
    unknown: str | None = None
    asked: bool = True


def measured(pairs: Pairs, rules: Rules, comparison: Comparison, chance: Chance) -> list[Measured]:
    """All rules but the score's, in the order in which they are told."""
    found = [*_blame(rules, comparison), *_fix_alone(pairs, rules, chance)]
    if rules.new_failures is not None:
        found.append(new_failures(pairs, rules))
    found += [*_fidelity(pairs, rules), *_undecided(pairs, rules)]
    found += [*_spending(pairs, rules, chance), *_cohorts(pairs, rules, chance)]
    return found


def new_failures(pairs: Pairs, rules: Rules) -> Measured:
    """Traces that passed before and fail now. Where both systems are steady each of them is real; else they
    are held against those that were repaired, by the exact McNemar test."""
    before, after = pairs.failed(0), pairs.failed(1)
    new, mended = int((~before & after).sum()), int((before & ~after).sum())
    limit = rules.new_failures or 0
    passed = int((~before).sum())
    return Measured(
        rule="new_failures",
        of=None,
        limit=float(limit),
        says=f"{words.count(new, 'trace')} of {passed:,} that passed before now "
        f"{'fails' if new == 1 else 'fail'} ({mended:,} the other way round; at most {limit:,} may)",
        value=float(new),
        p_value=mcnemar_exact(new, mended, "less"),
        beyond=new > limit,
        certain=pairs.steady,
    )


def _blame(rules: Rules, comparison: Comparison) -> Iterator[Measured]:
    for stage in comparison.stages:
        asked = stage.role in rules.blame
        limit = rules.blame.get(stage.role, rules.blame_any)
        if limit is not None:
            yield _blame_of(stage, limit, asked, rules.margin)
    for role in rules.blame.keys() - {stage.role for stage in comparison.stages}:
        yield Measured("blame", role, rules.blame[role], unknown=f"neither side has a {role}")


def _blame_of(stage: StageChange, limit: float, asked: bool, margin: float) -> Measured:
    if stage.blame is None:
        why = "one side was not replayed, so that blame is not known"
        return Measured("blame", stage.role, limit, unknown=why, asked=asked)
    alarm = limit if asked else max(limit, margin)
    return _rise("blame", stage.role, limit, stage.blame, "costs", alarm)


def _rise(rule: RuleKind, of: Role, limit: float, found: Delta, verb: str, alarm: float) -> Measured:
    spread = f" ({words.between(found)})" if found.low is not None else ""
    return Measured(
        rule=rule,
        of=of,
        limit=limit,
        says=f"{verb} {words.points(found.after)}, before {words.points(found.before)}{spread}",
        value=found.change,
        low=found.low,
        high=found.high,
        p_value=found.p_value,
        beyond=found.change > limit + ROUNDING,
        alarming=found.change > alarm + ROUNDING,
    )


def _fix_alone(pairs: Pairs, rules: Rules, chance: Chance) -> Iterator[Measured]:
    for role, limit in rules.fix_alone.items():
        if role not in roles_of(pairs) or not pairs.replayed:
            why = "one side was not replayed" if role in roles_of(pairs) else f"neither side has a {role}"
            yield Measured("fix_alone", role, limit, unknown=f"{why}, so that its gain is not known")
            continue
        before, after = parts(pairs, role, "alone")
        p_value = paired_p(after - before, "greater", pairs.clusters, chance)
        found = delta(before, after, p_value, pairs.clusters, chance)
        yield _rise("fix_alone", role, limit, found, "repaired alone it would win", limit)


def _fidelity(pairs: Pairs, rules: Rules) -> Iterator[Measured]:
    seen = pairs.after.fidelity
    floors = dict.fromkeys(seen, rules.fidelity_any) if rules.fidelity_any is not None else {}
    for role, floor in {**floors, **rules.fidelity}.items():
        if floor is None:
            continue
        if role not in seen:
            yield Measured(
                "fidelity", role, floor, unknown=f"no replay of the {role} was compared with the log"
            )
            continue
        same = round(seen[role].same * seen[role].n)
        yield Measured(
            rule="fidelity",
            of=role,
            limit=floor,
            says=f"{same:,} of {seen[role].n:,} replays with nothing changed gave what the log says "
            f"(floor {floor:.0%})",
            value=seen[role].same,
            p_value=_binomial_at_most(same, seen[role].n, floor),
            beyond=seen[role].same < floor - ROUNDING,
        )
    if rules.fidelity_any is not None and not seen:
        yield Measured("fidelity", None, rules.fidelity_any, unknown="nothing was replayed")


def _undecided(pairs: Pairs, rules: Rules) -> Iterator[Measured]:
    if rules.undecided is None:
        return
    n, k = pairs.after.n_failures, pairs.after.undecided
    part = k / n if n else 0.0
    yield Measured(
        rule="undecided",
        of=None,
        limit=rules.undecided,
        says=f"{k:,} of {words.count(n, 'failure')} without a verdict (ceiling {rules.undecided:.0%})",
        value=round(part, 9),
        p_value=_binomial_at_most(n - k, n, 1.0 - rules.undecided),
        beyond=part > rules.undecided + ROUNDING,
    )


def _binomial_at_most(k: int, n: int, p: float) -> float:
    """Probability of at most `k` of `n` where each has probability `p`."""
    from scipy.special import bdtr

    if p >= 1.0:
        return 1.0 if k >= n else 0.0
    return 1.0 if n == 0 or p <= 0.0 else float(bdtr(k, n, p))


def _spending(pairs: Pairs, rules: Rules, chance: Chance) -> Iterator[Measured]:
    limits: list[tuple[RuleKind, float | None]] = [
        ("cost", rules.cost),
        ("latency", rules.latency),
        ("tokens", rules.tokens),
    ]
    for rule, limit in limits:
        if limit is not None:
            yield _spent(pairs, rule, limit, chance)


def _spent(pairs: Pairs, rule: RuleKind, limit: float, chance: Chance) -> Measured:
    """The rise per query as a part of what it was, over the traces for which both logs have it."""
    field = ROW_FIELDS[rule]
    known = [i for i, (a, b) in enumerate(pairs.rows) if None not in (getattr(a, field), getattr(b, field))]
    before = np.array([getattr(pairs.rows[i][0], field) for i in known], dtype=np.float64)
    after = np.array([getattr(pairs.rows[i][1], field) for i in known], dtype=np.float64)
    if not known or before.sum() <= 0.0:
        why = f"the logs of the two sides do not both have {WHAT[rule]} per query"
        return Measured(rule, None, limit, unknown=why)
    clusters = None if pairs.clusters is None else pairs.clusters[known]
    rise = float(after.sum() / before.sum()) - 1.0
    low, high = interval(after - before, clusters, chance)
    mean = float(before.mean())
    return Measured(
        rule=rule,
        of=None,
        limit=limit,
        says=f"{_short(mean)} → {_short(float(after.mean()))} {WHAT[rule]} per query, {rise:+.1%} "
        f"(at most {limit:+.1%})",
        value=round(rise, 9),
        low=None if low is None else round(low / mean, 9),
        high=None if high is None else round(high / mean, 9),
        p_value=paired_p(after - before, "greater", clusters, chance),
        beyond=rise > limit + ROUNDING,
    )


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _cohorts(pairs: Pairs, rules: Rules, chance: Chance) -> Iterator[Measured]:
    _, scores = pairs.scores()
    for (tag, value), floor in rules.cohorts.items():
        inside = np.array([row.tags.get(tag) == value for _, row in pairs.rows], dtype=np.bool_)
        name = f"{tag}={value}"
        if not inside.any():
            yield Measured("cohort", name, floor, unknown="no paired trace has this tag")
            continue
        mean = float(scores[inside].mean())
        clusters = None if pairs.clusters is None else pairs.clusters[inside]
        low, high = interval(scores[inside], clusters, chance)
        yield Measured(
            rule="cohort",
            of=name,
            limit=floor,
            says=f"mean score {words.score(mean)} over {words.count(int(inside.sum()), 'trace')} "
            f"(floor {floor:g})",
            value=round(mean, 9),
            low=low,
            high=high,
            p_value=_below_floor(scores[inside], floor, clusters, chance),
            beyond=mean < floor - ROUNDING,
        )


def _below_floor(scores: Floats, floor: float, clusters: NDArray[np.str_] | None, chance: Chance) -> float:
    """p-value of a mean as low as this if it were at the floor: binomial for right and wrong answers, else
    from the bootstrap of the mean, moved to the floor."""
    binary = bool(np.isin(scores, (0.0, 1.0)).all())
    if binary and clusters is None:
        return _binomial_at_most(int(scores.sum()), len(scores), floor)

    columns = np.stack([scores - scores.mean(), np.ones(len(scores))], axis=1)
    drawn = cluster_sums(columns, clusters, chance.permutations, chance.seed)
    means = drawn[:, 0] / drawn[:, 1] + floor
    return float((np.sum(means <= scores.mean() + ROUNDING) + 1) / (chance.permutations + 1))
