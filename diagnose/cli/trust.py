"""`diagnose trust`: plant known faults in this very pipeline and see how often blame lands on them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from diagnose.cli.session import Debug, Json, NoMemo, Quiet, Seed, Strict, guarded, paper, progress, say
from diagnose.errors import Inconclusive, UsageError, visible

if TYPE_CHECKING:
    from diagnose.core.trust import Trust


@guarded
def trust(
    traces: Annotated[Path, typer.Argument(help="Labelled queries or a trace log.")],
    pipeline: Annotated[Path, typer.Option("--pipeline", "-p", help="The pipeline file (TOML).")],
    fault: Annotated[list[str] | None, typer.Option(help="Plant only this fault (repeatable).")] = None,
    pairs: Annotated[bool, typer.Option("--pairs", help="Plant faults in two stages at once, too.")] = False,
    noise: Annotated[
        float, typer.Option(min=0.0, max=0.9, help="Probability that the model is wrong whatever it reads.")
    ] = 0.0,
    alpha: Annotated[float, typer.Option(min=0.0001, max=0.5, help="Error rate borne per verdict.")] = 0.01,
    most: Annotated[
        int | None, typer.Option("--queries", min=1, help="Use the first so many queries.")
    ] = None,
    attach: Annotated[
        Path | None,
        typer.Option(help="A report folder to attach the result to: its report then leads with it."),
    ] = None,
    seed: Seed = 0,
    strict: Strict = False,
    no_memo: NoMemo = False,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Plant known faults in your own stages and report how often blame lands on them.

    [dim]diagnose trust traces.jsonl --pipeline pipeline.toml[/]
    """
    from diagnose.ablate.spread import Effort
    from diagnose.cli.opened import pipeline_of, runner_of, scorer_of, traces_of
    from diagnose.flow.trust import combinations_of, trusted
    from diagnose.stages.faults import FAULTS

    for name in fault or ():
        if name not in FAULTS:
            raise UsageError(f"--fault {name}: no such fault; there are {', '.join(FAULTS)}")
    log, _ = traces_of(traces, strict, quiet)
    loaded = pipeline_of(pipeline)
    faults = combinations_of(loaded, pairs, fault or ())
    if noise:
        faults = [(), *faults]
    with runner_of(loaded, seed, no_memo, quiet) as runner, progress("planting faults", quiet) as tick:
        found = trusted(log[:most], runner, scorer_of(loaded), faults, noise, Effort(alpha), tick)
    if attach is not None:
        from diagnose.cli.outputs import attach_trust

        attach_trust(attach, found)
        say(f"attached to {attach}", quiet)
    if json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    else:
        _print(found)
    if not found.failed:
        raise Inconclusive(
            "no planted fault made a query fail that the pipeline answers: nothing was measured"
        )


def _print(found: Trust) -> None:
    from rich.table import Table

    out = paper()
    if found.right is not None and found.wrong is not None:
        out.print(
            f"Blame lands on the planted stage in {found.right:.1%} of {found.failed} failures "
            f"(95 % interval {found.right_low:.1%} to {found.right_high:.1%}); "
            f"{found.wrong:.1%} on another one.",
            style="bold",
        )
    out.print(
        f"{found.n_answered} of {found.n_queries} labelled queries are answered without faults, "
        f"{found.n_earned} of them from evidence that reached the model (those were used); "
        f"{found.model_runs_per_failure or 0:.2f} model runs a failure; "
        f"noise {found.noise:g}, seed {found.seed}."
    )
    table = Table(show_edge=False, pad_edge=False)
    for name in ("fault", "stage"):
        table.add_column(name, overflow="fold")
    for name in ("failed", "right", "wrong", "undecided", "runs/failure"):
        table.add_column(name, justify="right")
    table.add_column("verdicts", overflow="fold")
    for trial in found.trials:
        n = trial.failed
        table.add_row(
            visible(" + ".join(trial.faults) or "none (noise only)"),
            " + ".join(trial.roles) or "-",
            str(n),
            _part(trial.right, n) if trial.roles else "-",
            _part(trial.wrong, n),
            _part(trial.undecided, n),
            f"{trial.model_runs / n:.2f}" if n else "-",
            ", ".join(f"{verdict} {k}" for verdict, k in trial.verdicts.items()),
        )
    out.print(table)
    for note in found.notes:
        out.print(visible(note), markup=False)


def _part(k: int, n: int) -> str:
    return f"{k / n:.1%}" if n else "-"
