"""`diagnose convert`: logs of other tools as traces."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from diagnose.cli.session import SHOWN, Debug, Json, Quiet, Strict, guarded, say
from diagnose.cli.sources import CorpusFile, Format, Gold, Limit, Map, Project, Wanted
from diagnose.errors import BadInput, UsageError

if TYPE_CHECKING:
    from diagnose.core.trace import Trace
    from diagnose.traces.account import AccountSummary
    from diagnose.traces.lines import Problem

LISTED = 12
"""Names that one line of the account lists."""


@guarded
def convert(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Files, folders, globs, - for stdin, or a Phoenix or MLflow server's URL.",
            metavar="SOURCE...",
        ),
    ],
    output: Annotated[
        str, typer.Option("--output", "-o", help="Where the traces go (.parquet: as Parquet); - for stdout.")
    ] = "-",
    format: Format = "auto",
    map: Map = None,
    gold: Gold = None,
    corpus: CorpusFile = None,
    project: Project = None,
    limit: Limit = None,
    strict: Strict = False,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Turn logs of other tools into traces, and say what was recovered and what was not.

    Example: diagnose convert spans.jsonl -o traces.jsonl

    Example: diagnose convert http://localhost:6006 --project rag -o traces.jsonl

    Example: diagnose convert answers.csv --map query=question,answer=said --gold labels.jsonl -o traces.jsonl
    """
    if json and output == "-":
        raise UsageError("--json writes the account to stdout: say where the traces go with  -o FILE")
    wanted = Wanted(sources, format, map, gold, corpus, project, limit)
    summary, written = _converted(wanted, output, strict, quiet)
    if json:
        sys.stdout.buffer.write(msgspec.json.encode(summary) + b"\n")
    elif not quiet:
        _say(summary, output)
    if not written:
        raise BadInput("no trace could be made of this log: see above for what was left out and why")


def _converted(wanted: Wanted, output: str, strict: bool, quiet: bool) -> tuple[AccountSummary, int]:
    from diagnose.core.trace import Trace
    from diagnose.traces.account import Account
    from diagnose.traces.to_jsonl import write_jsonl
    from diagnose.traces.to_parquet import is_parquet, write_parquet

    account = Account()
    traces = _kept(wanted.read(account), strict, quiet)
    written = write_parquet(output, traces, Trace) if is_parquet(output) else write_jsonl(output, traces)
    return account.summary(), written


def _kept(found: Iterator[Trace | Problem], strict: bool, quiet: bool) -> Iterator[Trace]:
    from diagnose.core.trace import Trace

    n = 0
    for item in found:
        if isinstance(item, Trace):
            yield item
            continue
        if strict:
            raise BadInput(str(item))
        n += 1
        if n <= SHOWN:
            say(f"left out: {item}", quiet)
    if n > SHOWN:
        say(f"… and {n - SHOWN} more left out", quiet)


def _say(summary: AccountSummary, output: str) -> None:
    say(
        f"{summary.n_traces} traces{'' if output == '-' else f' written to {output}'}, {summary.n_left_out} left out"
    )
    rows = (
        ("read", summary.formats),
        ("stages", summary.stages),
        ("spans", summary.spans),
        ("not mapped", summary.unmapped),
        ("ids from", summary.ids),
        ("labels", summary.labels),
        ("not read", summary.attributes),
    )
    for name, counts in rows:
        if counts:
            say(f"{name:10} {_listed(counts)}")
    if summary.n_passages:
        say(f"{'passages':10} {summary.n_passages}, {summary.n_passages_with_text} with text")
    for noted in summary.notes:
        where = f", first in {noted.first}" if noted.first else ""
        say(f"note       {noted.what} ({noted.n}{where})")


def _listed(counts: dict[str, int]) -> str:
    shown = ", ".join(f"{name} {n}" for name, n in list(counts.items())[:LISTED])
    return f"{shown} and {len(counts) - LISTED} more" if len(counts) > LISTED else shown
