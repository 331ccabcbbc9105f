"""`diagnose check`: what a log holds, what it can claim, and every problem in it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diagnose.cli.session import Debug, Json, Quiet, guarded, paper
from diagnose.errors import EXIT_BAD_INPUT, visible

if TYPE_CHECKING:
    from diagnose.traces.check import LogSummary


@guarded
def check(
    traces: Annotated[Path, typer.Argument(help="A trace log; - for stdin.")],
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Say what a log holds, what it can claim, and list every problem in it.

    Ends with 3 where the log has a problem. Example: diagnose check traces.jsonl
    """
    import msgspec

    from diagnose.traces.check import check_log

    summary = check_log(str(traces) if str(traces) == "-" else traces)
    if json:
        sys.stdout.buffer.write(msgspec.json.encode(summary) + b"\n")
        sys.stdout.buffer.flush()
    elif not quiet:
        _print(summary)
    if summary.n_problems or not summary.n_traces:
        raise typer.Exit(EXIT_BAD_INPUT)


def _print(summary: LogSummary) -> None:
    import msgspec

    out = paper()

    def line(text: str, style: str | None = None) -> None:
        out.print(visible(text), markup=False, style=style, soft_wrap=True)

    line(f"{summary.source}: {summary.n_traces} traces of {summary.n_lines} lines", "bold")
    if summary.formats:
        line("read     " + ", ".join(f"{name} {n}" for name, n in summary.formats.items()))
    line(f"level    {summary.claim}")
    for pipeline, n in list(summary.pipelines.items())[:5]:
        line(f"steps    {pipeline or 'none'}: {n}")
    line(f"passages {summary.n_passages}, {summary.n_passages_with_text} with text")
    labels = msgspec.structs.asdict(summary.labels)
    line("labels   " + ", ".join(f"{name.replace('_', ' ')} {n}" for name, n in labels.items()))
    for warned in summary.warnings:
        where = f", first in {warned.first}" if warned.first else ""
        line(f"warning  {warned.what} ({warned.n}{where})", "yellow")
    for problem in summary.problems:
        line(f"problem  {problem}", "red")
    if summary.n_problems > len(summary.problems):
        line(f"… and {summary.n_problems - len(summary.problems)} more problems", "red")
