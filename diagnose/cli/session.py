"""What every command shares: streams, options, and one place where errors become exit codes."""

from __future__ import annotations

import errno
import functools
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ParamSpec, TextIO

import typer

from diagnose import secrets
from diagnose.cli.interrupt import terminable
from diagnose.errors import EXIT_BUG, EXIT_INTERRUPTED, EXIT_NO_SPACE, NO_SPACE, DiagnoseError, visible

if TYPE_CHECKING:
    from rich.console import Console

P = ParamSpec("P")

Debug = Annotated[bool, typer.Option("--debug", envvar="DIAGNOSE_DEBUG", help="Show tracebacks.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no talk on stderr.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout instead of text.")]
Strict = Annotated[bool, typer.Option("--strict", help="Make the first bad trace fatal (exit 3).")]
Seed = Annotated[int, typer.Option(help="Seed of resampling and of stages that take one.")]
PipelineFile = Annotated[
    Path | None,
    typer.Option("--pipeline", "-p", help="The pipeline file (TOML) to replay the traces through."),
]
OutFolder = Annotated[Path, typer.Option("--output", "-o", help="The folder the report is written to.")]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with the unfinished run of this command, and with no other.")
]
NoMemo = Annotated[bool, typer.Option("--no-memo", help="Neither read nor keep stage runs from other runs.")]

FULL = "make room and give the same command again; what was done is kept"
KEPT = "interrupted; stage runs so far are kept, run the same command to go on"
NOT_KEPT = "interrupted; no file is left half written, run the same command again"
SHOWN = 20
"""Problems printed one by one; the rest are counted."""


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """A command whose errors are one sentence on stderr and DESIGN's exit code; no traceback without
    --debug."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        debug = bool(kwargs.get("debug"))
        try:
            with terminable():
                command(*args, **kwargs)
        except DiagnoseError as error:
            _fail(str(error), error.exit_code, error if debug else None)
        except KeyboardInterrupt:
            _fail(KEPT if "no_memo" in kwargs else NOT_KEPT, EXIT_INTERRUPTED)
        except BrokenPipeError:
            # The reader went away (`| head`): not an error, and nothing more can be written.
            _silence(sys.stdout)
            raise typer.Exit(0) from None
        except (typer.Exit, typer.Abort):
            raise
        except OSError as error:
            if error.errno in NO_SPACE:
                _fail(f"{error.filename or 'standard output'}: {error.strerror}: {FULL}", EXIT_NO_SPACE)
            _fail(_told(error), 3, error if debug else None)
        except Exception as error:
            if type(error).__module__.startswith(("typer", "click")):
                raise
            what = f"{type(error).__name__}: {error}"
            _fail(
                f"this is a bug in diagnose: {what}\nrun again with --debug and report it",
                EXIT_BUG,
                error if debug else None,
            )

    return run


def _told(error: OSError) -> str:
    """What the system says, and of which file."""
    what = error.strerror or str(error)
    if error.filename is not None:
        return f"{os.fsdecode(error.filename)}: cannot be used: {what}"
    # Only the question where we are has no file that is named.
    return f"the folder that this was started in is gone ({what})" if error.errno == errno.ENOENT else what


def _fail(message: str, code: int, error: BaseException | None = None) -> None:
    if error is not None:
        sys.stderr.write(_safe("".join(traceback.format_exception(error))))
    talk().print(f"error: {_safe(message)}", markup=False, highlight=False, soft_wrap=True, style="red")
    raise typer.Exit(code)


def _safe(text: str) -> str:
    """Text that may be shown: without the environment's keys, and without what commands a terminal."""
    return visible(secrets.without(text, secrets.secrets_in(os.environ)))


def talk(quiet: bool = False) -> Console:
    """The console for talk and progress: stderr. Talk that nobody reads any more is dropped."""
    from rich.console import Console

    class Talk(Console):
        def on_broken_pipe(self) -> None:
            _silence(sys.stderr)

    return Talk(stderr=True, quiet=quiet, highlight=False)


def paper(width: int | None = None) -> Console:
    """The console for results: stdout. Raises BrokenPipeError once nobody reads them any more."""
    from rich.console import Console

    class Paper(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return Paper(width=width, highlight=False)


def _silence(stream: TextIO) -> None:
    """Sends what else is written to a stream nowhere, what its buffer holds included."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def say(message: str, quiet: bool = False) -> None:
    """One line of talk on stderr; foreign text in it cannot command the terminal."""
    if not quiet:
        talk().print(_safe(message), markup=False, soft_wrap=True)


@contextmanager
def progress(what: str, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A progress bar with an estimate on stderr, where that is a terminal."""
    console = talk(quiet)
    if quiet or not console.is_terminal:
        yield lambda done, total: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def memo_path(off: bool) -> Path | None:
    """Where stage runs are kept: `DIAGNOSE_CACHE_DIR`, else the user's cache folder."""
    if off:
        return None
    if named := os.environ.get("DIAGNOSE_CACHE_DIR"):
        return Path(named) / "memo.sqlite"
    from platformdirs import user_cache_path

    return user_cache_path("diagnose", appauthor=False) / "memo.sqlite"
