"""Packed files (gzip, bzip2, xz, Zstandard) as they are unpacked bit by bit; what a broken one held before it broke
is not lost."""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO

from diagnose.errors import BadInput

PACKED_AT_ONCE = 64 * 1024
UNPACKED_AT_ONCE = 256 * 1024
CUT = "Compressed file ended before the end-of-stream marker was reached"
MAX_FRAME_BYTES = 256 * 1024 * 1024
"""Of the collector's frames, which are one batch of spans each; a longer one is a broken length."""
PACKED_SUFFIXES = (".gz", ".bz2", ".xz", ".zst")

_BROKEN = (EOFError, zlib.error, lzma.LZMAError, OSError, ValueError)
"""What the libraries raise for a packed file that is broken."""
_ZSTD = b"\x28\xb5\x2f\xfd"


class BrokenPackingError(Exception):
    """A packed file that breaks off, or is none any more."""

    def __init__(self, packing: str, what: str) -> None:
        super().__init__(what)
        self.packing = packing


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
    """The unpacked bytes of a packed file. Raises BrokenPackingError where it is broken, but only once all that came
    before was read: `gzip.GzipFile` drops what it unpacked in the call that fails."""

    def __init__(self, packed: Counted, packing: str, unpacker: Callable[[], Any]) -> None:
        self._packed, self._packing, self._unpacker = packed, packing, unpacker
        self._stream: Any = None
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
        except _BROKEN as error:
            self._ended = BrokenPackingError(self._packing, str(error).splitlines()[0])
            return False
        self._buffer, self._at = self._buffer[self._at :] + data, 0
        self._ended = not data
        return bool(data)

    def _unpacked(self) -> bytes:
        while self._stream is not None or self._next_member():
            data: bytes = self._stream.decompress(self._left, UNPACKED_AT_ONCE)
            # zlib hands back what it did not take in, the others keep it.
            self._left = getattr(self._stream, "unconsumed_tail", b"")
            if self._stream.eof:
                self._left, self._stream = self._stream.unused_data, None
            if data:
                return data
            if self._stream is not None and not self._left and getattr(self._stream, "needs_input", True):
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
        self._left, self._stream = left, self._unpacker()
        return True


class Frames(Unpacking):
    """The unpacked bytes of Zstandard, and of the batches that the collector's file exporter writes with
    `compression: zstd`: each packed by itself, after its length in four bytes."""

    def __init__(self, packed: Counted, framed: bool) -> None:
        super().__init__(packed, "Zstandard", lambda: None)
        self._framed = framed
        self._arrow = _arrow()
        self._source: Any = None if framed else self._opened(_Bare(packed))

    def _opened(self, packed: Any) -> Any:
        return self._arrow.CompressedInputStream(self._arrow.PythonFile(packed, mode="r"), "zstd")

    def _unpacked(self) -> bytes:
        while self._source is not None or self._next_frame():
            data: bytes = self._source.read(UNPACKED_AT_ONCE)
            if data:
                return data
            self._source = None
            return b"\n" if self._framed else b""
        return b""

    def _next_frame(self) -> bool:
        if not self._framed or not (length := self._packed.read(4)):
            return False
        n_bytes = int.from_bytes(length, "big")
        frame = self._packed.read(n_bytes) if n_bytes <= MAX_FRAME_BYTES else b""
        if len(length) < 4 or len(frame) < n_bytes or not frame.startswith(_ZSTD):
            raise EOFError(CUT)
        self._source = self._opened(io.BytesIO(frame))
        return True


class _Bare(io.RawIOBase):
    """A counted file in the form that Arrow reads."""

    def __init__(self, packed: Counted) -> None:
        self._packed = packed

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._packed.read(size)


def _arrow() -> Any:
    try:
        import pyarrow as pa
    except ImportError as error:
        raise BadInput(
            "Zstandard files are read by pyarrow, which is not installed:  pip install pyarrow"
        ) from error
    return pa


def unpacking(file: BinaryIO, start: bytes) -> tuple[Any, Counted] | None:
    """The unpacked bytes of a file and the packed ones behind them, None where its first bytes are no packing's."""
    counted = Counted(file)
    if start.startswith(b"\x1f\x8b"):
        return Unpacking(counted, "gzip", lambda: zlib.decompressobj(zlib.MAX_WBITS | 16)), counted
    if start.startswith(b"BZh") and start[4:10] == b"\x31\x41\x59\x26\x53\x59":
        return Unpacking(counted, "bzip2", bz2.BZ2Decompressor), counted
    if start.startswith(b"\xfd7zXZ\0"):
        return Unpacking(counted, "xz", lzma.LZMADecompressor), counted
    if start.startswith(_ZSTD) or start[4:8] == _ZSTD:
        return Frames(counted, framed=not start.startswith(_ZSTD)), counted
    return None
