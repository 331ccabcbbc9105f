"""`diagnose compare`: two reports paired by trace, or two pipelines with their stages swapped."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from diagnose.cli.compared import SUFFIXES, Allow, Outputs, check_suffixes, show_all, write_all
from diagnose.cli.session import Debug, Json, NoMemo, Quiet, Seed, Strict, guarded, memo_path, progress, say
from diagnose.errors import BadInput, UsageError

PIPELINE = ".toml"


@guarded
def compare(
    a: Annotated[
        Path, typer.Argument(metavar="A", help="What was before: a report, a baseline or a pipeline file.")
    ],
    b: Annotated[Path, typer.Argument(metavar="B", help="What is now: the same kind of thing.")],
    traces: Annotated[
        Path | None,
        typer.Option("--traces", "-t", help="Labelled queries to run two pipelines over; - for stdin."),
    ] = None,
    runs: Annotated[
        int, typer.Option(min=1, max=100, help="Repeats of each replay where a stage is not deterministic.")
    ] = 3,
    tolerance: Annotated[
        float, typer.Option(min=0.0, max=0.5, help="Mean scores closer than this count as the same.")
    ] = 0.01,
    most: Annotated[
        int | None, typer.Option("--queries", min=1, help="Use the first so many queries.")
    ] = None,
    allow: Allow = None,
    output: Outputs = None,
    seed: Seed = 0,
    strict: Strict = False,
    no_memo: NoMemo = False,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Say what changed between two reports, or which stage moved the score between two pipelines.

    Example: diagnose compare reports/main reports/new · diagnose compare a.toml b.toml --traces queries.jsonl
    """
    outputs = output or []
    check_suffixes(outputs, SUFFIXES)
    pipelines = [path.suffix == PIPELINE for path in (a, b)]
    if all(pipelines):
        if traces is None:
            raise UsageError("two pipelines are compared over queries: give --traces FILE")
        _swap(a, b, traces, runs, tolerance, most, allow or [], outputs, seed, strict, no_memo, json, quiet)
    elif any(pipelines):
        raise UsageError("expected two reports or two pipeline files (.toml), found one of each")
    elif traces is not None:
        raise UsageError("--traces is for two pipelines; two reports bring their own")
    else:
        _compare(a, b, allow or [], outputs, seed, json, quiet)


def _compare(
    a: Path, b: Path, allow: list[str], outputs: list[Path], seed: int, json: bool, quiet: bool
) -> None:
    from diagnose.flow.gated import compared_reports
    from diagnose.report.sections import comparison_sections

    found = compared_reports(a, b, allow, seed)
    sections = list(comparison_sections(found))
    write_all(outputs, found, sections, {}, f"{found.before} and {found.after}")
    show_all(found, sections, json, quiet)


def _swap(
    a: Path,
    b: Path,
    traces: Path,
    runs: int,
    tolerance: float,
    most: int | None,
    allow: list[str],
    outputs: list[Path],
    seed: int,
    strict: bool,
    no_memo: bool,
    json: bool,
    quiet: bool,
) -> None:
    from diagnose.cli.opened import pipeline_of, scorer_of, traces_of
    from diagnose.flow.swapped import swaps_of
    from diagnose.replay.memo import opened
    from diagnose.report.sections import swap_sections

    queries, _ = traces_of(traces, strict, quiet)
    first, second = pipeline_of(a), pipeline_of(b)
    if first.score != second.score and "scorer" not in allow:
        raise BadInput(
            f"{a.name} and {b.name} have different [score] tables: the change would be the scorer's; make them alike, "
            f"or judge both by that of {a.name} with --allow scorer"
        )
    with opened(memo_path(no_memo)) as memo, progress("swapping stages", quiet) as tick:
        found = swaps_of(queries[:most], first, second, scorer_of(first), memo, seed, runs, tolerance, tick)
        if memo.note:
            say(memo.note, quiet)
    sections = list(swap_sections(found))
    write_all(outputs, found, sections, {}, f"{found.pipeline_a} and {found.pipeline_b}")
    show_all(found, sections, json, quiet)
