"""Gzip as it is unpacked bit by bit; what a broken stream held before it broke is not lost."""

from __future__ import annotations

import zlib
from typing import Any, BinaryIO

PACKED_AT_ONCE = 64 * 1024
UNPACKED_AT_ONCE = 256 * 1024
CUT = "Compressed file ended before the end-of-stream marker was reached"


class Counted:
    """Counts the bytes read from `inner`."""

    def __init__(self, inner: BinaryIO) -> None:
        self._inner, self.count = inner, 0

    def read(self, size: int) -> bytes:
        """The next bytes, b"" at the end."""
        data = self._inner.read(size)
        self.count += len(data)
        return data


class Unpacking:
    """The unpacked bytes of a gzip file. Raises EOFError or zlib.error where it is broken, but only once all that
    came before was read: `gzip.GzipFile` drops what it unpacked in the call that fails."""

    def __init__(self, packed: Counted) -> None:
        self._packed = packed
        self._gzip: Any = None
        self._left = b""
        self._buffer, self._at = b"", 0
        self._ended: bool | Exception = False

    def peek(self, size: int) -> bytes:
        """The next bytes, which stay."""
        self._have(size)
        return self._buffer[self._at : self._at + size]

    def read(self, size: int) -> bytes:
        """The next bytes, b"" at the end."""
        self._have(size)
        return self._taken(self._at + size)

    def readline(self, size: int) -> bytes:
        """The next line, or as much of it as is wanted."""
        searched = self._at
        while True:
            end = self._buffer.find(b"\n", searched, self._at + size)
            if end >= 0:
                return self._taken(end + 1)
            held = len(self._buffer) - self._at
            if held >= size or not self._more():
                return self._taken(self._at + size)
            searched = self._at + held

    def _taken(self, end: int) -> bytes:
        data = self._buffer[self._at : end]
        self._at += len(data)
        if not data and isinstance(self._ended, Exception):
            raise self._ended
        return data

    def _have(self, size: int) -> None:
        while len(self._buffer) - self._at < size and self._more():
            pass

    def _more(self) -> bool:
        """Unpacks some more; False at the end, whole or broken."""
        if self._ended:
            return False
        try:
            data = self._unpacked()
        except (EOFError, zlib.error) as error:
            self._ended = error
            return False
        self._buffer, self._at = self._buffer[self._at :] + data, 0
        self._ended = not data
        return bool(data)

    def _unpacked(self) -> bytes:
        while self._gzip is not None or self._next_member():
            data: bytes = self._gzip.decompress(self._left, UNPACKED_AT_ONCE)
            self._left = self._gzip.unconsumed_tail
            if self._gzip.eof:
                self._left, self._gzip = self._gzip.unused_data, None
            if data:
                return data
            if self._gzip is not None and not self._left:
                self._left = self._packed.read(PACKED_AT_ONCE)
                if not self._left:
                    raise EOFError(CUT)
        return b""

    def _next_member(self) -> bool:
        """Starts the next of the streams that a file may hold; zeros may fill it up."""
        while not (left := self._left.lstrip(b"\0")):
            self._left = self._packed.read(PACKED_AT_ONCE)
            if not self._left:
                return False
        self._left, self._gzip = left, zlib.decompressobj(zlib.MAX_WBITS | 16)
        return True
