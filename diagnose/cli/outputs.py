"""Writing a report folder and printing a report."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from diagnose.cli.session import paper, say
from diagnose.errors import UsageError

if TYPE_CHECKING:
    from diagnose.core.report import Report
    from diagnose.core.trust import Trust
    from diagnose.flow import Found

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
        folder.mkdir(parents=True, exist_ok=True)
        write_bytes(folder / f".{REPORT}", b"")
        (folder / f".{REPORT}").unlink()
    except OSError as error:
        raise UsageError(
            f"{folder}: the report folder cannot be written ({error.strerror}); give another with -o"
        ) from error


def write_folder(folder: Path, report: Report, found: Found) -> None:
    """Write every file of a report; `report.json` comes last, so that a folder that has it is whole."""
    from diagnose.flow.outcomes import outcomes_of
    from diagnose.report.to_json import json_report
    from diagnose.report.to_markdown import markdown_report
    from diagnose.traces.to_jsonl import write_jsonl

    ready_folder(folder)
    (folder / REPORT).unlink(missing_ok=True)
    write_jsonl(folder / GAMES, found.games)
    write_jsonl(folder / BLAME, found.blames)
    write_jsonl(folder / REPLAYS, found.cases)
    write_jsonl(folder / OUTCOMES, outcomes_of(found, report.provenance.pass_mark))
    write_bytes(folder / MARKDOWN, markdown_report(report).encode())
    write_bytes(folder / REPORT, json_report(report))


def write_bytes(path: Path, body: bytes) -> None:
    """Write a file whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(body)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def print_report(report: Report, folder: Path, json: bool, quiet: bool) -> None:
    """The report on stdout, as text or as one JSON document; where it was written on stderr."""
    from diagnose.report.to_json import json_report
    from diagnose.report.to_text import text_report

    if json:
        sys.stdout.buffer.write(json_report(report))
        sys.stdout.buffer.flush()
    elif not quiet:
        text_report(report, paper())
    say(f"written to {folder}/ ({REPORT}, {MARKDOWN}, {BLAME}, {GAMES}, {REPLAYS})", quiet)


def attach_trust(folder: Path, trust: Trust) -> None:
    """Put the result of planting faults into a report that is there already; it then leads with it."""
    import msgspec

    from diagnose.report.to_json import json_report, read_report
    from diagnose.report.to_markdown import markdown_report

    report = msgspec.structs.replace(read_report(folder), trust=trust)
    write_bytes(folder / MARKDOWN, markdown_report(report).encode())
    write_bytes(folder / REPORT, json_report(report))
