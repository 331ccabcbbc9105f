"""What holds of every form of a report: text, Markdown and JSON say the same numbers."""

from __future__ import annotations

import io

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from diagnose.core.report import Gain, Ranked, Report
from diagnose.core.stage import ROLES
from diagnose.report import numbers
from diagnose.report.buys import buys_line
from diagnose.report.to_json import json_report
from diagnose.report.to_markdown import markdown_report
from diagnose.report.to_text import text_report
from tests.report import made_report
from tests.report.hostile import TEXTS, commands, hostile


def text_of(report: Report, width: int) -> str:
    out = io.StringIO()
    text_report(report, Console(file=out, width=width, color_system=None))
    return out.getvalue()


def figures(ranked: Ranked) -> list[str]:
    """The numbers of one stage as reports write them."""
    fix = ranked.fix_alone
    return [
        numbers.percent(ranked.share),
        numbers.percent_range(ranked.low, ranked.high),
        numbers.percent(ranked.p_first),
        numbers.gain(fix.gain),
        numbers.score_range(fix.low, fix.high),
        numbers.count(ranked.verdicts),
        numbers.amount(ranked.loss),
    ]


def section(text: str, start: str, end: str) -> list[str]:
    """The lines between two that begin so."""
    lines = text.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith(start))
    last = next(i for i, line in enumerate(lines[first:], first) if line.startswith(end))
    return lines[first + 1 : last]


def assert_told(report: Report, width: int) -> None:
    """Every number of the ranking is in the stage's own lines of every form."""
    table = section(text_of(report, width), "stage ", "share:")
    markdown = [line for line in markdown_report(report).splitlines() if line.startswith("|")]
    for ranked in report.ranking:
        first = next(i for i, line in enumerate(table) if line.split()[:1] == [ranked.role])
        row = " ".join(table[first].split() + (table[first + 1].split() if first + 1 < len(table) else []))
        cells = (
            next(line for line in markdown if line.startswith(f"| {ranked.role} |")).strip("| ").split(" | ")
        )
        for figure in figures(ranked):
            assert figure in row, (width, figure, table[first])
            assert any(cell == figure or cell.endswith(f" {figure}") for cell in cells), (figure, cells)
        for mode, n in ranked.modes.items():
            assert any(f"{mode} {n}" in line for line in table)
            assert f"`{mode}` {n}" in " ".join(cells)
    assert msgspec.json.decode(json_report(report), type=Report).ranking == report.ranking


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_every_number_of_the_ranking_is_in_every_form(width: int) -> None:
    assert_told(made_report.REPLAYED, width)


part = st.floats(-1, 1).map(lambda x: round(x, 6))
interval = st.one_of(st.just((None, None)), st.tuples(part, part).map(lambda ends: (min(ends), max(ends))))


@st.composite
def rankings(draw: st.DrawFn) -> tuple[Ranked, ...]:
    """Rankings with numbers of any size, real ones among them."""
    roles = draw(st.lists(st.sampled_from(ROLES), min_size=1, unique=True))
    return tuple(
        Ranked(
            role=role,
            share=draw(part),
            low=(ends := draw(interval))[0],
            high=ends[1],
            p_first=draw(st.floats(0, 1)),
            loss=draw(st.floats(-9999, 9999)),
            fix_alone=Gain(draw(part), *draw(interval)),
            verdicts=draw(st.integers(0, 9999)),
            modes={},
        )
        for role in roles
    )


@settings(max_examples=40)
@given(rankings(), st.integers(80, 220))
def test_no_number_is_lost_or_clipped(ranking: tuple[Ranked, ...], width: int) -> None:
    assert_told(msgspec.structs.replace(made_report.REPLAYED, ranking=ranking), width)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("name", ["REPLAYED", "DRIFTED", "OBSERVED", "PERFECT"])
def test_hostile_text_commands_nothing(name: str, text: str) -> None:
    report = hostile(getattr(made_report, name), text)
    for width in (60, 80, 200):
        printed = text_of(report, width)
        assert list(commands(printed)) == []
        assert max(len(line) for line in printed.splitlines()) <= width
        assert len(printed.splitlines()) < 400
    markdown = markdown_report(report)
    assert list(commands(markdown)) == []
    assert len(markdown) < 65_536
    assert markdown.startswith("<!-- diagnose -->\n")


@pytest.mark.parametrize("name", ["REPLAYED", "DRIFTED", "OBSERVED", "PERFECT"])
def test_every_form_opens_with_the_headline(name: str) -> None:
    report: Report = getattr(made_report, name)
    before, after = " ".join(text_of(report, 100).split()).split(report.headline)
    # Warnings of a replay that differs from the log come before anything else.
    assert before.startswith("! ") if name == "DRIFTED" else not before
    buys = buys_line(report)
    assert after.startswith(f" {buys} 200 traces" if buys else " 200 traces")
    assert markdown_report(report).splitlines()[2].startswith("### " + report.headline[:20])
