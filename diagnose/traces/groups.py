"""Spans by trace, however a log mixes them, in bounded memory."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import msgspec

from diagnose.traces.account import Account
from diagnose.traces.span import Span

MEMORY_BYTES = 64 * 1024 * 1024
"""Encoded spans held in memory; beyond that they go to a temporary file, which takes some of the log's size."""
MAX_SPANS = 20_000
MAX_TRACE_BYTES = 128 * 1024 * 1024
BATCH = 2_000

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Span)


class SpanGroups:
    """Takes spans in any order and gives them back trace by trace, in the order the traces first came up.

    A context manager: its temporary file is gone when it closes. Trace ids are kept as digests, 16 bytes each.
    """

    def __init__(self, memory_bytes: int = MEMORY_BYTES) -> None:
        self._most = memory_bytes
        self._number_of: dict[bytes, int] = {}
        self._waiting: list[tuple[int, bytes]] = []
        self._bytes = 0
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._store: sqlite3.Connection | None = None

    def __enter__(self) -> SpanGroups:
        return self

    def __exit__(self, *_: object) -> None:
        if self._store is not None:
            self._store.close()
        if self._folder is not None:
            self._folder.cleanup()

    def add(self, span: Span) -> None:
        """Puts a span with the others of its trace."""
        digest = blake2b(span.trace_id.encode(errors="replace"), digest_size=16).digest()
        number = self._number_of.setdefault(digest, len(self._number_of))
        try:
            data = _ENCODER.encode(span)
        except UnicodeEncodeError:  # half a surrogate pair, as clipped JavaScript strings end in
            data = _ENCODER.encode(_sound(span))
        self._waiting.append((number, data))
        self._bytes += len(data)
        if self._bytes > self._most or (self._store is not None and len(self._waiting) >= BATCH):
            self._spill()

    def _spill(self) -> None:
        if self._store is None:
            self._folder = tempfile.TemporaryDirectory(prefix="diagnose-")
            self._store = sqlite3.connect(Path(self._folder.name) / "spans.sqlite", isolation_level=None)
            self._store.execute("PRAGMA journal_mode = OFF")
            self._store.execute("PRAGMA synchronous = OFF")
            self._store.execute("PRAGMA cache_size = -16384")
            self._store.execute("CREATE TABLE spans (trace INTEGER, data BLOB)")
        self._store.execute("BEGIN")
        self._store.executemany("INSERT INTO spans VALUES (?, ?)", self._waiting)
        self._store.execute("COMMIT")
        self._waiting.clear()
        self._bytes = 0

    def traces(self, account: Account) -> Iterator[tuple[Span, ...]]:
        """The spans of each trace, in log order. Of a trace too large to hold, the first that fit."""
        held: list[Span] = []
        size, of, left_out = 0, -1, 0
        for number, data in self._rows():
            if number != of:
                if held:
                    yield self._whole(held, left_out, account)
                held, size, of, left_out = [], 0, number, 0
            size += len(data)
            if len(held) < MAX_SPANS and (size <= MAX_TRACE_BYTES or not held):
                held.append(_DECODER.decode(data))
            else:
                left_out += 1
        if held:
            yield self._whole(held, left_out, account)

    def _whole(self, held: list[Span], left_out: int, account: Account) -> tuple[Span, ...]:
        if left_out:
            what = f"spans of traces with more than {MAX_SPANS} spans or {MAX_TRACE_BYTES >> 20} MB: left out"
            account.note(what, held[0].trace_id, left_out)
        return tuple(held)

    def _rows(self) -> Iterator[tuple[int, bytes]]:
        if self._store is None:
            yield from sorted(self._waiting, key=lambda row: row[0])
            return
        self._spill()
        self._store.execute("CREATE INDEX by_trace ON spans (trace)")
        yield from self._store.execute("SELECT trace, data FROM spans ORDER BY trace, rowid")


def _sound(span: Span) -> Span:
    """The span with half surrogate pairs replaced."""
    text = msgspec.to_builtins(span)
    return msgspec.convert(_replaced(text), Span)


def _replaced(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_replaced(name): _replaced(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_replaced(item) for item in value]
    return value
