"""The command line: one file per command, all joined here."""

from __future__ import annotations

from typing import Annotated

import typer

from diagnose import __version__
from diagnose.cli.annotate import annotate
from diagnose.cli.attribute import attribute
from diagnose.cli.budget import budget
from diagnose.cli.check import check
from diagnose.cli.compare import compare
from diagnose.cli.convert import convert
from diagnose.cli.demo import demo
from diagnose.cli.explain import explain
from diagnose.cli.gate import gate
from diagnose.cli.record import record
from diagnose.cli.run import run
from diagnose.cli.show import show
from diagnose.cli.trust import trust

app = typer.Typer(
    name="diagnose",
    help="Replay logged queries stage by stage and say which stage is to blame for each failure.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    # Plain help: rich would double the time that `diagnose --help` takes.
    rich_markup_mode=None,
)

START, LINE, REVIEW = "Start here", "The line", "Review"
app.command(rich_help_panel=START)(demo)
app.command(rich_help_panel=START)(check)
app.command(rich_help_panel=START)(explain)
app.command(rich_help_panel=LINE)(convert)
app.command(rich_help_panel=LINE)(record)
app.command(rich_help_panel=LINE)(run)
app.command(rich_help_panel=LINE)(attribute)
app.command(rich_help_panel=REVIEW)(show)
app.command(rich_help_panel=REVIEW)(compare)
app.command(rich_help_panel=REVIEW)(gate)
app.command(rich_help_panel=REVIEW)(budget)
app.command(rich_help_panel=REVIEW)(trust)
app.command(rich_help_panel=REVIEW)(annotate)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"diagnose {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Replay logged queries stage by stage and say which stage is to blame for each failure.

    Exit codes: 0 pass · 1 gate failed · 2 usage · 3 bad input · 4 replay unfaithful · 5 a stage or
    endpoint failed · 6 inconclusive · 70 our bug.
    """
