"""Sections in the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Console, RenderableType
from rich.text import Text

from diagnose.report import numbers
from diagnose.report.drawn import Column, heading, prose, show, table
from diagnose.report.foreign import flat
from diagnose.report.sections import Section

CELL = 100
STYLES = {"FAIL": "bold red", "inconclusive": "yellow", "pass": "green"}
WRAPPED = (
    "why",
    "by stage",
    "smallest revert",
    "trace",
    "cohort",
    "verdict now",
    "setting",
    "budget",
    "smallest budget",
    "larger wins",
)
"""Columns whose text may go over several lines."""


def text_sections(sections: Iterable[Section], console: Console) -> None:
    """Print the sections; the first sentence is the headline."""
    show(console, _parts(sections))


def _parts(sections: Iterable[Section]) -> Iterator[RenderableType]:
    for section in sections:
        if section.title:
            yield from heading(section.title)
        for line in section.lines:
            yield prose(flat(line, 1000), "bold" if not section.title else "")
        if section.rows:
            yield table(
                [
                    Column(head, "right" if side == "r" else "left", head in WRAPPED)
                    for head, side in zip(section.head, section.align, strict=True)
                ],
                [[_cell(cell) for cell in row] for row in section.rows],
            )
        if section.more:
            yield prose(f"… and {numbers.count(section.more)} more", "dim")


def _cell(text: str) -> Text:
    return Text(flat(text, CELL * 4), style=STYLES.get(text, ""))
