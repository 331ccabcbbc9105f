"""Gate verdicts, comparisons and swaps as sections of plain text, the same for the terminal, Markdown and
HTML.

Cells hold text of others as it is: every exit escapes for itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from diagnose.core.swap import Swaps, SwapShare
from diagnose.core.verdict import Comparison, Delta, GateVerdict, Moved, RuleVerdict, StageChange
from diagnose.report import numbers

SHOWN = 20
"""Traces and cohorts shown of each kind; the rest are counted."""
SETS = 5
WORDS = {"pass": "pass", "fail": "FAIL", "inconclusive": "inconclusive"}


class Section(NamedTuple):
    """A heading (none for ""), sentences, and a table: its heads, an `l` or `r` for each column, its rows,
    and how many more rows there are."""

    title: str
    lines: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    align: str = ""
    rows: tuple[tuple[str, ...], ...] = ()
    more: int = 0


def gate_sections(verdict: GateVerdict) -> Iterator[Section]:
    """The verdict of a gate: its rules, then the comparison that they judge."""
    yield Section("", (verdict.headline,))
    rows = tuple(
        (_rule_name(r), WORDS.get(r.outcome, r.outcome), r.says) for r in verdict.rules if _telling(r)
    )
    quiet = len(verdict.rules) - len(rows)
    told = (f"{numbers.count(quiet)} more rules pass.",) if quiet else ()
    yield Section("Rules", told, ("rule", "outcome", "why"), "lll", rows)
    yield from _body(verdict.comparison)
    yield Section(
        "How this was judged",
        (
            f"The score rule is tested first, at an error rate of {verdict.alpha:.2%}; the others share "
            f"{verdict.alpha_others:.2%} (Holm), and that of the score rule too once it has failed. An unchanged "
            f"system fails in at most {verdict.alpha + verdict.alpha_others:.2%} of gates. Seed {verdict.seed}.",
        ),
    )


def _telling(rule: RuleVerdict) -> bool:
    return rule.rule not in ("blame", "fix_alone") or rule.outcome != "pass"


def _rule_name(rule: RuleVerdict) -> str:
    name = rule.rule.replace("_", " ")
    return f"{name} of {rule.of}" if rule.of else name


def comparison_sections(comparison: Comparison) -> Iterator[Section]:
    """A comparison of two reports."""
    yield Section("", (comparison.headline,))
    yield from _body(comparison)


def _body(found: Comparison) -> Iterator[Section]:
    if found.notes:
        yield Section("Mind", found.notes)
    score = found.score
    yield Section(
        "Score",
        (
            f"{numbers.count(score.n)} traces paired ({numbers.count(found.n_before)} before, "
            f"{numbers.count(found.n_after)} now); the outcome differs in {numbers.percent(found.flips)} of them.",
        ),
        ("", "before", "now", "points", "95 %", "p"),
        "lrrrrr",
        (("mean score", numbers.score(score.before), numbers.score(score.after), *_change(score)),),
    )
    yield from _changed(found)
    yield from _stages(found.stages)
    yield from _cohorts(found)
    yield from _moved("Regressed", found.regressed)
    yield from _moved("Repaired", found.repaired)


def points(value: float) -> str:
    """A change of the mean score in points (hundredths), with its sign.

    >>> points(0.065), points(-0.01), points(0.0001)
    ('+6.5', '−1', '0')
    """
    text = f"{abs(value) * 100:.1f}".removesuffix(".0")
    return text if text == "0" else f"{'−' if value < 0 else '+'}{text}"


def points_range(low: float | None, high: float | None) -> str:
    """An interval of changes in points."""
    return numbers.NOTHING if low is None or high is None else f"{points(low)} to {points(high)}"


def _change(delta: Delta) -> tuple[str, str, str]:
    p_value = numbers.NOTHING if delta.p_value is None else _p(delta.p_value)
    return points(delta.change), points_range(delta.low, delta.high), p_value


def _p(value: float) -> str:
    return "<0.0001" if value < 0.0001 else f"{value:.2g}"


def _changed(found: Comparison) -> Iterator[Section]:
    if not found.changed:
        known = any(stage.identity != "unknown" for stage in found.stages)
        told = "Nothing: corpus, scorer, labels and every stage have the fingerprints they had."
        if known:
            yield Section("What changed", (told,))
        return
    rows = tuple((c.what, c.before or numbers.NOTHING, c.after or numbers.NOTHING) for c in found.changed)
    yield Section("What changed", (), ("what", "before", "now"), "lll", rows)


def _stages(stages: Sequence[StageChange]) -> Iterator[Section]:
    rows = tuple(
        (
            stage.role,
            stage.identity,
            points(stage.blame.before).removeprefix("+"),
            points(stage.blame.after).removeprefix("+"),
            *_change(stage.blame),
            numbers.count(stage.regressed),
        )
        for stage in stages
        if stage.blame is not None
    )
    if rows:
        head = ("stage", "itself", "before", "now", "change", "95 %", "p", "regressed")
        told = "What each stage costs, in points of mean score, and the regressed traces it is convicted of."
        yield Section("Blame by stage", (told,), head, "llrrrrrr", rows)


def _cohorts(found: Comparison) -> Iterator[Section]:
    if not found.cohorts:
        return
    moved = [c for c in found.cohorts if points(c.score.change) != "0"]
    ordered = sorted(moved, key=lambda c: c.score.change)
    still = len(found.cohorts) - len(moved)
    told = (f"The score of {numbers.count(still)} more did not change.",) if still else ()
    rows = tuple(
        (
            f"{c.tag}={c.value}",
            numbers.count(c.score.n),
            numbers.score(c.score.before),
            numbers.score(c.score.after),
            *_change(c.score),
        )
        for c in ordered[:SHOWN]
    )
    head = ("cohort", "traces", "before", "now", "points", "95 %", "p")
    yield Section("Cohorts", told, head, "lrrrrrr", rows, len(ordered) - len(rows))


def _moved(title: str, traces: Sequence[Moved]) -> Iterator[Section]:
    if not traces:
        return
    rows = tuple(
        (
            trace.trace_id,
            numbers.score(trace.before),
            numbers.score(trace.after),
            said(trace.verdict_before, trace.mode_before),
            said(trace.verdict_after, trace.mode_after),
        )
        for trace in traces[:SHOWN]
    )
    head = ("trace", "before", "now", "verdict before", "verdict now")
    yield Section(f"{title}: {numbers.count(len(traces))}", (), head, "lrrll", rows, len(traces) - len(rows))


def said(verdict: str | None, mode: str | None) -> str:
    """A verdict with its mode, or `passed`."""
    return "passed" if verdict is None else f"{verdict} ({mode})" if mode else verdict


def swap_sections(swaps: Swaps) -> Iterator[Section]:
    """What swapping the stages of two pipelines showed."""
    yield Section("", (swaps.headline,))
    if swaps.notes:
        yield Section("Mind", swaps.notes)
    head = ("stage", "A", "B", "points", "95 %", "alone", "last")
    rows = [_swap_row(share) for share in swaps.shares]
    total = (points(swaps.change.value), points_range(swaps.change.low, swaps.change.high), "", "")
    rows.append(("all of B", numbers.score(swaps.before), numbers.score(swaps.after), *total))
    told = (
        "Points are each swap's part of the change (they add up); alone: swapped first; last: swapped last."
    )
    yield Section("Which stage moved the score", (told,), head, "lllrrrr", tuple(rows))
    yield from _sets(swaps)
    mixing = sorted(swaps.interactions.items(), key=lambda item: -abs(item[1]))
    pairs = tuple((name, points(value)) for name, value in mixing if points(value) != "0")
    if pairs:
        told = "Above zero the two do better together than each alone; below zero worse."
        yield Section("Interactions", (told,), ("stages", "points"), "lr", pairs)
    worths = tuple((name or "none (A)", numbers.score(value)) for name, value in swaps.worth.items())
    yield Section(
        "Mean score by the stages taken from B",
        (),
        ("from B", "mean score"),
        "lr",
        worths[: SHOWN * 2],
        max(0, len(worths) - SHOWN * 2),
    )
    yield from _swap_traces(swaps)


def _swap_row(share: SwapShare) -> tuple[str, ...]:
    names = (share.before or "none", share.after or "none")
    interval = points_range(share.low, share.high)
    return (share.role, *names, points(share.share), interval, points(share.alone), points(share.last))


def _sets(swaps: Swaps) -> Iterator[Section]:
    lines = []
    within = f"(within {points(swaps.tolerance).removeprefix('+')} point)"
    if swaps.minimal:
        lines.append(
            f"Smallest sets of B's stages that bring the change about {within}: {_listed(swaps.minimal)}."
        )
    if swaps.reverts:
        lines.append(
            f"Fewest stages to revert so that B does as well as A {within}: {_listed(swaps.reverts)}."
        )
    elif swaps.change.value < -swaps.tolerance:
        lines.append("No set of stages to revert makes B do as well as A.")
    best = swaps.worth[_key(swaps, swaps.best)]
    names = " and ".join(swaps.best) if swaps.best else "none"
    lines.append(f"Best mixture: {names} of B, mean score {numbers.score(best)}.")
    yield Section("What to swap, what to revert", tuple(lines))


def _key(swaps: Swaps, roles: Sequence[str]) -> str:
    return next(name for name in swaps.worth if set(name.split("+") if name else ()) == set(roles))


def _listed(sets: Sequence[Sequence[str]]) -> str:
    told = "; or ".join(" and ".join(roles) if roles else "none" for roles in sets[:SETS])
    more = len(sets) - SETS
    return f"{told}; and {more} more" if more > 0 else told


def _swap_traces(swaps: Swaps) -> Iterator[Section]:
    if not swaps.traces:
        return
    rows = []
    for trace in swaps.traces[:SHOWN]:
        moved = sorted(trace.shares.items(), key=lambda item: -abs(item[1]))
        told = ", ".join(
            f"{role} {numbers.gain(value)}" for role, value in moved if numbers.gain(value) != "0.000"
        )
        reverts = _listed(trace.reverts) if trace.reverts else numbers.NOTHING
        rows.append((trace.trace_id, numbers.score(trace.before), numbers.score(trace.after), told, reverts))
    head = ("trace", "A", "B", "by stage", "smallest revert")
    n = len(swaps.traces)
    yield Section(f"Traces that differ: {numbers.count(n)}", (), head, "lrrll", tuple(rows), n - len(rows))
