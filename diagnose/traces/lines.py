"""Bounded lines of a file, a packed file or standard input."""

from __future__ import annotations

import io
import math
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple
from weakref import WeakKeyDictionary

from diagnose.core.artifact import Frozen
from diagnose.errors import BadInput, quoted, visible
from diagnose.traces.limits import DEFAULT_LIMITS, Limits
from diagnose.traces.recognised import kind_of_binary, kind_of_markup
from diagnose.traces.unpacking import BrokenPackingError, Counted, Unpacking, unpacking

STDIN = "-"
PEEK_BYTES = 4096
SKIP_BYTES = 1024 * 1024
MAX_SOURCE_CHARACTERS = 300

_ONE_SLASH = re.compile(r"^(https?):/+")
_UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")


class Finding(NamedTuple):
    """Something wrong in a value: the field's path (`steps[2].output.score`, "" for the whole), what was
    expected there and what was found, both ready to print."""

    field: str
    expected: str
    found: str


class Problem(Frozen, frozen=True, omit_defaults=False):
    """A line (or record) that was left out, and why. `line` counts from 1; None where a source has no lines.

    >>> str(Problem("traces.jsonl", 17, "steps[2].output.score", "a number", '"high"'))
    'traces.jsonl:17 steps[2].output.score: expected a number, found "high"'
    """

    source: str
    line: int | None
    field: str
    expected: str
    found: str

    def __str__(self) -> str:
        where = self.source if self.line is None else f"{self.source}:{self.line}"
        field = f" {self.field}" if self.field else ""
        return f"{where}{field}: expected {self.expected}, found {self.found}"


def said_of(error: BadInput, source: str, expected: str) -> Problem:
    """What made a source unreadable as a Problem of it, where others are read on."""
    said = str(error).removeprefix(f"{source}: ")
    if said.startswith("expected ") and ", found " in said:
        expected, _, said = said.removeprefix("expected ").partition(", found ")
    return Problem(source, None, "", expected, said)


def broken_packing(source: str, error: BrokenPackingError) -> Problem:
    """A packed stream that breaks off, or is none any more."""
    return Problem(source, None, "", f"a whole {error.packing} file", f"a broken one ({error})")


class Line(NamedTuple):
    """One line that is not blank; `number` counts from 1, `data` is without byte-order mark."""

    source: str
    number: int
    data: bytes

    def problem(self, finding: Finding) -> Problem:
        """The finding with its place."""
        return Problem(self.source, self.number, *finding)


def read_lines(path: Path | str, limits: Limits = DEFAULT_LIMITS) -> Iterator[Line | Problem]:
    """The lines of `path` (`-`: standard input; gzip is unpacked), blank ones left out.

    A line over `limits.line_bytes` is skipped unread and comes out as a Problem. Memory stays below
    about twice that limit. Raises BadInput, on the first `next`, for a file that is missing,
    unreadable, empty, binary or one JSON document over many lines; later for a gzip stream that is
    broken or a bomb.
    """
    from diagnose.traces.to_parquet import is_parquet, parquet_lines

    if is_parquet(path):
        yield from parquet_lines(path, limits)
        return
    source = source_name(path)
    empty = True
    with opened(path, source) as stream, translated(source):
        meter = Meter(stream, source, limits)
        for number, raw in enumerate(iter(meter.line, b""), start=1):
            if len(raw) > limits.line_bytes:
                meter.skip_rest(raw)
                empty = False
                yield Problem(source, number, "", f"a line of {limits.longest}", "a longer one")
                continue
            data = raw.removeprefix(_UTF8_BOM) if number == 1 else raw
            if data.isspace() or not data:
                continue
            if empty:
                _refuse_document(data, source, number)
                empty = False
            if limits.too_deep(data):
                yield Problem(source, number, "", limits.deepest, "a line that is deeper")
                continue
            yield Line(source, number, data)
    if empty:
        raise BadInput(f"{source}: expected one JSON object a line, found an empty file")


def source_name(path: Path | str) -> str:
    """The name a message calls a path by: as it was given, printable, of bounded length."""
    if str(path) == STDIN:
        return "stdin"
    text = _ONE_SLASH.sub(r"\1://", str(path)[:MAX_SOURCE_CHARACTERS])  # a Path makes one of a URL's two
    return visible(text).replace("\n", "\ufffd")


class Meter:
    """Reads lines and weighs what came out of gzip against what went in."""

    def __init__(self, stream: Opened, source: str, limits: Limits) -> None:
        self._stream, self._source, self._limits = stream, source, limits
        self._unpacked, self.most = 0, limits.line_bytes
        self._watched = limits.total_bytes < math.inf or limits.until < math.inf

    def line(self, size: int | None = None) -> bytes:
        """The next line, or its first `size` bytes (one more than a line may have)."""
        return self._weighed(
            self._stream.file.readline(self._limits.line_bytes + 1 if size is None else size)
        )

    def read(self, size: int) -> bytes:
        """The next bytes, b"" at the end."""
        return self._weighed(self._stream.file.read(size))

    def _weighed(self, data: bytes) -> bytes:
        self._unpacked += len(data)
        if self._watched:
            self._limits.check_size(self._source, self._unpacked)
            self._limits.check_time(self._source)
        if self._stream.packed is not None:
            packed = self._stream.packed.count
            if self._unpacked > max(self._limits.gzip_free_bytes, packed * self._limits.gzip_ratio):
                raise BadInput(
                    f"{self._source}: expected a packed file that unpacks to at most "
                    f"{self._limits.gzip_ratio} times its size, found {self._unpacked} bytes in {packed}; "
                    f"unpack it yourself, or say --limit ratio=N, if you trust it"
                )
        return data

    def skip_rest(self, data: bytes) -> None:
        """Goes to the end of the line that `data` is the start of."""
        while data and not data.endswith(b"\n"):
            data = self.line(SKIP_BYTES)


@dataclass(frozen=True)
class Opened:
    """A stream of unpacked bytes, and the packed ones behind it where it is packed."""

    file: BinaryIO
    packed: Counted | None = None


@contextmanager
def opened(path: Path | str, source: str) -> Iterator[Opened]:
    """The bytes of a file or of standard input, unpacked; BadInput where they cannot be text."""
    with translated(source):
        stream = _stream(path) if is_stream(path) else None
        if stream is None and Path(path).is_dir():
            raise BadInput(f"{source}: expected a file, found a folder")
    if stream is not None:
        yield stream
        return
    with translated(source):
        file = open(path, "rb")  # noqa: SIM115  # closed below
    try:
        with translated(source):
            opened = _unpacked(file)
            _refuse_binary(_peek(opened.file), source)
        yield opened
    finally:
        file.close()


def is_stream(path: Path | str) -> bool:
    """Whether a source can be read once only: standard input, or a named pipe (what a shell makes of `<(zcat …)`)."""
    return str(path) == STDIN or Path(path).is_fifo()


_PIPES: dict[tuple[int, int], BinaryIO] = {}
_STREAMS: WeakKeyDictionary[BinaryIO, Opened] = WeakKeyDictionary()
"""Streams that this process has opened: what was looked at to find the format, and unpacked for it, is still to be
read."""
PIPE_BYTES = 65_536


def _stream(path: Path | str) -> Opened:
    file = sys.stdin.buffer if str(path) == STDIN else _pipe(Path(path))
    if file not in _STREAMS:
        opened = _unpacked(file)
        _refuse_binary(_peek(opened.file), source_name(path))
        if opened.packed is None:
            return opened
        _STREAMS[file] = opened
    return _STREAMS[file]


def _pipe(path: Path) -> BinaryIO:
    known = path.stat()
    key = (known.st_dev, known.st_ino)
    if key not in _PIPES:
        _PIPES[key] = path.open("rb", buffering=PIPE_BYTES)
    return _PIPES[key]


def _peek(file: BinaryIO) -> bytes:
    return file.peek(PEEK_BYTES) if isinstance(file, (io.BufferedReader, Unpacking)) else b""


def _unpacked(file: BinaryIO) -> Opened:
    found = unpacking(file, _peek(file))
    return Opened(*found) if found else Opened(file)


@contextmanager
def translated(source: str) -> Iterator[None]:
    """Turns what the system and gzip raise into BadInput that names the source."""
    try:
        yield
    except FileNotFoundError:
        raise BadInput(f"{source}: no such file") from None
    except BrokenPackingError as error:
        raise BadInput(str(broken_packing(source, error))) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise BadInput(f"{source}: cannot be read: {visible(reason)}") from error


def _refuse_binary(start: bytes, source: str) -> None:
    if start.startswith(_UTF16_BOMS):
        convert = "iconv -f UTF-16 -t UTF-8"
        raise BadInput(f"{source}: expected UTF-8 text, found UTF-16; convert it with  {convert}")
    if (what := kind_of_binary(start) or kind_of_markup(start, source)) is not None:
        raise BadInput(f"{source}: expected JSON, JSON lines or a table, found {what}")


def _refuse_document(data: bytes, source: str, number: int) -> None:
    """A JSON document laid out over many lines would be one problem per line and help nobody."""
    text = data.strip()
    if text == b"{" or text.startswith(b"["):
        what = "a JSON list" if text.startswith(b"[") else "a JSON object laid out over several lines"
        fix = "jq -c '.[]'" if text.startswith(b"[") else "jq -c ."
        start = quoted(text[:200].decode(errors="replace"), 40)
        raise BadInput(
            f"{source}:{number}: expected one JSON object a line, found {what} ({start}); "
            f"convert it with  {fix}"
        )
