"""What `budget` and `run --sweep` share: axes, cells, and the grid over a log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diagnose.cli.interrupt import stoppable
from diagnose.cli.session import memo_path, paper, progress, say
from diagnose.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from diagnose.core.pipeline import Pipeline
    from diagnose.core.stage import Stage
    from diagnose.core.trace import Trace
    from diagnose.flow.silver import Silvered
    from diagnose.flow.swept import Grid, Spend
    from diagnose.score.table import Scorer
    from diagnose.stages.overrides import Axis

Sweeps = Annotated[
    list[str] | None,
    typer.Option(
        "--sweep",
        help="Replay under other settings: stages.ranker.top_n=1,3,5,10 (repeatable: all combinations).",
    ),
]
Silver = Annotated[
    Path | None,
    typer.Option(help="A stronger pipeline (TOML) whose answers stand in where labels are missing."),
]
Yes = Annotated[bool, typer.Option("--yes", help="Run a large sweep without asking.")]

LADDER = (0.25, 0.5, 1.0, 2.0)
"""Multiples of a pipeline's own settings that are tried where none are named."""
LADDERS = (
    ("retriever", "top_k"),
    ("ranker", "top_n"),
    ("compressor", "sentences"),
    ("packer", "budget_tokens"),
)
COMPRESSOR = "stages.compressor"
UNROUTED: Mapping[str, object] = {"stages.router": None, "routes": None}


def own_axes(pipeline: Pipeline) -> list[Axis]:
    """The axes of a pipeline's own budgets: each number of passages, sentences or tokens, a quarter to twice; its
    compressor and none; and the other models and settings that it declares."""
    from diagnose.stages.overrides import WHOLE, Axis

    axes: dict[str, dict[object, None]] = {}
    for role, key in LADDERS:
        stage = next((s for s in pipeline.stages if s.role == role), None)
        value = stage.settings.get(key) if stage is not None else None
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            axes[f"stages.{role}.{key}"] = dict.fromkeys(max(1, round(value * part)) for part in LADDER)
    for stage in pipeline.stages:
        if stage.role == "compressor" and stage.name != WHOLE:
            axes["stages.compressor.use"] = {stage.name: None, WHOLE: None}
        for key, values in (*stage.alternatives.items(), *_routed(pipeline, stage)):
            own = stage.name if key == "use" else stage.settings.get(key)
            known = axes.setdefault(f"stages.{stage.role}.{key}", {own: None})
            known.update(dict.fromkeys(values))
    return [Axis(key, tuple(values)) for key, values in axes.items()]


def _routed(pipeline: Pipeline, stage: Stage) -> Iterator[tuple[str, tuple[object, ...]]]:
    """The settings of the model that the pipeline's routes declare besides its own."""
    others = [routed["model"] for routed in pipeline.routes.values() if "model" in routed]
    for key in stage.settings if stage.role == "model" else ():
        told = [m.settings.get(key) for m in others if m.name == stage.name]
        if different := tuple(
            v for v in told if isinstance(v, (str, int, float)) and v != stage.settings[key]
        ):
            yield key, different


def settings_of(
    axes: Sequence[Axis], pipeline: Pipeline, without: Mapping[str, object] | None = None
) -> list[Mapping[str, object]]:
    """The cells of a sweep: the pipeline as it is, and each combination that is another, once. `without` is taken out
    of every other cell."""
    from diagnose.stages.overrides import WHOLE, grid_of

    own: dict[str, object] = {f"stages.{s.role}.use": s.name for s in pipeline.stages}
    own |= {f"stages.{s.role}.{key}": value for s in pipeline.stages for key, value in s.settings.items()}
    cells: dict[str, Mapping[str, object]] = {"{}": {}}
    for cell in grid_of(axes):
        changed = {key: value for key, value in cell.items() if own.get(key) != value}
        if changed.get(f"{COMPRESSOR}.use") == WHOLE:
            # Without compression its settings mean nothing, and cells that differ in them alone are one.
            changed = {k: v for k, v in changed.items() if not k.startswith(COMPRESSOR) or k.endswith(".use")}
        found = {**(without or {}), **changed}
        cells.setdefault(repr(found), found)
    return list(cells.values())


def gridded(
    path: Path,
    log: Sequence[Trace],
    settings: Sequence[Mapping[str, object]],
    scorer: Scorer,
    spend: Spend,
    no_memo: bool,
    quiet: bool,
) -> Grid:
    """The grid of a pipeline file's cells over a log. UsageError where that is more work than was agreed to."""
    from diagnose.flow.swept import grid_of
    from diagnose.replay.memo import opened
    from diagnose.replay.replies import remembering
    from diagnose.stages.load import load_variants

    pipelines = load_variants(path, settings, traces=log)
    with (
        opened(memo_path(no_memo)) as memo,
        stoppable(quiet) as stop,
        progress("sweeping", quiet) as tick,
    ):
        grid = grid_of(log, pipelines, settings, remembering(scorer, memo), memo, spend, tick, stop)
        if memo.note:
            say(memo.note, quiet)
    return grid


def labelled(log: Sequence[Trace]) -> list[Trace]:
    """The traces that something can be scored by."""
    return [trace for trace in log if trace.gold is not None]


Planned = tuple["list[Trace]", list[Mapping[str, object]]]
"""The traces and cells of a sweep."""


def planned_sweep(
    sweep: list[str], log: list[Trace], loaded: Pipeline | None, max_calls: int | None, yes: bool, seed: int
) -> Planned | None:
    """What `run --sweep` replays, or None without one; refused before any work where it is too much."""
    from diagnose.flow.swept import Spend, sampled_for
    from diagnose.stages.overrides import axis_of, grid_size

    if not sweep:
        return None
    if loaded is None:
        raise UsageError("--sweep replays other settings: give --pipeline")
    axes = [axis_of(text) for text in sweep]
    steady = all(stage.deterministic for stage in loaded.stages)
    spend = Spend(max_calls=max_calls, agreed=yes, seed=seed).for_steady(steady)
    chosen = sampled_for(labelled(log), grid_size(axes) + 1, spend)
    return chosen, settings_of(axes, loaded)


def spend_of(max_calls: int | None, seed: int, counter_check: bool) -> Spend:
    """What the sweep of a run may cost, which was agreed to when it was planned."""
    from diagnose.flow.swept import Spend

    return Spend(max_calls=max_calls, seed=seed, counter_check=counter_check)


def run_sweep(
    partial: bool,
    pipeline: Path | None,
    planned: Planned | None,
    scorer: Scorer,
    output: Path,
    spend: Spend,
    no_memo: bool,
    json: bool,
    quiet: bool,
) -> None:
    """Runs the sweep (unless the report before it is `partial`), writes `sweep.json`, `sweep.md` and `sweep.html`, and
    prints it below the report."""
    from diagnose.cli.compared import document
    from diagnose.cli.outputs import write_bytes
    from diagnose.flow.swept import sweep_of
    from diagnose.report.budget_sections import sweep_sections
    from diagnose.report.sections_html import html_page
    from diagnose.report.sections_markdown import markdown_sections
    from diagnose.report.sections_text import text_sections

    if partial or pipeline is None or planned is None:
        return
    chosen, settings = planned
    grid = gridded(pipeline, chosen, settings, scorer, spend, no_memo, quiet)
    found = sweep_of(grid, scorer, spend.seed)
    write_bytes(output / "sweep.html", html_page(sweep_sections(found), f"{found.pipeline}: sweep").encode())
    write_bytes(output / "sweep.md", markdown_sections(sweep_sections(found)).encode())
    write_bytes(output / "sweep.json", document(found))
    if not json and not quiet:
        text_sections(sweep_sections(found), paper())
    if found.partial:
        raise Interrupted(
            f"interrupted: the report in {output} is whole and its sweep is partial; the same command finishes it"
        )


def with_silver(
    silver: Path | None, log: list[Trace], seed: int, no_memo: bool, quiet: bool
) -> tuple[list[Trace], Silvered | None]:
    """The log with the stronger pipeline's answers where it has no references, and what they are."""
    from diagnose.cli.opened import pipeline_of, runner_of
    from diagnose.flow.silver import silvered

    if silver is None:
        return log, None
    with (
        runner_of(pipeline_of(silver, log), seed, no_memo, quiet) as runner,
        progress("silver references", quiet) as tick,
    ):
        found = silvered(log, runner, tick)
    say(f"{found.mark}{found.unanswered} more it did not answer", quiet)
    return list(found.traces), found
