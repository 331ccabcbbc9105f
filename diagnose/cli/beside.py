"""A report beside its baseline: the option of `run` and `show`, and what they print of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diagnose.cli.session import paper

if TYPE_CHECKING:
    from collections.abc import Sequence

    from diagnose.report.sections import Section
    from diagnose.report.to_html import Baseline

Against = Annotated[
    Path | None,
    typer.Option(
        "--baseline",
        "-b",
        help="An earlier report folder to hold it against: paired by trace, on the page, too.",
    ),
]


def sections_of(baseline: Baseline) -> list[Section]:
    """The comparison as sections of plain text."""
    from diagnose.report.sections import comparison_sections

    found = baseline.comparison
    first, *rest = comparison_sections(found)
    return [first._replace(title=f"Against {found.before}"), *rest]


def print_beside(sections: Sequence[Section], width: int | None = None) -> None:
    """The comparison on stdout, after the report."""
    from diagnose.report.sections_text import text_sections

    console = paper(width)
    console.print()
    text_sections(sections, console)
