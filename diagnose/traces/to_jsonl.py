"""Traces, games, blames and cases to JSON lines."""

from __future__ import annotations

import gzip
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from diagnose.core.artifact import Frozen
from diagnose.core.blame import BLAME_SCHEMA, Blame
from diagnose.core.game import GAME_SCHEMA, Game
from diagnose.core.outcome import OUTCOME_SCHEMA, TraceOutcome
from diagnose.core.replay import REPLAY_SCHEMA, Case
from diagnose.core.trace import TRACE_SCHEMA, Trace
from diagnose.errors import NO_SPACE, NoSpace, UsageError, visible
from diagnose.traces.lines import STDIN, source_name

STDOUT = STDIN
SCHEMAS: dict[type[Frozen], str] = {
    Trace: TRACE_SCHEMA,
    Game: GAME_SCHEMA,
    Blame: BLAME_SCHEMA,
    Case: REPLAY_SCHEMA,
    TraceOutcome: OUTCOME_SCHEMA,
}

Line = Trace | Game | Blame | Case | TraceOutcome
"""What can stand on a line."""

PRIVATE = 0o600
"""The mode of a new file: its owner's alone."""

_ENCODER = msgspec.json.Encoder()


def encode_line(value: Line) -> bytes:
    """The value as one line of JSON, newline included, `schema` first.

    NaN and infinities, which JSON does not have, are written as null; lone surrogates as U+FFFD.
    """
    try:
        body = _ENCODER.encode(value)
    except UnicodeEncodeError:
        body = _ENCODER.encode(_without_surrogates(msgspec.to_builtins(value)))
    return f'{{"schema":"{SCHEMAS[type(value)]}",'.encode() + body[1:] + b"\n"


def write_jsonl(path: Path | str, values: Iterable[Line]) -> int:
    """Writes the values, one a line, and returns how many there were.

    The file appears whole or not at all (a temporary file beside it is renamed over it); `-` is standard
    output; a name that ends in `.gz` is packed, with the same bytes for the same input. Raises
    UsageError where the file cannot be written.
    """
    n = 0
    with writing(path) as write:
        for value in values:
            write(value)
            n += 1
    return n


@contextmanager
def writing(path: Path | str) -> Iterator[Callable[[Line], None]]:
    """`write_jsonl` for values that come one by one: a function that writes one. An exception leaves no file."""
    with _opened(path) as file:

        def write(value: Line) -> None:
            line = encode_line(value)
            with _translated(path):
                file.write(line)

        yield write


def _without_surrogates(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_without_surrogates(name): _without_surrogates(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_surrogates(item) for item in value]
    return value


@contextmanager
def _opened(path: Path | str) -> Iterator[BinaryIO]:
    if str(path) == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    # The target of a symbolic link is written, not the link replaced.
    target = Path(os.path.realpath(path))
    with _translated(path):
        regular = target.is_file() or not target.exists()
    if not regular:
        with _translated(path):
            device = open(target, "wb")  # noqa: SIM115  # a pipe or /dev/stdout cannot be renamed over
        with device:
            yield device
        return
    temporary = target.with_name(f".{target.name[:200]}.{os.getpid()}.tmp")
    with _translated(path):
        # What logs and reports hold is nobody else's to read; a file that is there keeps its mode.
        mode = target.stat().st_mode & 0o777 if target.is_file() else PRIVATE
        file = open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb")  # noqa: SIM115  # closed below
    try:
        with file:
            yield from _packed(file) if target.suffix == ".gz" else (file,)
            with _translated(path):
                file.flush()
                os.fsync(file.fileno())
        with _translated(path):
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _packed(file: BinaryIO) -> Iterator[BinaryIO]:
    with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packing:
        yield cast(BinaryIO, packing)


@contextmanager
def _translated(path: Path | str) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        reason = visible(error.strerror or str(error))
        if error.errno in NO_SPACE:
            raise NoSpace(
                f"{source_name(path)}: cannot be written: {reason}; make room and run again"
            ) from error
        raise UsageError(f"{source_name(path)}: cannot be written: {reason}") from error
