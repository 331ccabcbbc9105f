"""The failures as CSV, a line each, for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from diagnose.core.artifact import Answer
from diagnose.core.blame import Blame
from diagnose.core.replay import Case
from diagnose.core.stage import ROLES, Role
from diagnose.report.foreign import flat

CELL_CHARS = 2_000
FORMULA = (
    "=",
    "+",
    "-",
    "@",
    "\N{FULLWIDTH EQUALS SIGN}",
    "\N{FULLWIDTH PLUS SIGN}",
    "\N{FULLWIDTH COMMERCIAL AT}",
)
"""What a spreadsheet may take for a formula at the beginning of a cell."""
TEXTS = ("question", "reference", "logged_answer")


def csv_failures(blames: Sequence[Blame], cases: Iterable[Case]) -> Iterator[str]:
    """The lines in the order of `blames`, a header first; `cases` are read once, in any order.

    Numbers are written in full, absent ones are empty. Text is on one line, clipped at `CELL_CHARS`, its control
    characters as U+FFFD; an apostrophe stands before what would be a formula.
    """
    wanted = {blame.trace_id for blame in blames}
    texts = {case.trace_id: _texts(case) for case in cases if case.trace_id in wanted}
    roles = tuple(role for role in ROLES if any(role in blame.shares for blame in blames))
    head = ["trace_id", "verdict", "mode", "level", "confidence", "loss", "residual"]
    yield _line([*head, *(f"share_{role}" for role in roles), "undecided", "tags", *TEXTS])
    for blame in blames:
        yield _line([*_numbers(blame, roles), *texts.get(blame.trace_id, ("",) * len(TEXTS))])


def _numbers(blame: Blame, roles: Sequence[Role]) -> list[str]:
    numbers = (blame.confidence, blame.loss, blame.residual, *(blame.shares.get(role) for role in roles))
    tags = "; ".join(f"{name}={value}" for name, value in blame.tags.items())
    undecided = blame.undecided.reason if blame.undecided else ""
    words = [_cell(text) for text in (blame.trace_id, blame.verdict, blame.mode or "", blame.level)]
    return [*words, *("" if x is None else repr(x) for x in numbers), undecided, _cell(tags)]


def _texts(case: Case) -> tuple[str, ...]:
    answer = next((s.output for s in reversed(case.logged) if isinstance(s.output, Answer)), None)
    reference = " / ".join(case.gold.answers) if case.gold else ""
    return tuple(map(_cell, (case.query.text, reference, answer.text if answer else "")))


def _cell(text: str) -> str:
    shown = flat(text, CELL_CHARS)
    return f"'{shown}" if shown.startswith(FORMULA) else shown


def _line(cells: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()
