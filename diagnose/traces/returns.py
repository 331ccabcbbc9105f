"""Lines that end in a lone carriage return."""

from __future__ import annotations

import re

from diagnose.traces.lines import SKIP_BYTES, Meter

_END = re.compile(rb"\r\n|\r|\n")


class Returns:
    """Reads lines as a Meter does, whatever they end in, and gives them back ended in a line feed."""

    def __init__(self, meter: Meter, start: bytes) -> None:
        self._meter, self._held, self._at, self._ended = meter, start, 0, False

    def line(self, size: int | None = None) -> bytes:
        """The next line, b"" at the end; so much of it as is held where it is longer than wanted."""
        wanted = self._meter.most if size is None else size
        looked = 0
        while True:
            match = _END.search(self._held, self._at + looked)
            if match and (match.end() < len(self._held) or self._ended):
                line, self._at = self._held[self._at : match.start()] + b"\n", match.end()
                return line
            held = len(self._held) - self._at
            if self._ended or held > wanted:
                line, self._at = self._held[self._at :], len(self._held)
                return line
            looked = max(held - 1, 0)  # a return at the end may have its line feed still to come
            data = self._meter.read(SKIP_BYTES)
            self._ended = not data
            self._held, self._at = self._held[self._at :] + data, 0

    def skip_rest(self, data: bytes) -> None:
        """Goes to the end of the line that `data` is the start of."""
        while data and not data.endswith(b"\n"):
            data = self.line(SKIP_BYTES)
