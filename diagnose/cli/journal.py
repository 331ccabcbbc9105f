"""The log that `record` is writing, as far as it has come: each trace is kept the moment it is there."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO

from diagnose.cli.session import say
from diagnose.cli.unfinished import check_same, decoded, encoded
from diagnose.errors import NO_SPACE, UsageError

if TYPE_CHECKING:
    from diagnose.core.trace import Trace

SUFFIX = ".part"


class Journal:
    """The traces of an unfinished log, in a file beside it (none where the log goes to stdout).

    `kept` holds those of the run that is gone on with, by id. A line that was broken off by a crash is not among
    them.
    """

    def __init__(self, path: Path | None, inputs: Mapping[str, str], resume: bool, quiet: bool) -> None:
        self.path = path
        self.kept: dict[str, Trace] = {}
        self._file: BinaryIO | None = None
        if path is None:
            return
        if resume:
            self.kept = _kept(path, inputs)
            say(f"going on with {path.name}: {len(self.kept)} traces are there", quiet)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError as error:
            if error.errno in NO_SPACE:
                raise
            raise UsageError(f"{path}: cannot be written: {error.strerror}") from error
        self._file = open(descriptor, "wb")  # noqa: SIM115
        self._file.write(encoded(inputs))
        for trace in self.kept.values():
            self.keep(trace)
        self._file.flush()

    def keep(self, trace: Trace) -> None:
        """Write a trace down."""
        from diagnose.traces.to_jsonl import encode_line

        if self._file is not None:
            self._file.write(encode_line(trace))
            self._file.flush()

    def finish(self) -> None:
        """The log is whole: the journal goes."""
        self.close()
        if self.path is not None:
            self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _kept(path: Path, inputs: Mapping[str, str]) -> dict[str, Trace]:
    """The whole traces of a journal that was begun with these inputs; UsageError where it was with others."""
    from diagnose.traces.from_jsonl import read_traces
    from diagnose.traces.lines import Problem

    try:
        with path.open("rb") as file:
            head = decoded(file.readline())
    except OSError:
        return {}
    if head is None:
        return {}
    check_same(head.inputs, inputs, str(path))
    found = (item for item in read_traces(path) if not isinstance(item, Problem))
    return {trace.trace_id: trace for trace in found if trace.steps}


def journal_path(output: Path, sources: Sequence[Path]) -> Path | None:
    """Where the journal of a log stands; None for stdout, a device or a pipe."""
    if str(output) == "-" or (output.exists() and not output.is_file()):
        return None
    path = output.with_name(output.name + SUFFIX)
    return None if path in sources else path
