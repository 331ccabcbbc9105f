"""`diagnose convert`: logs of other tools as traces."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from diagnose.cli.session import SHOWN, Debug, Json, Quiet, Strict, guarded, say
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
    output: Annotated[str, typer.Option("--output", "-o", help="Where the traces go; - for stdout.")] = "-",
    format: Annotated[
        str,
        typer.Option(
            help="auto, diagnose, otlp, phoenix, mlflow, langfuse, langsmith, ragas, ragchecker, deepeval, promptfoo "
            "or records (any table)."
        ),
    ] = "auto",
    map: Annotated[
        list[str] | None,
        typer.Option(
            help="Which column holds what, TARGET=COLUMN: query=question, answer=said, gold.answers=ref."
        ),
    ] = None,
    gold: Annotated[
        Path | None,
        typer.Option(help="Labels to join by id or by question: JSON lines, CSV, Parquet, data set."),
    ] = None,
    corpus: Annotated[
        Path | None, typer.Option(help="Passages (id, text) to fill in texts that the log left out.")
    ] = None,
    project: Annotated[
        str | None, typer.Option(help="The project (Phoenix) or experiment (MLflow) to read from a server.")
    ] = None,
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
    wanted = _Wanted(sources, format, map, gold, corpus, project)
    summary, written = _converted(wanted, output, strict, quiet)
    if json:
        sys.stdout.buffer.write(msgspec.json.encode(summary) + b"\n")
    elif not quiet:
        _say(summary, output)
    if not written:
        raise BadInput("no trace could be made of this log: see above for what was left out and why")


@dataclass(frozen=True)
class _Wanted:
    sources: list[str]
    format: str
    map: list[str] | None
    gold: Path | None
    corpus: Path | None
    project: str | None


def _converted(wanted: _Wanted, output: str, strict: bool, quiet: bool) -> tuple[AccountSummary, int]:
    from diagnose.stages.corpus import read_corpus
    from diagnose.traces.account import Account
    from diagnose.traces.columns import parse_mapping
    from diagnose.traces.labels import read_labels
    from diagnose.traces.read import read_log
    from diagnose.traces.to_jsonl import write_jsonl

    account = Account()
    found = read_log(
        wanted.sources,
        format=wanted.format,
        mapping=parse_mapping(wanted.map) if wanted.map else None,
        gold=read_labels(wanted.gold) if wanted.gold else None,
        corpus=read_corpus(wanted.corpus) if wanted.corpus else None,
        project=wanted.project,
        account=account,
    )
    written = write_jsonl(output, _kept(found, strict, quiet))
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
