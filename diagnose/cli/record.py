"""`diagnose record`: run a pipeline over queries and log it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diagnose.cli.session import Debug, NoMemo, Quiet, Seed, Strict, guarded, progress, say
from diagnose.errors import StageFailed

if TYPE_CHECKING:
    from diagnose.core.trace import Trace


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
    seed: Seed = 0,
    strict: Strict = False,
    no_memo: NoMemo = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Run a pipeline over queries and log what every stage gave.

    Example: diagnose record queries.jsonl --pipeline pipeline.toml -o traces.jsonl
    """
    from diagnose.cli.opened import pipeline_of, runner_of, scorer_of, traces_of
    from diagnose.traces.record import LOG_SPACE, recorded
    from diagnose.traces.to_jsonl import write_jsonl

    asked, _ = traces_of(queries, strict, quiet)
    loaded = pipeline_of(pipeline)
    scorer = scorer_of(loaded)
    failed: Counter[str] = Counter()
    # With the memo a stage's time would be that of a look-up: timing means running.
    clock = time.perf_counter if timing else None

    def traces() -> Iterator[Trace]:
        with (
            runner_of(loaded, seed, no_memo or timing, quiet, LOG_SPACE) as runner,
            progress("recording", quiet) as tick,
        ):
            for done, query in enumerate(asked, 1):

                def score(answer: str, query: Trace = query) -> float | None:
                    return scorer.score(answer, query.gold).value if query.gold else None

                made = recorded(query, loaded, runner, score, clock)
                tick(done, len(asked))
                if made.failure is None:
                    yield made.trace
                    continue
                failed[made.failure.reason] += 1
                if strict:
                    raise StageFailed(made.failure.reason)

    written = write_jsonl(output, traces())
    say(f"recorded {written} of {len(asked)} queries", quiet)
    for reason, count in failed.most_common(10):
        say(f"not recorded ({count}): {reason}", quiet)
    if failed:
        raise StageFailed(f"{failed.total()} of {len(asked)} queries could not be recorded")
