"""Sections as GitHub-flavoured Markdown, fit for a comment that a bot renews."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from diagnose.report import numbers
from diagnose.report.sections import Section
from diagnose.report.to_markdown import MARKER, code, plain

FOLDED = ("Repaired", "Cohorts", "How this was judged", "Mean score", "Interactions", "Traces that differ")
"""Beginnings of the titles of sections that are folded away."""
CODE_HEADS = ("trace", "cohort")
_NUMBER = re.compile(r"[+−]?[0-9.,]+( to [+−]?[0-9.,]+)?")
"""Our own numbers, which need no escaping inside a table."""


def markdown_sections(sections: Iterable[Section], marker: str = MARKER) -> str:
    """The sections as Markdown; `marker` first, by which a bot finds its comment again, newline at the
    end."""
    return "\n\n".join([marker, *_blocks(sections)]) + "\n"


def _blocks(sections: Iterable[Section]) -> Iterator[str]:
    for section in sections:
        if not section.title:
            yield "### " + "\n\n".join(plain(line, 1000) for line in section.lines)
            continue
        body = "\n\n".join(_inside(section))
        if section.title.startswith(FOLDED):
            yield f"<details>\n<summary>{plain(section.title)}</summary>\n\n{body}\n\n</details>"
        else:
            yield f"**{plain(section.title)}**\n\n{body}"


def _inside(section: Section) -> Iterator[str]:
    for line in section.lines:
        yield plain(line, 1000)
    if section.rows:
        yield _table(section)
    if section.more:
        yield f"… and {numbers.count(section.more)} more"


def _table(section: Section) -> str:
    rule = [{"l": ":--", "r": "--:"}[side] for side in section.align]
    rows = [[_cell(head, cell) for head, cell in zip(section.head, row, strict=True)] for row in section.rows]
    return "\n".join(_row(cells) for cells in [section.head, rule, *rows])


def _cell(head: str, text: str) -> str:
    if head in CODE_HEADS:
        return code(text)
    if text == "FAIL":
        return "**FAIL**"
    return text if _NUMBER.fullmatch(text) else plain(text)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
