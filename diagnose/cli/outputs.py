"""Writing a report folder and printing a report."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from diagnose.cli.parts import drop_parts
from diagnose.cli.session import paper, say
from diagnose.errors import NO_SPACE, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from diagnose.core.blame import Blame
    from diagnose.core.budget import Budget
    from diagnose.core.game import Game
    from diagnose.core.outcome import TraceOutcome
    from diagnose.core.replay import Case
    from diagnose.core.report import Report
    from diagnose.core.trust import Trust
    from diagnose.flow import Found
    from diagnose.report.to_html import Baseline
    from diagnose.traces.lines import Problem

T = TypeVar("T")

BUDGET = "budget.json"

REPORT, BLAME, GAMES, REPLAYS, MARKDOWN, PAGE, OUTCOMES = (
    "report.json",
    "blame.jsonl",
    "games.jsonl",
    "replays.jsonl",
    "report.md",
    "report.html",
    "outcomes.jsonl",
)


def ready_folder(folder: Path) -> None:
    """Make the folder, so that what cannot be written is told of before any work is done."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_bytes(folder / f".{REPORT}", b"")
        (folder / f".{REPORT}").unlink()
    except OSError as error:
        if error.errno in NO_SPACE:
            raise
        raise UsageError(
            f"{folder}: the report folder cannot be written ({error.strerror}); give another with -o"
        ) from error


def write_folder(
    folder: Path, report: Report, found: Found, outcomes: Iterable[TraceOutcome] | None = None
) -> None:
    """Write every file of a report; `report.json` comes last, so that a folder that has it is whole. `outcomes` are
    those of `found` unless given."""
    from diagnose.flow.outcomes import outcomes_of
    from diagnose.report.to_json import json_report
    from diagnose.traces.to_jsonl import write_jsonl

    ready_folder(folder)
    (folder / REPORT).unlink(missing_ok=True)
    without_links(folder)
    write_jsonl(folder / GAMES, found.games)
    write_jsonl(folder / BLAME, found.blames)
    write_jsonl(folder / REPLAYS, found.cases)
    write_jsonl(folder / OUTCOMES, outcomes or outcomes_of(found, report.provenance.pass_mark))
    write_pages(folder, report, found.blames, found.games, found.cases)
    drop_parts(folder)
    write_bytes(folder / REPORT, json_report(report))


def without_links(folder: Path) -> None:
    """A log's own link is followed; one that lies in a report folder leads nobody out of it."""
    for name in (GAMES, BLAME, REPLAYS, OUTCOMES):
        if (folder / name).is_symlink():
            (folder / name).unlink()


def write_pages(
    folder: Path,
    report: Report,
    blames: Sequence[Blame],
    games: Iterable[Game],
    cases: Iterable[Case],
    baseline: Baseline | None = None,
) -> None:
    """Write what people read of a report: Markdown and the HTML page, with the baseline where there is one."""
    write_bytes(folder / MARKDOWN, markdown_of(report, baseline))
    write_bytes(folder / PAGE, *page_of(folder, report, (blames, games, cases), baseline))


def markdown_of(report: Report, baseline: Baseline | None = None) -> bytes:
    """The report as Markdown, and below it what changed since the baseline."""
    from diagnose.report.sections import comparison_sections
    from diagnose.report.sections_markdown import markdown_sections
    from diagnose.report.to_markdown import markdown_report

    text = markdown_report(report)
    if baseline is not None:
        text += markdown_sections(comparison_sections(baseline.comparison), marker="")
    return text.encode()


def page_of(
    folder: Path,
    report: Report,
    rows: tuple[Sequence[Blame], Iterable[Game], Iterable[Case]],
    baseline: Baseline | None = None,
) -> Iterator[bytes]:
    """The HTML page of a report in pieces; `rows` are its blames, games and cases."""
    from diagnose.cli.catalogue import entries
    from diagnose.report.to_html import html_report_parts

    shown = f"reports/{folder.resolve().name}"
    budget = budget_in(folder, report)
    for part in html_report_parts(report, *rows, entries(), baseline, folder=shown, budget=budget):
        yield part.encode()


def budget_in(folder: Path, report: Report) -> Budget | None:
    """What `diagnose budget` found for the report's pipeline, if it wrote into its folder."""
    import msgspec

    from diagnose.core.budget import Budget

    try:
        found = msgspec.json.decode((folder / BUDGET).read_bytes(), type=Budget)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found if found.pipeline == report.provenance.pipeline else None


def attach_budget(folder: Path) -> bool:
    """Put a budget into the page of a report that is in its folder already; whether there is one."""
    from diagnose.report.to_json import read_report

    if not (folder / REPORT).is_file():
        return False
    report = read_report(folder)
    write_bytes(folder / PAGE, *page_of(folder, report, rows_of(folder)))
    return True


def write_bytes(path: Path, *parts: bytes) -> None:
    """Write a file whole or not at all; a new one is its owner's alone to read."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _mode(path)), "wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _mode(path: Path) -> int:
    """The mode of a file that is there, else that of what holds other people's questions."""
    return path.stat().st_mode & 0o777 if path.is_file() and not path.is_symlink() else 0o600


def print_report(report: Report, folder: Path, json: bool, quiet: bool) -> None:
    """The report on stdout, as text or as one JSON document; where it was written on stderr."""
    from diagnose.report.to_json import json_report
    from diagnose.report.to_text import text_report

    if json:
        sys.stdout.buffer.write(json_report(report))
        sys.stdout.buffer.flush()
    elif not quiet:
        text_report(report, paper())
    say(f"written to {folder}/ ({PAGE}, {REPORT}, {MARKDOWN}, {BLAME}, {GAMES}, {REPLAYS})", quiet)


def attach_baseline(folder: Path, baseline: Path, allow: Collection[str], seed: int) -> Baseline:
    """Put the comparison with a baseline into the pages of a report that is there already."""
    from diagnose.flow.gated import beside_baseline
    from diagnose.report.to_json import read_report

    found = beside_baseline(folder, baseline, allow, seed)
    write_pages(folder, read_report(folder), *rows_of(folder), found)
    return found


def attach_trust(folder: Path, trust: Trust) -> None:
    """Put the result of planting faults into a report that is there already; it then leads with it."""
    import msgspec

    from diagnose.report.to_json import json_report, read_report

    report = msgspec.structs.replace(read_report(folder), trust=trust)
    write_pages(folder, report, *rows_of(folder))
    write_bytes(folder / REPORT, json_report(report))


def rows_of(folder: Path) -> tuple[list[Blame], Iterable[Game], Iterable[Case]]:
    """What a report folder holds of each failure; lines that are broken are passed over."""
    from diagnose.core.blame import Blame
    from diagnose.core.game import Game
    from diagnose.core.replay import Case
    from diagnose.traces.saved import read_blames, read_cases, read_games

    def rows(name: str, read: Callable[[Path], Iterable[T | Problem]], kind: type[T]) -> Iterator[T]:
        path = folder / name
        if path.is_file() and path.stat().st_size:
            yield from (item for item in read(path) if isinstance(item, kind))

    return (
        list(rows(BLAME, read_blames, Blame)),
        rows(GAMES, read_games, Game),
        rows(REPLAYS, read_cases, Case),
    )
