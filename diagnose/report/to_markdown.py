"""The report as GitHub-flavoured Markdown: a pull-request comment, or a page in a repository.

The hidden marker on the first line lets a bot find its own comment again. Text of others goes through
`code` or `plain`: no part of it becomes markup, a link, a mention or a reference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from diagnose.core.report import Report
from diagnose.core.stage import ROLES
from diagnose.report import numbers, phrases
from diagnose.report.bars import interval_bar
from diagnose.report.buys import buys_line, pair_line
from diagnose.report.foreign import flat

MARKER = "<!-- diagnose -->"
BAR_CELLS = 12
IDS, NOTES = 10, 20
"""Trace ids named per list, and notes and cohorts shown; the rest are counted."""

_MARKUP = re.compile(r"([\\`*_\[\]~$!])")
_BREAKER = "&#8203;"  # a zero-width space: what looks like a mention, reference or address is none with it
_ACTIVE = re.compile(r"[@#](?=\w)|(?<=GH)-(?=\d)|(?<=www)(?=\.)|:(?=//)", re.IGNORECASE)
_STARTS_BLOCK = re.compile(r"^([-+=#]|\d+(?=[.)]))")


def markdown_report(report: Report) -> str:
    """The report as Markdown, `MARKER` first, newline at the end; well under GitHub's 65,536 characters."""
    blocks = [MARKER, *_blocks(report)]
    return "\n\n".join(blocks) + "\n"


def plain(text: str, limit: int = 300) -> str:
    """Text of others as running text: shown as it is, on one line, clipped.

    >>> plain("*@ada* see <b>#12</b>")
    '\\\\*@&#8203;ada\\\\* see &lt;b&gt;#&#8203;12&lt;/b&gt;'
    """
    line = flat(text, limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = _ACTIVE.sub(lambda match: match[0] + _BREAKER, line)
    line = _MARKUP.sub(r"\\\1", line)
    return _STARTS_BLOCK.sub(
        lambda match: rf"\{match[0]}" if not match[0][0].isdigit() else match[0] + "\\", line
    )


def code(text: str, limit: int = 60) -> str:
    """Text of others as code, where nothing is a mention or a link.

    >>> code("a|b`c"), code("")
    ('``a|b`c``', '` `')
    """
    line = flat(text, limit) or " "
    fence = "`" * (max((len(run) for run in re.findall("`+", line)), default=0) + 1)
    blank = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{blank}{line}{blank}{fence}"


def _blocks(report: Report) -> Iterator[str]:
    yield f"### {plain(report.headline, 1000) or 'diagnose'}"
    if buys := buys_line(report):
        yield plain(buys, 1000)
    if drift := list(phrases.drift_lines(report)):
        yield "> [!WARNING]\n" + "\n".join(f"> - {line}" for line in drift)
    if trust := phrases.trust_line(report):
        yield trust
    yield phrases.counts_line(report) + "".join(
        f" · {line}" for line in [phrases.levels_line(report.levels)] if line
    )
    if fidelity := phrases.fidelity_line(report):
        yield fidelity
    yield from _ranking(report)
    yield from _funnel(report)
    yield from _triage(report)
    yield from _fix_order(report)
    yield from _findings(report)
    yield from _undecided(report)
    yield from _right_answers(report)
    yield from _cohorts(report)
    if logged := [line for line in (phrases.detected_line(report), *phrases.retrieval_lines(report)) if line]:
        yield "**The log by itself**\n\n" + _bullets([plain(line) for line in logged], 0)
    if lines := phrases.label_lines(report):
        yield "**Label these first**\n\n" + _bullets(
            [plain(line) for line in lines[:NOTES]], len(lines) - NOTES
        )
    if report.notes:
        yield "**Notes**\n\n" + _bullets(
            [plain(note) for note in report.notes[:NOTES]], len(report.notes) - NOTES
        )
    yield _provenance(report)


def _ranking(report: Report) -> Iterator[str]:
    if not report.ranking:
        return
    head = [
        "stage",
        "share of the loss",
        "95 %",
        "ranks first",
        "fix alone",
        "95 %",
        "guilty",
        "blame",
        "how it failed",
    ]
    rows = []
    for r in report.ranking:
        cells = interval_bar(r.share, r.low, r.high, BAR_CELLS)
        bar = f"`{cells}` " if cells else ""
        modes = ", ".join(f"{code(mode)} {numbers.count(n)}" for mode, n in list(r.modes.items())[:IDS])
        rows.append(
            [
                r.role,
                f"{bar}{numbers.percent(r.share)}",
                numbers.percent_range(r.low, r.high),
                numbers.percent(r.p_first),
                numbers.gain(r.fix_alone.gain),
                numbers.score_range(r.fix_alone.low, r.fix_alone.high),
                numbers.count(r.verdicts),
                numbers.amount(r.loss),
                modes,
            ]
        )
    yield _table(head, "llrrrrrrl", rows)
    if sampled := phrases.sampled_line(report):
        yield sampled
    if residual := phrases.residual_line(report):
        yield residual


def _funnel(report: Report) -> Iterator[str]:
    nobody = phrases.nobody_line(report)
    if nobody is None:
        return
    yield nobody
    lost = [(role, report.funnel[role]) for role in ROLES if role in report.funnel]
    if lost:
        rows = [[role, numbers.count(n), phrases.funnel_label(role)] for role, n in lost]
        yield _table(["stage", "failures", "where the evidence was lost"], "lrl", rows)


def _triage(report: Report) -> Iterator[str]:
    if report.triage is None:
        return
    if not report.ranking:
        blames = ", ".join(
            f"the {name} for {usual}" for name, usual, _ in phrases.triage_rows(report.triage) if usual
        )
        yield f"Usual triage would blame {blames}."
        return
    yield f"**Usual triage beside the replay.** {phrases.triage_line(report.triage)}"
    rows = phrases.triage_rows(report.triage)
    yield _table(
        ["", *(name if name in ROLES else code(name) for name, _, _ in rows)],
        "l" + "r" * len(rows),
        [
            ["usual triage", *(numbers.count(usual) for _, usual, _ in rows)],
            ["replay", *(numbers.count(ours) for _, _, ours in rows)],
        ],
    )


def _fix_order(report: Report) -> Iterator[str]:
    if not report.fix_order or report.score is None:
        return
    steps = [f"as logged {numbers.score(report.score)}"]
    steps += [
        f"**{step.role}** {numbers.score(step.score)} ({numbers.gain(step.gain)})"
        for step in report.fix_order
    ]
    yield f"**What to fix, in order** (mean score): {' → '.join(steps)}"
    if pair := pair_line(report):
        yield pair


def _findings(report: Report) -> Iterator[str]:
    found = []
    for name, ids in phrases.found(report.findings):
        means, remedy = phrases.FINDING_PHRASES[name]
        found.append(f"**{name}**, {numbers.counted(len(ids), 'failure')}: {means}; {remedy}. {_ids(ids)}")
    if found:
        yield "**No stage's fault**\n\n" + _bullets(found)


def _undecided(report: Report) -> Iterator[str]:
    undecided = report.undecided
    if not undecided.n:
        return
    rows = []
    for reason, n in list(undecided.reasons.items())[:IDS]:
        means = phrases.REASONS[reason].means if reason in phrases.REASONS else ""
        rows.append([code(reason), numbers.count(n), means, phrases.settles(reason, undecided.calls_needed)])
    yield f"**Undecided: {numbers.counted(undecided.n, 'failure')}**"
    yield _table(["reason", "failures", "why", "what would settle it"], "lrll", rows)


def _right_answers(report: Report) -> Iterator[str]:
    lines = list(phrases.passing_lines(report))
    if report.fragile:
        lines.append(
            f"{numbers.count(len(report.fragile))} fragile: {phrases.FRAGILE}. {_ids(report.fragile)}"
        )
    if lines:
        yield "**Right answers**\n\n" + _bullets(lines)


def _cohorts(report: Report) -> Iterator[str]:
    rows = phrases.departing(report)
    if rows:
        found = [f"{code(name)}: {counts}; {what}" for name, counts, what in rows[:NOTES]]
        yield "**Cohorts that depart from the rest**\n\n" + _bullets(found, len(rows) - NOTES)


def _provenance(report: Report) -> str:
    made = report.provenance
    lines = [f"How to read the table: {phrases.RANKING_LEGEND}."] if report.ranking else []
    lines.append(phrases.runs_line(report))
    lines += phrases.cost_lines(report.cost)
    lines.append(
        f"diagnose {code(made.version)}, metric {code(made.metric)}, pass mark {made.pass_mark:g}, "
        f"seed {made.seed}"
    )
    named = [
        ("command", made.command),
        ("pipeline", made.pipeline),
        ("corpus", made.corpus),
        ("traces", made.traces),
    ]
    lines += [f"{name} {code(value, 300)}" for name, value in named if value]
    lines += [f"{stage.role}: {code(stage.name)} {code(stage.fingerprint)}" for stage in made.stages]
    if report.skipped:
        lines.append(f"left out, {numbers.count(len(report.skipped))}: {_ids(report.skipped)}")
    return f"<details>\n<summary>How this was made</summary>\n\n{_bullets(lines)}\n\n</details>"


def _ids(ids: Sequence[str]) -> str:
    shown = ", ".join(code(name) for name in ids[:IDS])
    return shown if len(ids) <= IDS else f"{shown} and {numbers.count(len(ids) - IDS)} more"


def _bullets(lines: Sequence[str], more: int = 0) -> str:
    return "\n".join(
        [*(f"- {line}" for line in lines), *([f"- … and {numbers.count(more)} more"] if more > 0 else [])]
    )


def _table(head: Sequence[str], align: str, rows: Sequence[Sequence[str]]) -> str:
    """`align` has an `l` or `r` for each column. A bar inside a cell is escaped, in code as well."""
    rule = [{"l": ":--", "r": "--:"}[side] for side in align]
    lines = [[cell.replace("|", r"\|") for cell in cells] for cells in [head, rule, *rows]]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
