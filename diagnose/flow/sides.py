"""The sides of a comparison, read from report folders and baseline files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from diagnose.core.baseline import BASELINE_SCHEMA, Baseline
from diagnose.errors import BadInput, UsageError, visible
from diagnose.gate.side import merged, side_of
from diagnose.report.to_json import read_report, report_file
from diagnose.traces.lines import Problem, source_name
from diagnose.traces.outcomes import read_baseline, read_outcomes, schema_of
from diagnose.traces.saved import read_blames

T = TypeVar("T")
BLAME, OUTCOMES = "blame.jsonl", "outcomes.jsonl"


def read_sides(paths: Sequence[Path]) -> Baseline:
    """One side: a report, a baseline, or several reports of runs of one system. BadInput where they cannot
    be read whole: a gate that lost traces on the way would pass in silence."""
    if not paths:
        raise UsageError("expected a report folder, a report.json or a baseline file, found none")
    return merged([_read(path) for path in paths])


def _read(path: Path) -> Baseline:
    if path.is_file():
        data = path.read_bytes()
        if schema_of(data, source_name(path)) == BASELINE_SCHEMA:
            return read_baseline(path, data)
    report = read_report(path)
    if report.partial:
        raise BadInput(
            f"{visible(str(path))}: a partial report, whose run was interrupted, is compared with nothing: finish it "
            "with  diagnose run … --resume"
        )
    folder = report_file(path).parent
    outcomes = _whole(folder / OUTCOMES, read_outcomes(_beside(folder / OUTCOMES)))
    # A run without failures writes no line of blame.
    blames = _whole(folder / BLAME, read_blames(_beside(folder / BLAME))) if report.n_failures else []
    _check_counts(source_name(path), len(outcomes), report.n_traces, len(blames), report.n_failures)
    return side_of(report, outcomes, blames, source_name(path))


def _check_counts(name: str, outcomes: int, n_traces: int, blames: int, n_failures: int) -> None:
    for what, found, expected in (("traces", outcomes, n_traces), ("failures", blames, n_failures)):
        if found != expected:
            raise BadInput(
                f"{name}: the report is of {expected} {what}, the files beside it hold {found}: they are of "
                "another run, or cut short; run diagnose again"
            )


def _beside(file: Path) -> Path:
    if not file.is_file():
        raise BadInput(
            f"{source_name(file.parent)}: no {file.name} beside the report; expected what `diagnose run` of "
            "this version writes: run it again"
        )
    return file


def _whole(file: Path, found: Iterator[T | Problem]) -> list[T]:
    """Every value of a file; the first line that is broken is fatal."""
    values: list[T] = []
    for item in found:
        if isinstance(item, Problem):
            raise BadInput(f"{item}; a report is compared whole or not at all: make it again")
        values.append(item)
    if not values:
        raise BadInput(f"{source_name(file)}: holds nothing")
    return values
