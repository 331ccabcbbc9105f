"""The table of failures and their sections, drawn one by one: only what is shown stays in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from diagnose.report.html.rows import Choices, Line, choices_of, href, lines_of
from diagnose.report.html.trace_view import Around, trace_view

QUESTION_CHARS = 120

Modes = Mapping[tuple[str, str], Entry]


class Drawn(NamedTuple):
    """A failure as text: its line, its section and the depth it came out at."""

    row: str
    section: str
    depth: Depth
    bytes: int


@dataclass(frozen=True)
class Failures:
    """What the third part of the page is drawn from. `lines` are those on the page, in their order; `n`
    counts all failures, on the page or not."""

    n: int
    lines: tuple[Line, ...]
    allowed: Mapping[str, Depth]
    choices: Choices
    around: Around
    modes: Modes

    @property
    def columns(self) -> dict[str, bool]:
        """The columns of the table that are not always there."""
        return {"levels": bool(self.choices.levels), "tags": any(line.tags for line in self.lines)}

    @property
    def anchors(self) -> dict[str, str]:
        """The link to each trace that is on the page."""
        return {line.blame.trace_id: href(line.anchor) for line in self.lines}


def failures_of(report: Report, blames: Sequence[Blame], around: Around, modes: Modes) -> Failures:
    """The failures of a report that are on its page; `blames` may be some of them."""
    shown = depths.listed_of(blames)
    return Failures(
        n=max(len(blames), report.n_failures),
        lines=tuple(lines_of(report, shown)),
        allowed=depths.depths_of(shown),
        choices=choices_of(report, shown),
        around=around,
        modes=modes,
    )


def failures_part(failures: Failures, games: Iterable[Game], cases: Iterable[Case]) -> Iterator[str]:
    """The third part of the page. `games` and `cases` are read once, each in any order."""
    lines = {line.blame.trace_id: line for line in failures.lines}
    played = {game.trace_id: game for game in games if game.trace_id in lines}
    made: dict[str, Drawn] = {}
    spare = 0
    for trace_id, case in _each(lines, cases):
        made[trace_id] = _draw(failures, lines[trace_id], played.get(trace_id), case, spare)
        spare += failures.allowed[trace_id].bytes - made[trace_id].bytes
    said = _said(failures.n, [one.depth for one in made.values()])
    yield drawn("failures.j2", said=said, choices=failures.choices, known=frozenset(), **failures.columns)
    yield from (made[trace_id].row for trace_id in lines)
    shown = {game.roles for game in played.values() if 0 < len(game.roles) <= MOST_STAGES}
    yield drawn("after_rows.j2", grids=[grid_of(roles) for roles in sorted(shown)])
    yield from (made[trace_id].section for trace_id in lines)
    yield "</section>\n"


def _each(lines: Mapping[str, Line], cases: Iterable[Case]) -> Iterator[tuple[str, Case | None]]:
    """Each failure on the page once, with its case where there is one."""
    left = dict.fromkeys(lines)
    for case in cases:
        if case.trace_id in left:
            del left[case.trace_id]
            yield case.trace_id, case
    yield from left.items()


def _draw(failures: Failures, line: Line, game: Game | None, case: Case | None, spare: int) -> Drawn:
    """The failure, as much of it as fits; `spare` is what earlier ones left over of their bytes."""
    depth = failures.allowed[line.blame.trace_id]
    entry = failures.modes.get((line.blame.verdict, line.blame.mode or ""))
    texts = (entry.definition, entry.remedy or "") if entry else ()
    while True:
        question = flat(case.query.text, min(QUESTION_CHARS, depth.text)) if case else ""
        row = drawn("row.j2", line=line, href=href(line.anchor), question=question, **failures.columns)
        section = _squeezed(
            drawn("trace.j2", view=trace_view(line, game, case, depth, failures.around, texts))
        )
        smaller, size = depths.shorter(depth), len(row.encode()) + len(section.encode())
        if smaller is None or size <= depth.bytes + min(max(spare, 0), depth.bytes):
            return Drawn(row, section, depth, size)
        depth = smaller


def _squeezed(section: str) -> str:
    """The section without the line ends of its template; in text of others they are blanks already."""
    return section.replace("\n", "") + "\n"


def _said(n: int, shown: Sequence[Depth]) -> str:
    """How much of the failures is on the page."""
    whole = sum(depth is depths.WHOLE for depth in shown)
    parts = []
    if len(shown) < n:
        parts.append(
            f"{numbers.of(len(shown), n)} failures are on this page, some of every verdict and mode; blame.jsonl "
            "beside it has all."
        )
    if whole == len(shown):
        parts.append("Very long texts are clipped; replays.jsonl beside this page has them in full.")
    else:
        parts.append(
            f"{numbers.count(whole)} are laid open in full, the first of every verdict and mode; the others are "
            "clipped. replays.jsonl beside this page has every text, and the command at the end of a trace "
            "shows all of it."
        )
    return " ".join(parts)
