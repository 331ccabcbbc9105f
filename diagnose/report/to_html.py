"""The report as one HTML page that loads nothing: readable without scripts, quick with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from diagnose.core.blame import Blame
from diagnose.core.budget import Budget
from diagnose.core.entry import Entry
from diagnose.core.game import Game
from diagnose.core.replay import Case
from diagnose.core.report import Report
from diagnose.report import phrases
from diagnose.report.budget_sections import budget_sections
from diagnose.report.foreign import flat
from diagnose.report.html.against import Baseline, against_of, verdicts_before
from diagnose.report.html.drawing import drawn, policy
from diagnose.report.html.frontier import frontier_figure
from diagnose.report.html.meaning import anchors, groups_of, modes
from diagnose.report.html.sections import failures_of, failures_part
from diagnose.report.html.top import top_of
from diagnose.report.html.trace_view import Around
from diagnose.report.html.why import why_of
from diagnose.report.sections_html import html_part

__all__ = ["Baseline", "html_report", "html_report_parts"]


def html_report(
    report: Report,
    blames: Sequence[Blame] = (),
    games: Iterable[Game] = (),
    cases: Iterable[Case] = (),
    definitions: Sequence[Entry] = (),
    baseline: Baseline | None = None,
    folder: str = ".",
    budget: Budget | None = None,
) -> str:
    """The page as text, to be written in UTF-8. The same values give the same bytes.

    `blames` are the failures, `games` and `cases` what is known of them beside that (any order, some may be
    missing). `definitions` explain the numbers, as `diagnose explain` does. `folder` is the report folder as
    commands on the page name it, `budget` what `diagnose budget` found in it. 500 failures stay under 1.5 MB and
    5,000 under 6 MB, whatever their texts hold: see `html.depth`.
    """
    return "".join(html_report_parts(report, blames, games, cases, definitions, baseline, folder, budget))


def html_report_parts(
    report: Report,
    blames: Sequence[Blame] = (),
    games: Iterable[Game] = (),
    cases: Iterable[Case] = (),
    definitions: Sequence[Entry] = (),
    baseline: Baseline | None = None,
    folder: str = ".",
    budget: Budget | None = None,
) -> Iterator[str]:
    """The page in pieces, in order; `games` and `cases` are read once, so they may come from a file."""
    groups = groups_of(definitions)
    shared = {"report": report, "known": anchors(groups), "linked": bool(blames)}
    name = flat(report.provenance.pipeline or "", 60) or "blame report"
    yield drawn(
        "head.j2",
        policy=policy(),
        title=f"{name}: {flat(report.headline, 100)}",
        name=name,
        n_failures=len(blames),
        compared=baseline is not None,
        budgeted=budget is not None,
    )
    yield drawn("top.j2", top=top_of(report), found=phrases.found(report.findings), **shared)
    logged = [line for line in (phrases.detected_line(report), *phrases.retrieval_lines(report)) if line]
    yield drawn("why.j2", why=why_of(report, blames, modes(definitions)), logged=logged, **shared)
    failures = None
    if blames:
        before = None if baseline is None else verdicts_before(baseline.comparison)
        around = Around(folder, report.provenance.pass_mark, before)
        failures = failures_of(report, blames, around, modes(definitions))
        yield from failures_part(failures, games, cases)
    if baseline is not None:
        shown = failures.anchors if failures else {}
        yield drawn("against.j2", against=against_of(report, baseline), anchors=shown, known=frozenset())
    if budget is not None:
        yield html_part(budget_sections(budget), "budget", "Budget", frontier_figure(budget))
    yield drawn("provenance.j2", report=report, groups=groups)
