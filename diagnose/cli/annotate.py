"""`diagnose annotate`: verdicts written back to where the traces came from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from diagnose.cli.session import Debug, Quiet, guarded, say
from diagnose.errors import BadInput

if TYPE_CHECKING:
    from diagnose.traces.verdicts import Written

NAMED = 5
"""Absent traces that are named; the rest are counted."""


@guarded
def annotate(
    report: Annotated[Path, typer.Argument(help="A report folder, or its blame.jsonl.")],
    to: Annotated[
        str, typer.Option("--to", help="The URL of a Phoenix or MLflow server, or a file; - for stdout.")
    ],
    tool: Annotated[
        Literal["auto", "phoenix", "mlflow"], typer.Option(help="Which server it is; auto asks it.")
    ] = "auto",
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write the verdicts of a report back to the traces they are about.

    Phoenix gets an annotation `diagnose.blame` on each failing trace, MLflow a feedback of that name, a file
    OpenInference's annotation attributes. A second run replaces what the first one wrote.

    Example: diagnose annotate reports/latest --to http://localhost:6006
    """
    from diagnose.traces.annotate import annotate as written
    from diagnose.traces.lines import Problem
    from diagnose.traces.saved import read_blames

    blames = list(read_blames(report / "blame.jsonl" if report.is_dir() else report))
    for item in blames:
        if isinstance(item, Problem):
            raise BadInput(str(item))
    tell(written(to, [item for item in blames if not isinstance(item, Problem)], tool), quiet)


def tell(written: Written, quiet: bool) -> None:
    """Say what was written; BadInput where none of the traces is there."""
    absent = written.absent
    named = ", ".join(absent[:NAMED]) + (f" and {len(absent) - NAMED} more" if len(absent) > NAMED else "")
    if absent and not written.n:
        raise BadInput(f"{written.place}: has none of the {len(absent)} traces: {named}")
    say(f"{written.n} verdicts written to {written.place}", quiet)
    if absent:
        say(f"not there ({len(absent)}): {named}", quiet)
