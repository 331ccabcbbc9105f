"""Whether a file is a log in our own format: such a file is read line by line and never gathered."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from diagnose.errors import BadInput
from diagnose.traces.limits import Limits
from diagnose.traces.lines import PEEK_BYTES, Meter, is_stream, opened, source_name, translated
from diagnose.traces.sniff import format_of

_STARTS = re.compile(
    rb'\s*\{\s*"(?:schema"\s*:\s*"diagnose\.|trace_id"\s*:\s*"[^"]*"\s*,\s*"(?:query|steps)")'
)
_STAMP = re.compile(rb"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d) (?:stdout|stderr) [FP] ")
"""What Kubernetes puts before every line that a container printed."""
FIRST_LINES = 50
"""Lines that are looked at for the first that is JSON."""
OURS = frozenset({"trace_id", "steps", "query", "schema", "gold", "outcome", "tags", "provenance"})


def is_native(path: Path | str, limits: Limits) -> bool:
    """Whether the first JSON line of a file is one of ours, or like one that went wrong.

    Standard input, or a pipe, can be looked at only as far as it is buffered. What is missing or unreadable is ours:
    the reader of our format says so best.
    """
    source = source_name(path)
    try:
        with opened(path, source) as stream, translated(source):
            if is_stream(path):
                start = _peeked(stream.file)
                return _is_ours(start.partition(b"\n")[0].removeprefix(b"\xef\xbb\xbf"), start)
            meter = Meter(stream, source, limits)
            lines = (without_stamp(meter.line().removeprefix(b"\xef\xbb\xbf")) for _ in range(FIRST_LINES))
            # A program that prints spans may have talked before.
            first = next((line for line in lines if line.lstrip().startswith((b"{", b"[", b'"{'))), b"")
            return _is_ours(first, first)
    except BadInput:
        return True


def without_stamp(line: bytes) -> bytes:
    """A line as its program printed it, where a container's log has a time and a stream before it."""
    match = _STAMP.match(line)
    return line[match.end() :] if match else line


def _peeked(file: Any) -> bytes:
    """What comes next in standard input, which stays there."""
    if hasattr(file, "peek"):
        return bytes(file.peek(PEEK_BYTES))
    if not file.seekable():
        return b""
    at = file.tell()
    start = file.read(PEEK_BYTES)
    file.seek(at)
    return bytes(start)


def _is_ours(line: bytes, start: bytes) -> bool:
    if not start or _STARTS.match(start):
        return True
    try:
        value = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return not line.lstrip().startswith((b"{", b"["))
    if not isinstance(value, dict):
        return not isinstance(value, list | str)
    found = format_of(value)
    return found == "diagnose" or (found is None and len(OURS.intersection(value)) * 2 > len(value))
