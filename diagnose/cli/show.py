"""`diagnose show`: a report, or one of its traces stage by stage."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from diagnose.cli.beside import Against, print_beside, sections_of
from diagnose.cli.compared import SUFFIXES, Allow, Outputs, check_suffixes, write_body
from diagnose.cli.session import Debug, Json, guarded, paper, say
from diagnose.errors import BadInput, UsageError, quoted

if TYPE_CHECKING:
    from diagnose.core.blame import Blame
    from diagnose.core.game import Game
    from diagnose.core.replay import Case
    from diagnose.core.report import Report
    from diagnose.report.laid_open import OneTrace
    from diagnose.report.to_html import Baseline
    from diagnose.traces.lines import Problem

    Kept = TypeVar("Kept", Blame, Game, Case)

BLAME, GAMES, REPLAYS = "blame.jsonl", "games.jsonl", "replays.jsonl"
NEAR = 5
"""Trace ids suggested where one is unknown."""
ALIKE = 50.0
"""How alike an id has to be to be suggested, 0 to 100."""


@guarded
def show(
    report: Annotated[Path, typer.Argument(help="A report folder, or its report.json.")],
    trace_id: Annotated[str | None, typer.Argument(help="A failing trace to lay open.")] = None,
    width: Annotated[
        int | None, typer.Option(min=60, max=1000, help="Columns to fill; without it, those of the terminal.")
    ] = None,
    baseline: Against = None,
    allow: Allow = None,
    output: Outputs = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Show a report, or one failing trace stage by stage: what each stage took, gave and lost.

    Example: diagnose show reports/handbook · diagnose show reports/handbook q17
    """
    from diagnose.report.to_json import read_report, report_file
    from diagnose.report.trace_text import trace_text

    outputs = output or []
    check_suffixes(outputs, (*SUFFIXES, ".csv", ".parquet"))
    read = read_report(report)
    folder = report_file(report).parent
    if trace_id is None:
        beside = _beside(report, baseline, allow or [], read.provenance.seed)
        _write_forms(outputs, read, folder, beside)
        if Path("-") not in outputs:
            _print(read, beside, json, width)
            _say_next(report, folder)
        return
    if outputs or baseline is not None:
        raise UsageError("--output and --baseline are for a whole report: leave the trace id out")
    one = opened(folder, trace_id, read, report)
    if json:
        _write(_document(one))
    else:
        trace_text(one, paper(width))


def _beside(report: Path, baseline: Path | None, allow: list[str], seed: int) -> Baseline | None:
    from diagnose.flow.gated import beside_baseline

    return None if baseline is None else beside_baseline(report, baseline, allow, seed)


def _write_forms(outputs: list[Path], report: Report, folder: Path, beside: Baseline | None) -> None:
    """The report as it stands in its folder, in other forms or with a baseline."""
    from diagnose.cli.outputs import markdown_of, page_of, rows_of
    from diagnose.core.blame import Blame
    from diagnose.report.to_csv import csv_failures
    from diagnose.report.to_json import json_report
    from diagnose.traces.to_parquet import write_parquet

    for path in outputs:
        match path.suffix:
            case ".html":
                write_body(path, *page_of(folder, report, rows_of(folder), beside))
            case ".csv":
                blames, _, cases = rows_of(folder)
                write_body(path, *(line.encode() for line in csv_failures(blames, cases)))
            case ".parquet":
                write_parquet(path, rows_of(folder)[0], Blame)
            case ".json":
                write_body(path, json_report(report))
            case _:
                write_body(path, markdown_of(report, beside))


def _print(report: Report, beside: Baseline | None, json: bool, width: int | None) -> None:
    from diagnose.report.to_json import json_report
    from diagnose.report.to_text import text_report

    if json:
        _write(json_report(report))
        return
    text_report(report, paper(width))
    if beside is not None:
        print_beside(sections_of(beside), width)


def opened(folder: Path, trace_id: str, report: Report, named: Path) -> OneTrace:
    """What a report folder holds of a trace; UsageError where it is not among the failures."""
    from diagnose.attribute.mode_texts import MODES
    from diagnose.core.stage import ROLES
    from diagnose.report.laid_open import OneTrace
    from diagnose.traces.saved import read_blames, read_cases, read_games

    if not (folder / BLAME).is_file():
        raise BadInput(f"{folder}: no {BLAME} beside the report; expected what `diagnose run -o` wrote")
    blame = _find(read_blames(folder / BLAME), trace_id) if _holds_lines(folder / BLAME) else None
    if blame is None:
        raise UsageError(_unknown(folder, trace_id, report))
    game = _find(read_games(folder / GAMES), trace_id) if _holds_lines(folder / GAMES) else None
    case = _find(read_cases(folder / REPLAYS), trace_id) if _holds_lines(folder / REPLAYS) else None
    role = next((role for role in ROLES if role == blame.verdict), None)
    entry = MODES.get((role, blame.mode)) if role and blame.mode else None
    return OneTrace(
        blame,
        game,
        case,
        mode_means=entry.definition if entry else None,
        mode_remedy=entry.remedy if entry else None,
        commands=(
            report.provenance.command,
            _command(named, trace_id),
        ),
    )


def _holds_lines(path: Path) -> bool:
    """Whether there is something in a file: a run without a pipeline leaves the games empty."""
    return path.is_file() and path.stat().st_size > 0


def _command(report: Path, trace_id: str) -> str:
    return f"diagnose show {shlex.quote(str(report))} {shlex.quote(trace_id)}"


def _find(found: Iterator[Kept | Problem], trace_id: str) -> Kept | None:
    """The value of that trace; lines that are broken are told of only where it is not found."""
    from diagnose.traces.lines import Problem

    problem: Problem | None = None
    for item in found:
        if isinstance(item, Problem):
            problem = problem or item
        elif item.trace_id == trace_id:
            return item
    if problem is not None:
        say(f"left out: {problem}")
    return None


def _unknown(folder: Path, trace_id: str, report: Report) -> str:
    """What to say of an id that is not among the failures."""
    from rapidfuzz import process

    from diagnose.traces.lines import Problem
    from diagnose.traces.saved import read_blames

    start = f"{folder}: {quoted(trace_id)} is not among its {report.n_failures} failures"
    if trace_id in report.fragile:
        return f"{start}: its answer is right, though fragile; only failures are laid open"
    blames = read_blames(folder / BLAME) if _holds_lines(folder / BLAME) else ()
    ids = [blame.trace_id for blame in blames if not isinstance(blame, Problem)]
    near = process.extract(trace_id[:200], ids, limit=NEAR, score_cutoff=ALIKE)
    if near:
        return f"{start}; did you mean {', '.join(quoted(name) for name, _, _ in near)}?"
    examples = ", ".join(quoted(name) for name in ids[:NEAR])
    return f"{start}; they are {examples}{' …' if len(ids) > NEAR else ''}" if ids else start


def _say_next(report: Path, folder: Path) -> None:
    """How to look at a trace, where there is one and somebody reads it."""
    from diagnose.traces.lines import Problem
    from diagnose.traces.saved import read_blames

    if not sys.stdout.isatty() or not _holds_lines(folder / BLAME):
        return
    first = next((b for b in read_blames(folder / BLAME) if not isinstance(b, Problem)), None)
    if first is not None:
        say(f"one trace stage by stage: {_command(report, first.trace_id)}")


def _document(one: OneTrace) -> bytes:
    """Blame, game and case of a trace as one JSON document, each as it stands in its file."""
    from diagnose.traces.to_jsonl import encode_line

    parts = {"blame": one.blame, "game": one.game, "case": one.case}
    import msgspec

    raw = {name: msgspec.Raw(encode_line(part)) if part else None for name, part in parts.items()}
    return msgspec.json.format(msgspec.json.encode(raw), indent=2) + b"\n"


def _write(body: bytes) -> None:
    sys.stdout.buffer.write(body)
    sys.stdout.buffer.flush()
