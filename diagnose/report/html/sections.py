"""The table of failures and their sections, drawn one by one: only what is shown stays in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from diagnose.core.blame import Blame
from diagnose.core.entry import Entry
from diagnose.core.game import Game
from diagnose.core.replay import Case
from diagnose.core.report import Report
from diagnose.report import numbers
from diagnose.report.foreign import flat
from diagnose.report.html import depth as depths
from diagnose.report.html.depth import Depth
from diagnose.report.html.drawing import drawn
from diagnose.report.html.lattice import MOST_STAGES, grid_of
from diagnose.report.html.rows import Line, choices_of, href, lines_of
from diagnose.report.html.trace_view import Around, trace_view

QUESTION_CHARS = 120


class Drawn(NamedTuple):
    """A failure as text: its line, its section and the depth it came out at."""

    row: str
    section: str
    depth: Depth


def failures_part(
    report: Report,
    blames: Sequence[Blame],
    games: Iterable[Game],
    cases: Iterable[Case],
    around: Around,
    modes: Mapping[tuple[str, str], Entry],
) -> Iterator[str]:
    """The third part of the page. `cases` and `games` are read once, each in any order."""
    listed = depths.listed_of(blames)
    lines = {line.blame.trace_id: line for line in lines_of(report, listed)}
    allowed = depths.depths_of(listed)
    tags = any(line.tags for line in lines.values())
    played = {game.trace_id: game for game in games if game.trace_id in lines}
    made: dict[str, Drawn] = {}
    for case in cases:
        if (line := lines.get(case.trace_id)) and case.trace_id not in made:
            made[case.trace_id] = _draw(line, played.get(case.trace_id), case, allowed, around, modes, tags)
    for trace_id, line in lines.items():
        if trace_id not in made:
            made[trace_id] = _draw(line, played.get(trace_id), None, allowed, around, modes, tags)
    said = _said(len(blames), [made[trace_id].depth for trace_id in lines])
    yield drawn("failures.j2", said=said, choices=choices_of(report, listed), tags=tags, known=frozenset())
    yield from (made[trace_id].row for trace_id in lines)
    shown = {game.roles for game in played.values() if 0 < len(game.roles) <= MOST_STAGES}
    yield drawn("after_rows.j2", grids=[grid_of(roles) for roles in sorted(shown)])
    yield from (made[trace_id].section for trace_id in lines)
    yield "</section>\n"


def _draw(
    line: Line,
    game: Game | None,
    case: Case | None,
    allowed: Mapping[str, Depth],
    around: Around,
    modes: Mapping[tuple[str, str], Entry],
    tags: bool,
) -> Drawn:
    limit = min(QUESTION_CHARS, allowed[line.blame.trace_id].text)
    question = flat(case.query.text, limit) if case else ""
    row = drawn("row.j2", line=line, href=href(line.anchor), question=question, tags=tags)
    entry = modes.get((line.blame.verdict, line.blame.mode or ""))
    texts = (entry.definition, entry.remedy or "") if entry else ()
    depth: Depth | None = allowed[line.blame.trace_id]
    while depth is not None:
        section = _squeezed(drawn("trace.j2", view=trace_view(line, game, case, depth, around, texts)))
        smaller = depths.shorter(depth)
        if smaller is None or len(section.encode()) <= depth.bytes:
            return Drawn(row, section, depth)
        depth = smaller
    raise AssertionError("the last depth always fits")


def _squeezed(section: str) -> str:
    """The section without the line ends of its template; in text they are blanks already."""
    return section.replace("\n", "") + "\n"


def _said(n: int, shown: Sequence[Depth]) -> str:
    """How much of the failures is on the page."""
    whole = sum(depth is depths.WHOLE for depth in shown)
    parts = []
    if len(shown) < n:
        parts.append(
            f"{numbers.count(len(shown))} of {numbers.count(n)} failures are on this page, some of every verdict and "
            "mode; blame.jsonl has all."
        )
    if whole == len(shown):
        parts.append("Texts are clipped where they are very long; replays.jsonl beside this page has them in full.")
    else:
        parts.append(
            f"{numbers.count(whole)} are laid open in full, the first of every verdict and mode; the others are clipped. "
            "replays.jsonl beside this page has every text, and the command at the end of a trace shows all of it."
        )
    return " ".join(parts)


