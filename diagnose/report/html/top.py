"""What the page opens with: the finding, who is to blame, usual triage beside it, and how far to trust it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from diagnose.core.report import Ranked, Report
from diagnose.report import numbers, phrases
from diagnose.report.buys import buys_line
from diagnose.report.foreign import flat
from diagnose.report.html.scale import Bar, Scale, Segment, bar_of, scale_of, stacked

HEADLINE_CHARS = 1000


class Blamed(NamedTuple):
    """A stage of the ranking with its bar."""

    ranked: Ranked
    bar: Bar


class Doubt(NamedTuple):
    """Failures that are undecided for one reason."""

    reason: str
    n: int
    means: str
    settles: str


@dataclass(frozen=True)
class Top:
    """The view of the top of the page."""

    finding: str
    lead: str
    beside: str
    warnings: tuple[str, ...]
    counts: str
    levels: str
    scale: Scale
    blamed: tuple[Blamed, ...]
    sampled: str | None
    nobody: str | None
    usual: tuple[Segment, ...]
    replay: tuple[Segment, ...]
    triage_rows: tuple[tuple[str, int, int], ...]
    triage_line: str
    trust: tuple[str, ...]
    doubts: tuple[Doubt, ...]


def top_of(report: Report) -> Top:
    """The top of a report's page."""
    finding, beside = _sentences(flat(report.headline, HEADLINE_CHARS) or "No headline.")
    buys = buys_line(report)
    scale = scale_of(x for r in report.ranking for x in (r.share, r.low, r.high))
    rows = phrases.triage_rows(report.triage) if report.triage else []
    if not report.ranking:
        rows = [row for row in rows if row[1]]
    whole = max(sum(usual for _, usual, _ in rows), sum(ours for _, _, ours in rows))
    return Top(
        finding=_unbroken(finding),
        lead=_unbroken(buys or beside),
        beside=_unbroken(beside) if buys else "",
        warnings=tuple(phrases.drift_lines(report)),
        counts=phrases.counts_line(report),
        levels=phrases.levels_line(report.levels),
        scale=scale,
        blamed=tuple(Blamed(r, bar_of(scale, r.share, r.low, r.high)) for r in report.ranking),
        sampled=phrases.sampled_line(report),
        nobody=phrases.nobody_line(report),
        usual=stacked([(name, usual) for name, usual, _ in rows], whole),
        replay=stacked([(name, ours) for name, _, ours in rows], whole) if report.ranking else (),
        triage_rows=tuple(rows),
        triage_line=phrases.triage_line(report.triage) if report.triage and report.ranking else "",
        trust=tuple(_trust(report)),
        doubts=tuple(_doubts(report)),
    )


def _sentences(headline: str) -> tuple[str, str]:
    """The first sentence, and the rest."""
    first, stop, rest = headline.partition(". ")
    return first + ("." if stop else ""), rest


def _unbroken(text: str) -> str:
    """The text with its percentages kept on one line."""
    return text.replace(" %", "\u00a0%")


def _trust(report: Report) -> list[str]:
    lines = [
        phrases.trust_line(report),
        phrases.fidelity_line(report),
        _again(report),
        phrases.residual_line(report),
        *phrases.passing_lines(report),
    ]
    return [line for line in lines if line]


def _again(report: Report) -> str | None:
    """How many of the failures that were replayed failed again."""
    if report.same_outcome is None:
        return None
    return f"Of the failures that were replayed {numbers.percent(report.same_outcome)} fail again with nothing changed."


def _doubts(report: Report) -> list[Doubt]:
    undecided = report.undecided
    found = []
    for reason, n in undecided.reasons.items():
        means = phrases.REASONS[reason].means if reason in phrases.REASONS else ""
        found.append(Doubt(reason, n, means, phrases.settles(reason, undecided.calls_needed)))
    return found
