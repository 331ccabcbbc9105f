"""`diagnose record`: run a pipeline over queries and log it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diagnose.cli.session import Debug, NoMemo, Quiet, Resume, Seed, Strict, guarded, progress, say
from diagnose.cli.sources import Limit
from diagnose.errors import Interrupted, StageFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from diagnose.cli.journal import Journal
    from diagnose.core.pipeline import Pipeline
    from diagnose.core.trace import Trace
    from diagnose.score.table import Scorer


@guarded
def record(
    queries: Annotated[
        Path, typer.Argument(help="Queries as JSON lines (traces without steps); - for stdin.")
    ],
    pipeline: Annotated[Path, typer.Option("--pipeline", "-p", help="The pipeline file (TOML).")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the traces go; - for stdout.")] = Path(
        "-"
    ),
    timing: Annotated[
        bool, typer.Option(help="Log seconds per stage; without it the same input gives the same bytes.")
    ] = True,
    limit: Limit = None,
    seed: Seed = 0,
    strict: Strict = False,
    resume: Resume = False,
    no_memo: NoMemo = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Run a pipeline over queries and log what every stage gave.

    Example: diagnose record queries.jsonl --pipeline pipeline.toml -o traces.jsonl
    """
    from diagnose.cli.journal import Journal, journal_path
    from diagnose.cli.opened import pipeline_of, scorer_of, traces_of
    from diagnose.cli.unfinished import inputs_of
    from diagnose.report.build import digest_of
    from diagnose.traces.to_jsonl import write_jsonl

    asked, _ = traces_of(queries, strict, quiet, limit)
    loaded = pipeline_of(pipeline)
    inputs = inputs_of(digest_of(asked), loaded, timing=timing, seed=seed)
    failed: Counter[str] = Counter()
    with Journal(journal_path(output, [queries]), inputs, resume, quiet) as journal:
        made = _made(asked, loaded, scorer_of(loaded), journal, failed, timing, seed, strict, no_memo, quiet)
        # Its journal first: a log is there whole or not at all.
        written = write_jsonl(output, made)
        journal.finish()
    say(f"recorded {written} of {len(asked)} queries", quiet)
    for reason, count in failed.most_common(10):
        say(f"not recorded ({count}): {reason}", quiet)
    if failed:
        raise StageFailed(f"{failed.total()} of {len(asked)} queries could not be recorded")


def _made(
    asked: Sequence[Trace],
    loaded: Pipeline,
    scorer: Scorer,
    journal: Journal,
    failed: Counter[str],
    timing: bool,
    seed: int,
    strict: bool,
    no_memo: bool,
    quiet: bool,
) -> Iterator[Trace]:
    """The traces one by one, each in the journal before it is given; reasons of those that failed are counted."""
    from diagnose.cli.opened import runner_of
    from diagnose.replay.run import Stopped
    from diagnose.traces.record import LOG_SPACE, recorded

    # With the memo a stage's time would be that of a look-up: timing means running.
    clock = time.perf_counter if timing else None
    with (
        runner_of(loaded, seed, no_memo or timing, quiet, LOG_SPACE) as runner,
        progress("recording", quiet) as tick,
    ):
        for done, query in enumerate(asked, 1):
            tick(done, len(asked))
            if (trace := journal.kept.get(query.trace_id)) is not None:
                yield trace
                continue

            def score(answer: str, query: Trace = query) -> float | None:
                return scorer.score(answer, query.gold).value if query.gold else None

            try:
                made = recorded(query, loaded, runner, score, clock)
            except Stopped:
                if journal.path is None:
                    raise
                raise Interrupted(
                    f"interrupted: {done - 1 - failed.total()} of {len(asked)} queries are kept in {journal.path}; "
                    "the same command with --resume goes on"
                ) from None
            if made.failure is None:
                journal.keep(made.trace)
                yield made.trace
                continue
            failed[made.failure.reason] += 1
            if strict:
                raise StageFailed(made.failure.reason)
