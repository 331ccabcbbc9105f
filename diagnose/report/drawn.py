"""What terminal reports are drawn from; all text goes in as `Text`, so that none is taken for markup."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from diagnose.report.bars import ASCII
from diagnose.report.palette import stage_colour

WIDEST = 140
"""Columns a report fills at most: longer lines are hard to follow."""
PROSE = 100
"""Columns that sentences fill at most."""

GAP = 2
"""Blanks between two columns of a table."""

Cell = str | Text


class Column(NamedTuple):
    """A column of a table: its head, how it is aligned, and whether its text may go over several lines."""

    head: str
    align: Literal["left", "right"] = "left"
    wrap: bool = False


class Trimmed:
    """A renderable without blanks at its line ends, in characters that the console can write."""

    def __init__(self, inner: RenderableType) -> None:
        self.inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in console.render_lines(self.inner, options, pad=False):
            kept = list(line)
            while kept and not kept[-1].text.strip():
                kept.pop()
            for i, segment in enumerate(kept):
                text = segment.text.rstrip() if i == len(kept) - 1 else segment.text
                yield Segment(_writable(text, options), segment.style)
            yield Segment.line()


def _writable(text: str, options: ConsoleOptions) -> str:
    """The text in characters that the console's encoding has, as many as before."""
    if not options.ascii_only:
        return text
    return text.translate(ASCII).encode(options.encoding, "replace").decode(options.encoding)


def show(console: Console, parts: Iterable[RenderableType]) -> None:
    """Print the pieces one under the other."""
    width = min(console.width, WIDEST)
    for part in parts:
        console.print(Trimmed(part), width=width, highlight=False, markup=False, emoji=False, end="")


def heading(text: str) -> Iterator[RenderableType]:
    """A heading after an empty line."""
    yield Text()
    yield Text(text, style="bold")


def prose(text: str, style: str = "", indent: int = 0) -> RenderableType:
    """A sentence or several, broken into lines at blanks."""
    from rich.padding import Padding

    return (
        Padding(Prose(Text(text, style=style)), (0, 0, 0, indent))
        if indent
        else Prose(Text(text, style=style))
    )


class Prose:
    """Text in lines that can be followed, however wide the console is."""

    def __init__(self, text: Text) -> None:
        self.text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from console.render(self.text, options.update(width=min(options.max_width, PROSE)))


def table(columns: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> Table:
    """A table without lines; a column that may not wrap keeps its width."""
    made = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="dim")
    for column in columns:
        made.add_column(
            Text(column.head),
            justify=column.align,
            no_wrap=not column.wrap,
            overflow="fold" if column.wrap else "ellipsis",
        )
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    return made


def stage_bar(role: str, cells: str) -> Text:
    """A bar in the colour of its stage."""
    return Text(cells, style=stage_colour(role).terminal)
