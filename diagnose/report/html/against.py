"""This report against another of the same log: differences paired by trace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from diagnose.core.blame import Blame
from diagnose.core.report import Report
from diagnose.core.stage import ROLES, Role
from diagnose.report import numbers
from diagnose.report.foreign import flat
from diagnose.report.html.scale import Bar, Scale, bar_of, scale_of

RESAMPLES = 500
NOW_RIGHT, NEW = "no failure", "no failure"
IDS = 40
"""Trace ids named in a list."""
MOVES = 30


class Baseline(NamedTuple):
    """Another report with the blame of its failures. `name` says what it is (a branch, a date)."""

    report: Report
    blames: Sequence[Blame]
    name: str = "baseline"


class Moved(NamedTuple):
    """One number then and now; `sure` says whether its interval leaves out zero."""

    name: str
    role: Role | None
    then: str
    now: str
    change: str
    interval: str
    bar: Bar | None
    sure: bool


class Change(NamedTuple):
    """So many failures had one verdict then and another now."""

    then: str
    now: str
    n: int


@dataclass(frozen=True)
class Against:
    """The view of the comparison."""

    name: str
    paired: int
    scale: Scale
    numbers: tuple[Moved, ...]
    stages: tuple[Moved, ...]
    changes: tuple[Change, ...]
    new: tuple[str, ...]
    mended: tuple[str, ...]
    notes: tuple[str, ...]


class _Difference(NamedTuple):
    value: float
    low: float | None
    high: float | None


def against_of(report: Report, blames: Sequence[Blame], baseline: Baseline) -> Against:
    """The paired differences of two reports of one log, now less then.

    Both name their failures only, so a trace that failed in neither counts as unchanged; the intervals are 95 % bootstrap
    intervals over all traces of the log.
    """
    then = {blame.trace_id: blame for blame in baseline.blames}
    now = {blame.trace_id: blame for blame in blames}
    ids = list(dict.fromkeys([*now, *then]))
    roles = [role for role in ROLES if role in {*report.roles, *baseline.report.roles}]
    rows = [[float(i in now) - float(i in then), *_lost(now.get(i), then.get(i), roles)] for i in ids]
    found = _differences(rows, max(report.n_traces, len(ids)), len(roles) + 1, report.provenance.seed)
    scale = scale_of(x for d in found[1:] for x in d)
    verdicts = Counter((_verdict(then.get(i)), _verdict(now.get(i))) for i in ids)
    changes = [Change(*pair, n) for pair, n in verdicts.most_common() if pair[0] != pair[1]]
    return Against(
        name=flat(baseline.name, 80),
        paired=len(now.keys() & then.keys()),
        scale=scale,
        numbers=tuple(_numbers(report, baseline.report, found[0])),
        stages=tuple(
            _stage(role, d, scale, report, baseline.report) for role, d in zip(roles, found[1:], strict=True)
        ),
        changes=tuple(changes[:MOVES]),
        new=tuple(i for i in now if i not in then),
        mended=tuple(i for i in then if i not in now),
        notes=tuple(_notes(report, baseline.report)),
    )


def _verdict(blame: Blame | None) -> str:
    return blame.verdict if blame else "no failure"


def _lost(now: Blame | None, then: Blame | None, roles: Sequence[Role]) -> list[float]:
    """By how much each stage's blame for one trace differs; only convictions count, as in the ranking."""

    def share(blame: Blame | None, role: Role) -> float:
        return blame.shares.get(role, 0.0) if blame and blame.verdict in ROLES else 0.0

    return [share(now, role) - share(then, role) for role in roles]


def _differences(
    rows: Sequence[Sequence[float]], n_traces: int, columns: int, seed: int
) -> list[_Difference]:
    """Column sums with their intervals; traces without a row are rows of zeros."""
    import numpy as np

    from diagnose.stats.bootstrap import cluster_sums, percentile_interval

    values = np.zeros((n_traces, columns))
    if rows:
        values[: len(rows)] = rows
    changed = int(np.any(values != 0, axis=1).sum())
    drawn = cluster_sums(values, None, RESAMPLES, seed) if changed else None
    found = []
    for i in range(columns):
        moved = int((values[:, i] != 0).sum())
        ends = percentile_interval(drawn[:, i], n_clusters=moved) if drawn is not None and moved else None
        found.append(_Difference(float(values[:, i].sum()) + 0.0, *(ends or (None, None))))
    return found


def _numbers(now: Report, then: Report, failing: _Difference) -> list[Moved]:
    found = [
        Moved(
            "failures",
            None,
            numbers.count(then.n_failures),
            numbers.count(now.n_failures),
            _signed(failing.value),
            _interval(failing),
            None,
            _sure(failing),
        )
    ]
    pairs = [
        ("mean score", then.score, now.score),
        ("residual, in failures", then.residual, now.residual),
        ("undecided", float(then.undecided.n), float(now.undecided.n)),
        ("scorer", float(len(then.findings.scorer)), float(len(now.findings.scorer))),
        ("corpus", float(len(then.findings.corpus)), float(len(now.findings.corpus))),
        ("label", float(len(then.findings.label)), float(len(now.findings.label))),
        ("fragile right answers", float(len(then.fragile)), float(len(now.fragile))),
        ("tokens per right answer", then.cost.tokens_per_right_answer, now.cost.tokens_per_right_answer),
        ("seconds per right answer", then.cost.seconds_per_right_answer, now.cost.seconds_per_right_answer),
        ("money per right answer", then.cost.money_per_right_answer, now.cost.money_per_right_answer),
    ]
    return found + [_plain(name, a, b) for name, a, b in pairs if a is not None and b is not None and (a or b)]


def _plain(name: str, then: float, now: float) -> Moved:
    if name == "mean score":
        return Moved(name, None, numbers.score(then), numbers.score(now), numbers.gain(now - then), "–", None, False)
    return Moved(name, None, _short(then), _short(now), _signed(now - then), numbers.NOTHING, None, False)


def _stage(role: Role, d: _Difference, scale: Scale, now: Report, then: Report) -> Moved:
    before, after = (next((r.loss for r in x.ranking if r.role == role), 0.0) for x in (then, now))
    return Moved(
        role,
        role,
        numbers.amount(before),
        numbers.amount(after),
        _signed(d.value),
        _interval(d),
        bar_of(scale, d.value, d.low, d.high),
        _sure(d),
    )


def _signed(value: float) -> str:
    text = _short(value)
    return f"+{text}" if value > 0 and text != "0" else text


def _short(value: float) -> str:
    return numbers.amount(value) if abs(value) >= 0.05 or value == 0 else f"{value:.2g}".replace("-", "−")


def _interval(d: _Difference) -> str:
    if d.low is None or d.high is None:
        return numbers.NOTHING
    return f"{_signed(d.low)} to {_signed(d.high)}"


def _sure(d: _Difference) -> bool:
    return d.low is not None and d.high is not None and (d.low > 0 or d.high < 0)


def _notes(now: Report, then: Report) -> list[str]:
    notes = []
    if now.n_traces != then.n_traces:
        notes.append(
            f"The logs differ in size ({numbers.count(then.n_traces)} traces then, {numbers.count(now.n_traces)} "
            "now): a trace that is in one of them only counts as right in the other."
        )
    if now.provenance.metric != then.provenance.metric or now.provenance.pass_mark != then.provenance.pass_mark:
        notes.append("The answers were not judged alike: metric or pass mark differ.")
    for stage in now.provenance.stages:
        old = next((s for s in then.provenance.stages if s.role == stage.role), None)
        if old is not None and old.fingerprint != stage.fingerprint:
            notes.append(
                f"The {stage.role} differs: {flat(old.name, 40)} {flat(old.fingerprint, 40)} then, "
                f"{flat(stage.name, 40)} {flat(stage.fingerprint, 40)} now."
            )
    return notes
