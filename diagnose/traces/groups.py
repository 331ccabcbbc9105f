"""Spans by trace, however a log mixes them, in bounded memory."""

from __future__ import annotations

import os
import tempfile
from array import array
from collections.abc import Iterator
from hashlib import blake2b
from io import BytesIO
from typing import IO

import msgspec

from diagnose.traces.account import Account
from diagnose.traces.limits import size_text
from diagnose.traces.span import Span

MEMORY_BYTES = 64 * 1024 * 1024
"""Encoded spans held in memory; beyond that they go to a temporary file, which takes most of the log's size."""
NONE = 0xFFFF_FFFF

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Span)


class SpanGroups:
    """Takes spans in any order and gives them back trace by trace, in the order the traces first came up.

    A context manager; its temporary file has no name and is gone when the process is. What stays in memory is
    16 bytes for each span, and a digest of 16 bytes for each trace.
    """

    def __init__(self, memory_bytes: int = MEMORY_BYTES) -> None:
        self._spool: IO[bytes] = BytesIO()
        self._number_of: dict[bytes, int] = {}
        self._first, self._last = array("I"), array("I")
        self._offset, self._length, self._next = array("Q"), array("I"), array("I")
        self._end, self._most = 0, memory_bytes

    def __enter__(self) -> SpanGroups:
        return self

    def __exit__(self, *_: object) -> None:
        self._spool.close()

    def add(self, span: Span) -> None:
        """Puts a span with the others of its trace."""
        try:
            data = _ENCODER.encode(span)
        # Half a surrogate pair, as clipped JavaScript strings end in, or a number of more than 64 bits.
        except (UnicodeEncodeError, OverflowError):
            data = _ENCODER.encode(_sound(span))
        digest = blake2b(span.trace_id.encode(errors="replace"), digest_size=16).digest()
        place, number = len(self._offset), self._number_of.get(digest)
        if number is None:
            self._number_of[digest] = len(self._first)
            self._first.append(place)
            self._last.append(place)
        else:
            self._next[self._last[number]] = place
            self._last[number] = place
        self._offset.append(self._end)
        self._length.append(len(data))
        self._next.append(NONE)
        self._spool.write(data)
        self._end += len(data)
        if self._end > self._most and isinstance(self._spool, BytesIO):
            self._to_disk(self._spool)

    def _to_disk(self, held: BytesIO) -> None:
        file = tempfile.TemporaryFile(prefix="diagnose-")  # noqa: SIM115  # closed by `__exit__`
        file.write(held.getbuffer())
        self._spool = file

    def traces(self, account: Account) -> Iterator[tuple[Span, ...]]:
        """The spans of each trace, in log order. Of a trace too large to hold, the first that fit."""
        self._spool.flush()
        limits = account.limits
        for first in self._first:
            held: list[Span] = []
            size, left_out, place = 0, 0, first
            while place != NONE:
                size += self._length[place]
                if len(held) < limits.spans and (size <= limits.trace_bytes or not held):
                    held.append(_DECODER.decode(self._read(place)))
                else:
                    left_out += 1
                place = self._next[place]
            if left_out:
                most = f"{limits.spans} spans (--limit spans=N) or {size_text(limits.trace_bytes)} (--limit trace=SIZE)"
                what = f"spans of traces with more than {most}: left out"
                account.note(what, held[0].trace_id, left_out)
            yield tuple(held)

    def _read(self, place: int) -> bytes:
        if self._end > self._most:
            return os.pread(self._spool.fileno(), self._length[place], self._offset[place])
        self._spool.seek(self._offset[place])
        return self._spool.read(self._length[place])


def _sound(span: Span) -> Span:
    """The span with half surrogate pairs replaced, and numbers of more than 64 bits cut to that."""
    text = msgspec.to_builtins(span)
    return msgspec.convert(_replaced(text), Span)


def _replaced(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_replaced(name): _replaced(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_replaced(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return max(-(2**63), min(value, 2**63 - 1))
    return value
