"""`diagnose attribute`: the second half of the line, from a game table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from diagnose.cli.again import again, options_of
from diagnose.cli.session import Debug, Json, OutFolder, Quiet, Seed, Strict, guarded


@guarded
def attribute(
    games: Annotated[Path, typer.Argument(help="A game table (JSON lines); - for stdin.")],
    output: OutFolder = Path("reports/latest"),
    pass_mark: Annotated[
        float, typer.Option("--pass", min=0.0, max=1.0, help="Worth from which on a trace passes.")
    ] = 0.5,
    traces: Annotated[int | None, typer.Option(min=1, help="Traces in the log the games are from.")] = None,
    seed: Seed = 0,
    strict: Strict = False,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Divide the games of a table into blame and write the report.

    The table can be written by hand or by another tool.

    Example: diagnose attribute games.jsonl -o reports/mine
    """
    from diagnose import flow
    from diagnose.cli.opened import kept
    from diagnose.cli.outputs import print_report, write_folder
    from diagnose.traces.saved import read_games

    source = str(games) if str(games) == "-" else games
    table, problems = kept(read_games(source), strict, quiet, "game")
    found = flow.divided(table, pass_mark)
    given = {"pass_mark": pass_mark, "traces": traces, "seed": seed, "strict": strict}
    command = again("attribute", games.name, *options_of(attribute, given), output=output)
    report = flow.reported_games(found, pass_mark, traces, seed, command, problems)
    # From here on every failure is written and some are drawn: made once, they serve both.
    write_folder(output, report, replace(found, blames=tuple(found.blames)))
    print_report(report, output, json, quiet)
