"""`diagnose demo`: the whole story on the shipped fixtures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from diagnose.cli.session import Debug, NoMemo, Quiet, Seed, guarded, say
from diagnose.errors import BadInput

DESK = "contract-desk"


@guarded
def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder the report is written to.")
    ] = Path("reports/demo"),
    model: Annotated[
        bool,
        typer.Option(help="Answer with the embedded language model; without it, with an extractive reader."),
    ] = True,
    seed: Seed = 0,
    no_memo: NoMemo = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Record a contract desk's questions, replay its failures, and print who is to blame.

    A minute or two on two cores with the embedded model. Example: diagnose demo
    """
    from diagnose.cli.outputs import ready_folder
    from diagnose.cli.record import record
    from diagnose.cli.run import run
    from diagnose.cli.show import show

    desk = fixtures() / DESK
    pipeline = desk / ("pipeline.toml" if model else "pipeline-extract.toml")
    log = output / "traces.jsonl"
    ready_folder(output)
    say("1. A contract desk answers its clerks' questions: record what every stage gives.", quiet)
    record(
        desk / "queries.jsonl",
        pipeline,
        log,
        seed=seed,
        no_memo=no_memo,
        quiet=quiet,
        timing=False,
        debug=debug,
    )
    say("2. Replay the failures, repair the stages one coalition at a time, and divide the blame.", quiet)
    run([str(log)], pipeline, output, seed=seed, no_memo=no_memo, quiet=quiet, debug=debug)
    if not quiet:
        say("3. One failure, stage by stage:", quiet)
        show(output, _telling(output))
    say(f"Look at any failure yourself:  diagnose show {output} TRACE_ID", quiet)


def _telling(folder: Path) -> str | None:
    """A failure that usual triage pins on the model and a replay on another stage, if there is one."""
    from diagnose.attribute.funnel import triage
    from diagnose.cli.outputs import BLAME
    from diagnose.core.blame import Blame
    from diagnose.traces.saved import read_blames

    blames = [b for b in read_blames(folder / BLAME) if isinstance(b, Blame)]
    wronged = [b for b in blames if triage(b.funnel) == "model" and b.verdict not in ("model", "undecided")]
    return next((b.trace_id for b in (*wronged, *blames)), None)


def fixtures() -> Path:
    """The folder of shipped fixtures: in the package, or beside it in a checkout."""
    import diagnose

    package = Path(diagnose.__file__).parent
    for folder in (package / "_fixtures", package.parent / "fixtures"):
        if (folder / DESK).is_dir():
            return folder
    raise BadInput(f"the shipped fixtures are not in {package}: install diagnose again")
