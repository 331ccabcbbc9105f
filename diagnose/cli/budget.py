"""`diagnose budget`: which queries need a large budget, and a route table that gives it to them alone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diagnose.cli.replaying import CounterCheck
from diagnose.cli.session import Debug, Json, NoMemo, Quiet, Resume, Seed, Strict, guarded, paper, say
from diagnose.cli.sources import Gold, Limit, Logs, Wanted
from diagnose.cli.sweeping import Sweeps, Yes
from diagnose.errors import UsageError

if TYPE_CHECKING:
    from diagnose.core.budget import Budget

PLACE = Path("reports/budget")


@guarded
def budget(
    traces: Logs,
    pipeline: Annotated[
        Path, typer.Option("--pipeline", "-p", help="The pipeline file (TOML) whose budgets are tried.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder that is written.")] = PLACE,
    sweep: Sweeps = None,
    tiers: Annotated[int, typer.Option(min=1, max=9, help="Tiers of complexity.")] = 3,
    tolerance: Annotated[
        float, typer.Option(min=0.0, max=0.5, help="Mean score that a tier may lose for a smaller budget.")
    ] = 0.0,
    prices: Annotated[
        Path | None,
        typer.Option(help="Price table (TOML): [MODEL] prompt, completion, for a million tokens."),
    ] = None,
    gold: Gold = None,
    limit: Limit = None,
    runs: Annotated[
        int, typer.Option(min=1, max=100, help="Repeats of each replay where a stage is not deterministic.")
    ] = 3,
    max_calls: Annotated[
        int | None, typer.Option(min=1, help="Replays at most: a sample of the log is used.")
    ] = None,
    counter_check: CounterCheck = True,
    yes: Yes = False,
    seed: Seed = 0,
    strict: Strict = False,
    resume: Resume = False,
    no_memo: NoMemo = False,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Find the smallest budget that keeps the answers, by complexity, and propose a route table.

    Every labelled query is replayed under each combination of --sweep settings; without --sweep, under a quarter to
    twice of top_k, top_n, sentences and budget_tokens as the pipeline has them, with and without its compressor, and
    with the `alternatives` that its stages declare and the models that its routes name.

    In the folder of a report on the same pipeline its page gets the frontier, waste and starvation, too.

    Example: diagnose budget traces.jsonl --pipeline pipeline.toml --sweep stages.ranker.top_n=1,3,5,10
    """
    from diagnose.cli.opened import corpus_of, log_of, pipeline_of, scorer_of
    from diagnose.cli.outputs import ready_folder
    from diagnose.cli.sweeping import UNROUTED, gridded, labelled, own_axes, settings_of
    from diagnose.cli.unfinished import begin, check_resume, finish, inputs_of, interrupted
    from diagnose.flow.budgeted import Allocation, budget_of
    from diagnose.flow.costs import read_prices
    from diagnose.flow.swept import Spend, sampled_for
    from diagnose.report.build import digest_of
    from diagnose.stages.overrides import axis_of, grid_size

    spend = Spend(runs, max_calls, yes, read_prices(prices) if prices else None, seed, counter_check)
    searched = corpus_of(pipeline)
    log, _, _ = log_of(Wanted(traces, gold=gold, limit=limit), strict, quiet, searched)
    loaded = pipeline_of(pipeline, log, searched)
    scorer = scorer_of(loaded)
    axes = [axis_of(text) for text in sweep or ()] or own_axes(loaded)
    if not axes:
        raise UsageError(
            f"{pipeline.name}: no setting that is a budget: name one with --sweep KEY=VALUE,VALUE"
        )
    steady = all(stage.deterministic for stage in loaded.stages)
    chosen = sampled_for(labelled(log), grid_size(axes) + 1, spend.for_steady(steady))
    settings = settings_of(axes, loaded, UNROUTED if loaded.stage("router") else None)
    ready_folder(output)
    check_resume(resume, no_memo)
    told = {"tiers": tiers, "tolerance": tolerance, "runs": runs, "cells": settings, "prices": spend.prices}
    told |= {"counter_check": counter_check}
    begin(output, inputs_of(digest_of(chosen), loaded, **told, seed=seed), resume, quiet)
    grid = gridded(pipeline, chosen, settings, scorer, spend, no_memo, quiet)
    found = budget_of(grid, scorer, Allocation(tiers, tolerance, seed))
    _write(output, found)
    _show(found, output, json, quiet)
    if found.partial:
        raise interrupted(f"{output} holds a partial budget")
    finish(output)


def _write(folder: Path, found: Budget) -> None:
    from diagnose.cli.compared import document
    from diagnose.cli.outputs import BUDGET, attach_budget, write_bytes
    from diagnose.report.budget_sections import budget_sections
    from diagnose.report.html.frontier import frontier_figure
    from diagnose.report.sections_html import html_page
    from diagnose.report.sections_markdown import markdown_sections

    page = html_page(budget_sections(found), f"{found.pipeline}: budget", frontier_figure(found))
    write_bytes(folder / "budget.html", page.encode())
    write_bytes(folder / "budget.md", markdown_sections(budget_sections(found)).encode())
    write_bytes(folder / "routes.toml", found.toml.encode())
    write_bytes(folder / BUDGET, document(found))
    attach_budget(folder)


def _show(found: Budget, folder: Path, json: bool, quiet: bool) -> None:
    from diagnose.cli.compared import document
    from diagnose.report.budget_sections import budget_sections
    from diagnose.report.sections_text import text_sections

    if json:
        sys.stdout.buffer.write(document(found))
        sys.stdout.buffer.flush()
        return
    if not quiet:
        text_sections(budget_sections(found), paper())
    say(f"{folder / 'budget.html'}; the proposed router is {folder / 'routes.toml'}", quiet)
