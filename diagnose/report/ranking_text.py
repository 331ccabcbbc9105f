"""The ranking of stages in the terminal, laid out for the room there is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from diagnose.core.report import Ranked
from diagnose.report import numbers, phrases
from diagnose.report.bars import interval_bar
from diagnose.report.drawn import GAP, Cell, Column, stage_bar, table
from diagnose.report.foreign import flat

FEWEST_CELLS, MOST_CELLS = 8, 40
"""Cells of a bar: with fewer it says nothing and is left out."""
MODES_CELLS = 30
"""Cells that modes take beside the numbers; with less room they stand under the table."""


def ranking_parts(ranking: Sequence[Ranked], width: int) -> Iterator[RenderableType]:
    """The table: intervals stand beside their estimates where that leaves room for a bar, else under them."""
    modes = [flat(phrases.modes_text(ranked.modes)) for ranked in ranking]
    stacked = width - _taken(_columns(ranking, stacked=False)) < FEWEST_CELLS + GAP
    columns = _columns(ranking, stacked)
    room = width - _taken(columns) - GAP
    beside = any(modes) and room - MODES_CELLS - GAP >= 2 * FEWEST_CELLS
    cells = min(MOST_CELLS, room - (MODES_CELLS + GAP if beside else 0))
    heads = [Column(head, "right" if i else "left") for i, (head, _) in enumerate(columns)]
    rows: list[list[Cell]] = [[texts[i] for _, texts in columns] for i in range(len(ranking))]
    if cells >= FEWEST_CELLS:
        heads.insert(1, Column(""))
        for row, r in zip(rows, ranking, strict=True):
            row.insert(1, stage_bar(r.role, interval_bar(r.share, r.low, r.high, cells)))
    if beside:
        heads.append(Column("how it failed", wrap=True))
        rows = [[*row, how] for row, how in zip(rows, modes, strict=True)]
    yield table(heads, rows)
    if any(modes) and not beside:
        yield Text()
        how_each = [(r.role, how) for r, how in zip(ranking, modes, strict=True) if how]
        yield table([Column("how it failed"), Column("", wrap=True)], how_each)


def _columns(ranking: Sequence[Ranked], stacked: bool) -> list[tuple[str, list[str]]]:
    """Heads with their cells."""
    share = [(numbers.percent(r.share), numbers.percent_range(r.low, r.high)) for r in ranking]
    fix = [
        (numbers.gain(r.fix_alone.gain), numbers.score_range(r.fix_alone.low, r.fix_alone.high))
        for r in ranking
    ]
    return [
        ("stage", [r.role for r in ranking]),
        *_estimate("share", share, stacked),
        ("first", [numbers.percent(r.p_first) for r in ranking]),
        *_estimate("fix alone", fix, stacked),
        ("guilty", [numbers.count(r.verdicts) for r in ranking]),
        ("blame", [numbers.amount(r.loss) for r in ranking]),
    ]


def _estimate(head: str, cells: list[tuple[str, str]], stacked: bool) -> list[tuple[str, list[str]]]:
    if stacked:
        return [(head, ["\n".join(cell) for cell in cells])]
    return [(head, [value for value, _ in cells]), ("95 %", [interval for _, interval in cells])]


def _taken(columns: list[tuple[str, list[str]]]) -> int:
    lines = [[head, *(line for text in texts for line in text.split("\n"))] for head, texts in columns]
    return sum(max(map(len, column)) + GAP for column in lines) - GAP
