"""The report in the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.text import Text

from diagnose.core.report import Report
from diagnose.core.stage import ROLES
from diagnose.report import numbers, phrases
from diagnose.report.bars import bar, stacked_bar
from diagnose.report.buys import buys_line, pair_line
from diagnose.report.drawn import WIDEST, Cell, Column, heading, prose, show, stage_bar, table
from diagnose.report.foreign import flat, listed
from diagnose.report.ranking_text import ranking_parts

NOTES = 20
"""Notes and cohorts shown; the rest are counted."""


def text_report(report: Report, console: Console) -> None:
    """Print the report: warnings, headline, ranking, and what stands beside it, most important first."""
    show(console, _parts(report, min(console.width, WIDEST)))


def _parts(report: Report, width: int) -> Iterator[RenderableType]:
    if trust := phrases.trust_line(report):
        yield prose(trust)
    for line in phrases.drift_lines(report):
        yield prose(f"! {line}", "yellow")
    yield prose(flat(report.headline, 1000) or "No headline.", "bold")
    if buys := buys_line(report):
        yield prose(buys)
    yield prose(phrases.counts_line(report), "dim")
    if levels := phrases.levels_line(report.levels):
        yield prose(levels, "dim")
    if fidelity := phrases.fidelity_line(report):
        yield prose(fidelity, "dim")
    yield from _ranking(report, width)
    yield from _funnel(report, width)
    yield from _triage(report, width)
    yield from _fix_order(report, width)
    yield from _findings(report)
    yield from _undecided(report)
    yield from _right_answers(report)
    yield from _cohorts(report)
    yield from _log(report)
    yield from _to_label(report)
    yield from _cost(report)
    yield from _notes(report)
    yield from _provenance(report)


def _ranking(report: Report, width: int) -> Iterator[RenderableType]:
    if not report.ranking:
        return
    yield from heading("Which stage is to blame")
    yield from ranking_parts(report.ranking, width)
    yield Text()
    yield prose(phrases.RANKING_LEGEND, "dim")
    if sampled := phrases.sampled_line(report):
        yield prose(sampled)
    if residual := phrases.residual_line(report):
        yield prose(residual)


def _funnel(report: Report, width: int) -> Iterator[RenderableType]:
    nobody = phrases.nobody_line(report)
    if nobody is None:
        return
    yield Text()
    yield prose(nobody)
    if not report.funnel:
        return
    yield from heading("Where the evidence was lost")
    most = max(report.funnel.values())
    bar_width = max(8, min(40, width - 78))
    yield table(
        [Column("stage"), Column(""), Column("failures", "right"), Column("", wrap=True)],
        [
            (
                role,
                stage_bar(role, bar(n / most if most else 0.0, bar_width)),
                numbers.count(n),
                phrases.funnel_label(role),
            )
            for role, n in sorted(report.funnel.items(), key=lambda item: ROLES.index(item[0]))
        ],
    )


def _triage(report: Report, width: int) -> Iterator[RenderableType]:
    if report.triage is None:
        return
    yield from heading("Usual triage beside the replay" if report.ranking else "What usual triage would say")
    rows = phrases.triage_rows(report.triage)
    if not report.ranking:
        rows = [row for row in rows if row[1]]
    most = max((max(usual, ours) for _, usual, ours in rows), default=0) or 1
    bar_width = max(8, min(30, (width - 34) // 2))
    columns = [Column("verdict"), Column("", "right"), Column("usual triage")]
    columns += [Column("", "right"), Column("replay")] if report.ranking else []
    cells: list[list[Cell]] = []
    for name, usual, ours in rows:
        row: list[Cell] = [
            flat(name, 20),
            numbers.count(usual),
            stage_bar(name, bar(usual / most, bar_width)),
        ]
        row += [numbers.count(ours), stage_bar(name, bar(ours / most, bar_width))] if report.ranking else []
        cells.append(row)
    yield table(columns, cells)
    if report.ranking:
        yield prose(phrases.triage_line(report.triage))


def _fix_order(report: Report, width: int) -> Iterator[RenderableType]:
    if not report.fix_order or report.score is None:
        return
    yield from heading("What to fix, in order")
    bar_width = max(8, min(40, width - 45))
    rows: list[list[Cell]] = [
        ["", "as logged", "", numbers.score(report.score), bar(report.score, bar_width)]
    ]
    for i, step in enumerate(report.fix_order, 1):
        cells = stage_bar(step.role, stacked_bar(report.score, step.score - report.score, bar_width))
        rows.append([str(i), step.role, numbers.gain(step.gain), numbers.score(step.score), cells])
    columns = [
        Column(""),
        Column("repair"),
        Column("gain", "right"),
        Column("mean score", "right"),
        Column(""),
    ]
    yield table(columns, rows)
    if pair := pair_line(report):
        yield prose(pair)


def _findings(report: Report) -> Iterator[RenderableType]:
    found = phrases.found(report.findings)
    if not found:
        return
    yield from heading("No stage's fault")
    for name, ids in found:
        means, remedy = phrases.FINDING_PHRASES[name]
        yield prose(f"{name}, {numbers.counted(len(ids), 'failure')}: {means}; {remedy}.")
        yield prose(listed(ids), "dim", indent=2)


def _undecided(report: Report) -> Iterator[RenderableType]:
    undecided = report.undecided
    if not undecided.n:
        return
    yield from heading(f"Undecided: {numbers.counted(undecided.n, 'failure')}")
    rows = []
    for reason, n in undecided.reasons.items():
        means = phrases.REASONS[reason].means if reason in phrases.REASONS else ""
        settles = phrases.settles(reason, undecided.calls_needed)
        rows.append((flat(reason, 20), numbers.count(n), means, settles))
    columns = [
        Column("reason"),
        Column("", "right"),
        Column("why", wrap=True),
        Column("what would settle it", wrap=True),
    ]
    yield table(columns, rows)


def _right_answers(report: Report) -> Iterator[RenderableType]:
    passing = list(phrases.passing_lines(report))
    if not passing and not report.fragile:
        return
    yield from heading("Right answers")
    for line in passing:
        yield prose(line)
    if report.fragile:
        yield prose(f"{numbers.count(len(report.fragile))} fragile: {phrases.FRAGILE}.")
        yield prose(listed(report.fragile), "dim", indent=2)


def _cohorts(report: Report) -> Iterator[RenderableType]:
    rows = phrases.departing(report)
    if not rows:
        return
    yield from heading("Cohorts that depart from the rest")
    columns = [Column("cohort", wrap=True), Column(""), Column("", wrap=True)]
    yield table(columns, [(flat(name, 60), counts, what) for name, counts, what in rows[:NOTES]])
    if len(rows) > NOTES:
        yield prose(f"… and {len(rows) - NOTES} more", "dim")


def _cost(report: Report) -> Iterator[RenderableType]:
    stages = [(role, report.cost.stages[role]) for role in ROLES if role in report.cost.stages]
    lines = phrases.cost_lines(report.cost)
    if not stages and not lines:
        return
    yield from heading("Logged cost")
    every = [
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
    known = [(head, cells) for head, cells in every if any(cells)]
    if known:
        rows = [
            [role, *(cells[i] or numbers.NOTHING for _, cells in known)] for i, (role, _) in enumerate(stages)
        ]
        yield table([Column("stage"), *(Column(head, "right") for head, _ in known)], rows)
    for line in lines:
        yield prose(line)


def _log(report: Report) -> Iterator[RenderableType]:
    lines = [*phrases.retrieval_lines(report)]
    detected = phrases.detected_line(report)
    if not lines and detected is None:
        return
    yield from heading("The log by itself")
    if detected is not None:
        yield prose(detected)
    for line in lines:
        yield prose(line)


def _to_label(report: Report) -> Iterator[RenderableType]:
    if not report.label_first:
        return
    yield from heading("Label these first")
    for line in phrases.label_lines(report):
        yield prose(flat(line, 300), indent=2)


def _notes(report: Report) -> Iterator[RenderableType]:
    if not report.notes and not report.skipped:
        return
    yield from heading("Notes")
    for note in report.notes[:NOTES]:
        yield prose(flat(note))
    if len(report.notes) > NOTES:
        yield prose(f"… and {len(report.notes) - NOTES} more", "dim")
    if report.skipped:
        yield prose(f"Left out, {numbers.count(len(report.skipped))}: {listed(report.skipped, limit=100)}")


def _provenance(report: Report) -> Iterator[RenderableType]:
    yield from heading("How this was made")
    yield prose(phrases.runs_line(report), "dim")
    made = report.provenance
    parts = [f"diagnose {made.version}", f"metric {made.metric}"]
    parts += [f"pass mark {made.pass_mark:g}", f"seed {made.seed}"]
    parts += [f"pipeline {made.pipeline}"] if made.pipeline else []
    yield prose(" · ".join(flat(part, 80) for part in parts), "dim")
    if made.command:
        yield prose(flat(made.command), "dim")
