"""This report against another of the same log: differences paired by trace, and the numbers of both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from diagnose.core.report import Report
from diagnose.core.stage import ROLES, Role
from diagnose.core.verdict import CohortChange, Comparison, Delta, Moved
from diagnose.report import numbers
from diagnose.report.foreign import flat
from diagnose.report.html.scale import Bar, Scale, bar_of, scale_of

RIGHT = "right"
"""What is said of a trace that did not fail, in place of a verdict."""
COHORTS, MOVES, NAMED = 20, 20, 40
"""Cohorts, kinds of moves and traces that are shown."""


class Baseline(NamedTuple):
    """The report of the baseline, and the comparison with it, by trace (`before` is the baseline)."""

    report: Report
    comparison: Comparison


class Paired(NamedTuple):
    """A paired difference with its bar; `sure` where its interval leaves out zero."""

    name: str
    role: Role | None
    then: str
    now: str
    change: str
    interval: str
    chance: str
    bar: Bar
    sure: bool
    note: str = ""


class Beside(NamedTuple):
    """A number of both reports; nothing is said of chance."""

    name: str
    then: str
    now: str
    change: str


class Move(NamedTuple):
    """So many traces had one verdict then and another now."""

    then: str
    now: str
    n: int


class Trace(NamedTuple):
    """A trace that came out otherwise."""

    trace_id: str
    then: str
    now: str


@dataclass(frozen=True)
class Against:
    """The view of the comparison."""

    name: str
    headline: str
    n: int
    notes: tuple[str, ...]
    scale: Scale
    cohort_scale: Scale
    score: Paired
    stages: tuple[Paired, ...]
    unpaired: tuple[Role, ...]
    cohorts: tuple[Paired, ...]
    cohorts_left_out: int
    beside: tuple[Beside, ...]
    gains: tuple[Beside, ...]
    modes: tuple[Beside, ...]
    moves: tuple[Move, ...]
    regressed: tuple[Trace, ...]
    repaired: tuple[Trace, ...]


def against_of(report: Report, baseline: Baseline) -> Against:
    """The view of a report against its baseline."""
    found, then = baseline.comparison, baseline.report
    known = [(stage, stage.blame) for stage in found.stages if stage.blame is not None]
    changed = [c for c in found.cohorts if c.score.change]
    cohorts = sorted(changed, key=lambda c: -abs(c.score.change))[:COHORTS]
    scale = _scale([found.score, *(blame for _, blame in known)])
    # Few traces make wide intervals: on one scale with the stages nothing would be seen of those.
    wide = _scale([c.score for c in cohorts])
    notes = {"changed": "its version changed", "added": "new", "removed": "gone"}
    return Against(
        name=flat(found.before, 80),
        headline=flat(found.headline, 600),
        n=found.score.n,
        notes=(*_changed(found), *(flat(note, 300) for note in found.notes)),
        scale=scale,
        cohort_scale=wide,
        score=_paired("mean score", None, found.score, scale),
        stages=tuple(_paired(s.role, s.role, blame, scale, notes.get(s.identity, "")) for s, blame in known),
        unpaired=tuple(stage.role for stage in found.stages if stage.blame is None),
        cohorts=tuple(_paired(_cohort(c), None, c.score, wide) for c in cohorts),
        cohorts_left_out=len(found.cohorts) - len(cohorts),
        beside=tuple(_beside(then, report)),
        gains=tuple(_gains(then, report)),
        modes=tuple(_modes(then, report)),
        moves=tuple(_moves([*found.regressed, *found.repaired, *found.failing])),
        regressed=tuple(map(_trace, found.regressed)),
        repaired=tuple(map(_trace, found.repaired)),
    )


def _scale(deltas: Sequence[Delta]) -> Scale:
    return scale_of((x for d in deltas for x in (d.change, d.low, d.high)), most=4)


def verdicts_before(comparison: Comparison) -> dict[str, str]:
    """What each failure of now came to in the baseline, by trace id."""
    return {m.trace_id: _trace(m).then for m in (*comparison.regressed, *comparison.failing)}


def _paired(name: str, role: Role | None, d: Delta, scale: Scale, note: str = "") -> Paired:
    sure = d.low is not None and d.high is not None and (d.low > 0 or d.high < 0)
    low_high = (
        numbers.NOTHING
        if d.low is None or d.high is None
        else (f"{numbers.gain(d.low)} to {numbers.gain(d.high)}")
    )
    return Paired(
        name=name,
        role=role,
        then=numbers.score(d.before),
        now=numbers.score(d.after),
        change=numbers.gain(d.change),
        interval=low_high,
        chance=numbers.NOTHING if d.p_value is None else f"{max(d.p_value, 0.0001):.2g}",
        bar=bar_of(scale, d.change, d.low, d.high),
        sure=sure,
        note=note,
    )


def _cohort(change: CohortChange) -> str:
    return f"{flat(change.tag, 40)} = {flat(change.value, 40)}"


def _changed(found: Comparison) -> Iterable[str]:
    for changed in found.changed:
        before, after = (flat(x or "none", 80) for x in (changed.before, changed.after))
        yield f"{flat(changed.what, 40)}: {before} then, {after} now."


def _trace(moved: Moved) -> Trace:
    then, now = (
        f"{verdict or RIGHT} {flat(mode, 30)}" if mode else verdict or RIGHT
        for verdict, mode in (
            (moved.verdict_before, moved.mode_before),
            (moved.verdict_after, moved.mode_after),
        )
    )
    return Trace(moved.trace_id, then, now)


def _moves(moved: Sequence[Moved]) -> list[Move]:
    counts = Counter((m.verdict_before or RIGHT, m.verdict_after or RIGHT) for m in moved)
    return [Move(*pair, n) for pair, n in counts.most_common() if pair[0] != pair[1]][:MOVES]


def _beside(then: Report, now: Report) -> Iterable[Beside]:
    """The numbers of both reports that are not paired by trace."""
    pairs: list[tuple[str, float | None, float | None]] = [
        ("traces", then.n_traces, now.n_traces),
        ("failures", then.n_failures, now.n_failures),
        ("undecided", then.undecided.n, now.undecided.n),
        ("scorer's fault", len(then.findings.scorer), len(now.findings.scorer)),
        ("corpus's fault", len(then.findings.corpus), len(now.findings.corpus)),
        ("label's fault", len(then.findings.label), len(now.findings.label)),
        ("won back by no repair", then.residual, now.residual),
        ("fragile right answers", len(then.fragile), len(now.fragile)),
        ("tokens per right answer", then.cost.tokens_per_right_answer, now.cost.tokens_per_right_answer),
        ("seconds per right answer", then.cost.seconds_per_right_answer, now.cost.seconds_per_right_answer),
        ("money per right answer", then.cost.money_per_right_answer, now.cost.money_per_right_answer),
    ]
    for name, a, b in pairs:
        if a is not None and b is not None and (a or b):
            yield Beside(name, _short(a), _short(b), _signed(b - a))


def _gains(then: Report, now: Report) -> Iterable[Beside]:
    """What repairing each stage alone would win, then and now."""
    old, new = ({r.role: r.fix_alone.gain for r in x.ranking} for x in (then, now))
    for role in ROLES:
        if role in old or role in new:
            a, b = old.get(role), new.get(role)
            change = numbers.NOTHING if a is None or b is None else numbers.gain(b - a)
            then_now = [numbers.NOTHING if x is None else numbers.gain(x) for x in (a, b)]
            yield Beside(role, then_now[0], then_now[1], change)


def _modes(then: Report, now: Report) -> Iterable[Beside]:
    """How often each stage failed in each way, those that changed."""
    old, new = ({(r.role, m): n for r in x.ranking for m, n in r.modes.items()} for x in (then, now))
    for role, mode in sorted({*old, *new}, key=lambda key: (ROLES.index(key[0]), key[1])):
        a, b = old.get((role, mode), 0), new.get((role, mode), 0)
        if a != b:
            yield Beside(f"{role} {flat(mode, 30)}", numbers.count(a), numbers.count(b), _signed(b - a))


def _short(value: float) -> str:
    if value == int(value) or abs(value) >= 100:
        return numbers.count(round(value))
    return f"{value:.2g}".replace("-", "−")


def _signed(value: float) -> str:
    text = _short(value)
    return f"+{text}" if value > 0 else text
