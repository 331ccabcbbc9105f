"""`diagnose run` without a pipeline: from file to report in one pass, in memory that does not grow with the log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from diagnose.cli.outputs import (
    BLAME,
    GAMES,
    OUTCOMES,
    REPLAYS,
    REPORT,
    ready_folder,
    without_links,
    write_bytes,
    write_pages,
)
from diagnose.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from diagnose.cli.sources import Wanted
    from diagnose.core.report import Report
    from diagnose.core.trace import Trace
    from diagnose.flow.streamed import Seen, Streamed
    from diagnose.score.table import Scorer

NOTHING_LOGGED = "holds queries without steps: log them first with  diagnose record"
AT_ONCE = 64
"""Traces that are looked at together: few enough to stay in a processor's cache."""


def run_streamed(
    wanted: Wanted, scorer: Scorer, output: Path, seed: int, command: str, strict: bool, quiet: bool
) -> Report:
    """Read the log, write the report folder as it goes by, and give the report."""
    from diagnose import flow
    from diagnose.cli.opened import said_of_log, usable
    from diagnose.report.html.depth import MOST_UNREPLAYED, listed_of
    from diagnose.report.to_json import json_report
    from diagnose.traces.account import Account

    account, problems = Account(), list[str]()
    way = flow.Streamed(scorer, MOST_UNREPLAYED)
    traces = usable(wanted.read(account), problems, strict, quiet, "trace")
    first = next(traces)
    with _folder(output) as write:
        _told(way, first, traces, write, wanted)
        notes = said_of_log(wanted, account.summary(), quiet)
        found = replace(way.found(), notes=notes)
        report = flow.reported(found, None, scorer, seed, command, problems, way.log)
        (output / REPORT).unlink(missing_ok=True)
    write_pages(output, report, listed_of(found.blames, MOST_UNREPLAYED), found.games, found.cases)
    write_bytes(output / REPORT, json_report(report))
    return report


def _told(
    way: Streamed, first: Trace, others: Iterator[Trace], write: Callable[[Seen], None], wanted: Wanted
) -> None:
    logged = False
    traces = chain((first,), others)
    while batch := list(islice(traces, AT_ONCE)):
        for seen in way.see(batch):
            write(seen)
        logged = logged or any(trace.steps or trace.outcome for trace in batch)
    if not logged:
        raise UsageError(f"{wanted.name} {NOTHING_LOGGED}")


@contextmanager
def _folder(folder: Path) -> Iterator[Callable[[Seen], None]]:
    """The files of a report folder that have a line for a trace; they appear when all are written."""
    from diagnose.traces.to_jsonl import writing

    made = not folder.exists()
    ready_folder(folder)
    without_links(folder)
    try:
        with ExitStack() as stack:
            stack.enter_context(writing(folder / GAMES))
            blame, case, outcome = (
                stack.enter_context(writing(folder / name)) for name in (BLAME, REPLAYS, OUTCOMES)
            )

            def write(seen: Seen) -> None:
                outcome(seen.outcome)
                if seen.blame is not None and seen.case is not None:
                    blame(seen.blame)
                    case(seen.case)

            yield write
    except BaseException:
        if made:
            with suppress(OSError):
                folder.rmdir()
        raise
