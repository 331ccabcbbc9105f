"""What is behind the ranking: gains, modes with their remedies, pairs of repairs, cohorts, cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

from diagnose.core.blame import Blame
from diagnose.core.entry import Entry
from diagnose.core.report import Cohort, FixStep, Gain, Report
from diagnose.core.stage import ROLES, Role
from diagnose.report import numbers, phrases
from diagnose.report.buys import pair_line
from diagnose.report.html.funnel import Flow, flow_of
from diagnose.report.html.scale import Bar, Scale, bar_of, scale_of

SHADES = 9
"""Steps of a shade of the heat map."""
COHORTS = 60
"""Rows of the heat map: those with most failures, and those that depart."""
PAIRS = 6

Modes = Mapping[tuple[str, str], Entry]


class Alone(NamedTuple):
    """What repairing one stage alone would win."""

    role: Role
    gain: Gain
    bar: Bar


class Fixed(NamedTuple):
    """A step of the fix order: the bar goes from what was there before to what is then."""

    step: FixStep
    start: float
    width: float


class Failed(NamedTuple):
    """One way in which a stage failed. `first` holds its number of modes on the first line of a stage."""

    role: Role
    mode: str
    n: int
    width: float
    means: str
    remedy: str
    first: int


class Pair(NamedTuple):
    """Two stages and the number of failures in which their repairs go together or stand in for each other."""

    roles: tuple[Role, Role]
    n: int


class Shaded(NamedTuple):
    """A cell of the heat map."""

    role: Role
    share: str
    shade: int


class CohortRow(NamedTuple):
    """A line of the heat map; `first` holds the number of cohorts of its tag on the first line of a tag."""

    cohort: Cohort
    cells: tuple[Shaded, ...]
    first: int


class Spent(NamedTuple):
    """What a stage cost, as far as the log tells."""

    role: Role
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Why:
    """The view of the second part of the page."""

    flow: Flow | None
    gain_scale: Scale
    alone: tuple[Alone, ...]
    fixes: tuple[Fixed, ...]
    start: float
    pair: str | None
    modes: tuple[Failed, ...]
    substitutes: tuple[Pair, ...]
    complements: tuple[Pair, ...]
    roles: tuple[Role, ...]
    cohorts: tuple[CohortRow, ...]
    cohorts_left_out: int
    cost_heads: tuple[str, ...]
    cost: tuple[Spent, ...]
    cost_lines: tuple[str, ...]


def why_of(report: Report, blames: Sequence[Blame], modes: Modes) -> Why:
    """Everything behind the ranking of a report."""
    gains = [r.fix_alone for r in report.ranking]
    scale = scale_of((x for g in gains for x in (g.gain, g.low, g.high)), most=3)
    heads, spent = _cost(report)
    cohorts = _shown(report.cohorts)
    return Why(
        flow=flow_of(report),
        gain_scale=scale,
        alone=tuple(
            Alone(r.role, r.fix_alone, bar_of(scale, r.fix_alone.gain, r.fix_alone.low, r.fix_alone.high))
            for r in report.ranking
        ),
        fixes=tuple(_fixes(report)),
        start=round(100 * (report.score or 0.0), 2),
        pair=pair_line(report),
        modes=tuple(_modes(report, modes)),
        substitutes=_pairs(blames, together=False),
        complements=_pairs(blames, together=True),
        roles=_roles(report),
        cohorts=tuple(_cohort_rows(cohorts, _roles(report))),
        cohorts_left_out=sum(cohort.n_failures > 0 for cohort in report.cohorts) - len(cohorts),
        cost_heads=heads,
        cost=spent,
        cost_lines=tuple(phrases.cost_lines(report.cost)),
    )


def _fixes(report: Report) -> list[Fixed]:
    if report.score is None:
        return []
    found, before = [], report.score
    for step in report.fix_order:
        found.append(Fixed(step, round(100 * before, 2), round(100 * max(0.0, step.score - before), 2)))
        before = step.score
    return found


def _modes(report: Report, texts: Modes) -> list[Failed]:
    most = max((n for r in report.ranking for n in r.modes.values()), default=1)
    found = []
    for ranked in report.ranking:
        for i, (mode, n) in enumerate(ranked.modes.items()):
            entry = texts.get((ranked.role, mode))
            means, remedy = (entry.definition, entry.remedy or "") if entry else ("", "")
            first = 0 if i else len(ranked.modes)
            found.append(Failed(ranked.role, mode, n, round(100 * n / most, 2), means, remedy, first))
    return found


def _pairs(blames: Sequence[Blame], together: bool) -> tuple[Pair, ...]:
    """Pairs either of which is enough alone, or that are enough only `together`; commonest first."""
    counts: Counter[tuple[Role, Role]] = Counter()
    for blame in blames:
        if together:
            counts.update((r[0], r[1]) for r in blame.minimal_repairs if len(r) == 2)
        else:
            counts.update(combinations([r[0] for r in blame.minimal_repairs if len(r) == 1], 2))
    order = sorted(counts, key=lambda p: (-counts[p], ROLES.index(p[0]), ROLES.index(p[1])))
    return tuple(Pair(pair, counts[pair]) for pair in order[:PAIRS])


def _roles(report: Report) -> tuple[Role, ...]:
    if not any(cohort.shares for cohort in report.cohorts):
        return ()
    named = {role for cohort in report.cohorts for role in cohort.shares} | set(report.roles)
    return tuple(role for role in ROLES if role in named)


def _shown(cohorts: Sequence[Cohort]) -> list[Cohort]:
    failing = [i for i, cohort in enumerate(cohorts) if cohort.n_failures]
    order = sorted(failing, key=lambda i: (cohorts[i].departs is None, -cohorts[i].n_failures, i))
    return [cohorts[i] for i in sorted(order[:COHORTS])]


def _cohort_rows(cohorts: Sequence[Cohort], roles: Sequence[Role]) -> list[CohortRow]:
    of_tag = Counter(cohort.tag for cohort in cohorts)
    rows = []
    for i, cohort in enumerate(cohorts):
        cells = tuple(_shaded(role, cohort.shares.get(role)) for role in roles)
        starts = i == 0 or cohorts[i - 1].tag != cohort.tag
        rows.append(CohortRow(cohort, cells, of_tag[cohort.tag] if starts else 0))
    return rows


def _shaded(role: Role, share: float | None) -> Shaded:
    if share is None:
        return Shaded(role, numbers.NOTHING, 0)
    return Shaded(role, numbers.percent(share), max(0, min(SHADES, round(share * SHADES))))


def _cost(report: Report) -> tuple[tuple[str, ...], tuple[Spent, ...]]:
    stages = [(role, report.cost.stages[role]) for role in ROLES if role in report.cost.stages]
    columns: list[tuple[str, list[str | None]]] = [
        ("traces", [numbers.count(c.n_traces) for _, c in stages]),
        ("time", [None if c.elapsed_s is None else numbers.seconds(c.elapsed_s) for _, c in stages]),
        (
            "prompt tokens",
            [None if c.prompt_tokens is None else numbers.count(c.prompt_tokens) for _, c in stages],
        ),
        (
            "answer tokens",
            [None if c.completion_tokens is None else numbers.count(c.completion_tokens) for _, c in stages],
        ),
        ("money", [None if c.money is None else numbers.money(c.money) for _, c in stages]),
    ]
    known = [(head, cells) for head, cells in columns if any(cells)]
    rows = tuple(
        Spent(role, tuple(cells[i] or numbers.NOTHING for _, cells in known))
        for i, (role, _) in enumerate(stages)
    )
    return tuple(head for head, _ in known), rows
