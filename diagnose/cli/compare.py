"""`diagnose compare`: two reports paired by trace, or two pipelines with their stages swapped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diagnose.cli.compared import SUFFIXES, Allow, Outputs, check_suffixes, show_all, write_all
from diagnose.cli.interrupt import stoppable
from diagnose.cli.replaying import CounterCheck
from diagnose.cli.session import (
    Debug,
    Json,
    NoMemo,
    Quiet,
    Resume,
    Seed,
    Strict,
    guarded,
    memo_path,
    progress,
    say,
)
from diagnose.cli.sources import Limit
from diagnose.errors import BadInput, UsageError

if TYPE_CHECKING:
    from diagnose.core.pipeline import Pipeline
    from diagnose.core.swap import Swaps
    from diagnose.core.trace import Trace

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
    counter_check: CounterCheck = True,
    allow: Allow = None,
    output: Outputs = None,
    limit: Limit = None,
    seed: Seed = 0,
    strict: Strict = False,
    resume: Resume = False,
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
        swapping = Swapping(a, b, traces, most, runs, tolerance, seed, limit, counter_check)
        _swap(swapping, allow or [], outputs, strict, resume, no_memo, json, quiet)
    elif any(pipelines):
        raise UsageError("expected two reports or two pipeline files (.toml), found one of each")
    elif resume:
        raise UsageError("--resume is for two pipelines: two reports are compared in no time")
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


@dataclass(frozen=True)
class Swapping:
    """What two pipelines are compared on: the first `most` queries of a file, with `runs` repeats."""

    a: Path
    b: Path
    traces: Path
    most: int | None
    runs: int
    tolerance: float
    seed: int
    limit: list[str] | None = None
    counter_check: bool = True


def _swap(
    given: Swapping,
    allow: list[str],
    outputs: list[Path],
    strict: bool,
    resume: bool,
    no_memo: bool,
    json: bool,
    quiet: bool,
) -> None:
    from diagnose.cli.opened import pipeline_of, traces_of
    from diagnose.cli.unfinished import inputs_of, interrupted, noted
    from diagnose.report.build import digest_of
    from diagnose.report.sections import swap_sections

    queries = traces_of(given.traces, strict, quiet, given.limit)[0][: given.most]
    first, second = pipeline_of(given.a), pipeline_of(given.b)
    if first.score != second.score and "scorer" not in allow:
        raise BadInput(
            f"{given.a.name} and {given.b.name} have different [score] tables: the change would be the scorer's; "
            f"make them alike, or judge both by that of {given.a.name} with --allow scorer"
        )
    told = {"runs": given.runs, "tolerance": given.tolerance, "counter_check": given.counter_check}
    inputs = inputs_of(digest_of(queries), None, **told, seed=given.seed)
    for side, pipeline in (("A", first), ("B", second)):
        inputs |= {f"{name} of {side}": value for name, value in inputs_of("", pipeline).items()}
    with noted("compare", (given.a, given.b, given.traces), inputs, resume, no_memo, quiet):
        found = _swapped(given, queries, first, second, no_memo, quiet)
        sections = list(swap_sections(found))
        write_all(outputs, found, sections, {}, f"{found.pipeline_a} and {found.pipeline_b}")
        show_all(found, sections, json, quiet)
        if found.partial:
            raise interrupted("this is a partial result")


def _swapped(
    given: Swapping, queries: Sequence[Trace], first: Pipeline, second: Pipeline, no_memo: bool, quiet: bool
) -> Swaps:
    from diagnose.cli.opened import scorer_of
    from diagnose.flow.swapped import swaps_of
    from diagnose.replay.memo import opened
    from diagnose.replay.replies import remembering

    with (
        opened(memo_path(no_memo)) as memo,
        stoppable(quiet) as stop,
        progress("swapping stages", quiet) as tick,
    ):
        scorer = remembering(scorer_of(first), memo)
        wanted = (given.seed, given.runs, given.tolerance)
        found = swaps_of(queries, first, second, scorer, memo, *wanted, tick, stop, given.counter_check)
        if memo.note:
            say(memo.note, quiet)
    return found
