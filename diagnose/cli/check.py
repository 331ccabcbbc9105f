"""`diagnose check`: what a log holds, what it can claim, and every problem in it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from diagnose.cli.session import Debug, Json, Quiet, guarded, paper
from diagnose.cli.sources import CorpusFile, Format, Gold, Limit, Logs, Map, Project, Wanted
from diagnose.errors import EXIT_BAD_INPUT, visible

if TYPE_CHECKING:
    from diagnose.traces.check import LogSummary


@guarded
def check(
    traces: Logs,
    format: Format = "auto",
    map: Map = None,
    gold: Gold = None,
    corpus: CorpusFile = None,
    project: Project = None,
    limit: Limit = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Say what a log holds, what it can claim, and list every problem in it.

    Ends with 3 where the log has a problem.

    Example: diagnose check traces.jsonl

    Example: diagnose check exports/ "more/*.json.gz" --gold labels.jsonl
    """
    import msgspec

    summary = _checked(Wanted(traces, format, map, gold, corpus, project, limit))
    if json:
        sys.stdout.buffer.write(msgspec.json.encode(summary) + b"\n")
        sys.stdout.buffer.flush()
    elif not quiet:
        _print(summary)
    if summary.n_problems or not summary.n_traces:
        raise typer.Exit(EXIT_BAD_INPUT)


def _checked(wanted: Wanted) -> LogSummary:
    from diagnose.traces.account import Account
    from diagnose.traces.check import check_log, check_traces

    if wanted.plain:
        return check_log(wanted.sources[0], limits=wanted.limits)
    account = Account()
    return check_traces(wanted.read(account), account, ", ".join(wanted.sources))


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
    if summary.ids:
        line("ids      from " + ", ".join(f"{name} {n}" for name, n in summary.ids.items()))
    labels = msgspec.structs.asdict(summary.labels)
    line("labels   " + ", ".join(f"{name.replace('_', ' ')} {n}" for name, n in labels.items()))
    for warned in summary.warnings:
        where = f", first in {warned.first}" if warned.first else ""
        line(f"warning  {warned.what} ({warned.n}{where})", "yellow")
    for problem in summary.problems:
        line(f"problem  {problem}", "red")
    if summary.n_problems > len(summary.problems):
        line(f"… and {summary.n_problems - len(summary.problems)} more problems", "red")
