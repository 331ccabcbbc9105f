"""`diagnose trust`: plant known faults in this very pipeline and see how often blame lands on them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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
    paper,
    progress,
    say,
)
from diagnose.cli.sources import Limit
from diagnose.errors import Inconclusive, UsageError

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
    counter_check: CounterCheck = True,
    limit: Limit = None,
    seed: Seed = 0,
    strict: Strict = False,
    resume: Resume = False,
    no_memo: NoMemo = False,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Plant known faults in your own stages and report how often blame lands on them.

    Example: diagnose trust traces.jsonl --pipeline pipeline.toml
    """
    from diagnose.ablate.spread import Effort
    from diagnose.cli.opened import pipeline_of, runner_of, scorer_of, traces_of
    from diagnose.cli.unfinished import inputs_of, interrupted, noted
    from diagnose.flow.trust import combinations_of, trusted
    from diagnose.replay.replies import remembering
    from diagnose.report.build import digest_of
    from diagnose.stages.faults import FAULTS

    for name in fault or ():
        if name not in FAULTS:
            raise UsageError(f"--fault {name}: no such fault; there are {', '.join(FAULTS)}")
    log, _ = traces_of(traces, strict, quiet, limit)
    loaded = pipeline_of(pipeline)
    faults = combinations_of(loaded, pairs, fault or ())
    if noise:
        faults = [(), *faults]
    names = [[one.name for one in planted] for planted in faults]
    told = {"fault": names, "noise": noise, "alpha": alpha, "counter_check": counter_check}
    inputs = inputs_of(digest_of(log[:most]), loaded, **told, seed=seed)
    with noted("trust", (traces, pipeline), inputs, resume, no_memo, quiet):
        with runner_of(loaded, seed, no_memo, quiet) as runner, progress("planting faults", quiet) as tick:
            scorer = remembering(scorer_of(loaded), runner.memo)
            effort = Effort(alpha)
            found = trusted(
                log[:most], runner, scorer, faults, noise, effort, tick, counter_check=counter_check
            )
        if found.partial:
            _show(found, json)
            raise interrupted("this is a partial result, attached to nothing")
    if attach is not None:
        from diagnose.cli.outputs import attach_trust

        attach_trust(attach, found)
        say(f"attached to {attach}", quiet)
    _show(found, json)
    if not found.failed:
        raise Inconclusive(
            "no planted fault made a query fail that the pipeline answers: nothing was measured"
        )


def _show(found: Trust, json: bool) -> None:
    import msgspec

    from diagnose.report.trust_text import trust_text

    if json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
        sys.stdout.buffer.flush()
    else:
        trust_text(found, paper())
