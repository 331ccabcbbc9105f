"""How much of a log a reader takes in before it says that something is wrong."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from diagnose.errors import BadInput, UsageError, quoted

MB = 1024 * 1024
MAX_LINE_BYTES = 16 * MB
"""The longest line read; three hundred passages of 50 kB fit. JSON of nothing but empty objects takes some
25 times its size as Python objects, so a hostile line costs up to 400 MB, once."""
MAX_GZIP_RATIO = 300
"""Of gzip and the others. Gzip packs repetitive logs some 100 : 1; a bomb comes close to its limit of 1032 : 1."""
GZIP_FREE_BYTES = 64 * MB
"""Unpacked bytes below which the ratio is not looked at."""
MAX_ANSWER_BYTES = 256 * MB
"""One answer of a server; pages are asked for in sizes that stay far below."""
MAX_TRACE_BYTES = 128 * MB
"""Spans of one trace, as they are held."""
MAX_SPANS = 20_000
MAX_TEXT = 4_000_000
"""Characters of one text of a span."""
UNITS = {"": 1, "k": 1024, "m": MB, "g": 1024 * MB, "t": MB * MB}
_SIZE = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) ?([kmgt]?)b?", re.IGNORECASE)
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_BRACKETS = re.compile(rb"[{}\[\]]")

T = TypeVar("T")
Clock = Callable[[], float]


class OverLimit(BadInput):
    """A log is more than was allowed: the reader ends here, whatever came before."""


@dataclass(frozen=True)
class Limits:
    """How much a reader takes in: bytes of a line or entry, how many times its size a gzip file may unpack to (beyond
    what is free), bytes of a file, how deep JSON may nest (None: as deep as the parser bears), traces, and until when
    (of `clock`, `seconds` after it began). Of one answer of a server no more bytes, of one trace no more bytes and
    spans, and of one text of a span no more characters."""

    line_bytes: int = MAX_LINE_BYTES
    gzip_ratio: int = MAX_GZIP_RATIO
    gzip_free_bytes: int = GZIP_FREE_BYTES
    total_bytes: float = math.inf
    depth: int | None = None
    traces: float = math.inf
    seconds: float = math.inf
    until: float = math.inf
    clock: Clock = time.monotonic
    answer_bytes: int = MAX_ANSWER_BYTES
    trace_bytes: int = MAX_TRACE_BYTES
    spans: int = MAX_SPANS
    text: int = MAX_TEXT

    @property
    def longest(self) -> str:
        """The bound of an entry, for a message."""
        return f"at most {size_text(self.line_bytes)} (--limit entry=SIZE)"

    def check_size(self, source: str, n_bytes: int) -> None:
        """OverLimit where a file is larger than allowed."""
        if n_bytes > self.total_bytes:
            raise OverLimit(
                f"{source}: expected at most {size_text(self.total_bytes)} unpacked, found more (--limit size=SIZE)"
            )

    def check_time(self, source: str) -> None:
        """OverLimit where reading takes longer than allowed."""
        if self.until < math.inf and self.clock() > self.until:
            raise OverLimit(f"{source}: not read within {self.seconds:g} seconds (--limit seconds=N)")

    def too_deep(self, line: bytes) -> bool:
        """Whether a line of JSON nests deeper than allowed."""
        return self.depth is not None and depth_of(line) > self.depth

    @property
    def deepest(self) -> str:
        """The bound of nesting, for a message."""
        return f"JSON nested at most {self.depth} deep (--limit depth=N)"


DEFAULT_LIMITS = Limits()


def counted(items: Iterator[T], kind: type, limits: Limits, source: str) -> Iterator[T]:
    """The items, in the time there is; OverLimit at the first of a kind that is one too many."""
    n = 0
    for item in items:
        limits.check_time(source)
        n += isinstance(item, kind)
        if n > limits.traces:
            raise OverLimit(
                f"{source}: expected at most {limits.traces:g} traces, found more (--limit traces=N)"
            )
        yield item


def depth_of(line: bytes) -> int:
    """How deep brackets stand in brackets, outside of strings.

    >>> depth_of(b'{"a": [1, {"b": "[[["}]}')
    3
    """
    deepest = depth = 0
    for mark in _BRACKETS.findall(_STRINGS.sub(b"", line)):
        depth += 1 if mark in b"{[" else -1
        deepest = max(deepest, depth)
    return deepest


def nested_deeper(value: Any, depth: int) -> bool:
    """Whether a JSON value nests deeper than so many lists and objects; of other values nothing is known."""
    level = [value]
    for _ in range(depth + 1):
        level = [one for one in level if isinstance(one, dict | list)]
        if not level:
            return False
        level = [item for one in level for item in (one.values() if isinstance(one, dict) else one)]
    return True


def size_text(n_bytes: float) -> str:
    """Bytes in the largest unit that fits.

    >>> size_text(16 * 1024 * 1024), size_text(1000), size_text(1536 * 1024)
    ('16 MB', '1000 bytes', '1536 kB')
    """
    for unit, name in ((1024 * MB, "GB"), (MB, "MB"), (1024, "kB")):
        if n_bytes >= unit and n_bytes % unit == 0:
            return f"{n_bytes / unit:.0f} {name}"
    return f"{n_bytes:.0f} bytes"


def limits_of(texts: Sequence[str], clock: Clock = time.monotonic) -> Limits:
    """The limits of a command line (`size=2GB`, `entry=1MB`, `ratio=1000`, `depth=64`, `traces=10000`, `seconds=60`,
    `answer=1GB`, `trace=64MB`, `spans=1000`, `text=20000`); time counts from now. UsageError for what is none."""
    found: dict[str, Any] = {}
    for text in texts:
        name, _, value = text.partition("=")
        if name not in _KINDS:
            raise UsageError(f"--limit {quoted(text)}: expected one of {', '.join(f'{k}=' for k in _KINDS)}")
        field, read, expected = _KINDS[name]
        number = read(value.strip())
        if number is None:
            raise UsageError(f"--limit {name}: expected {expected}, found {quoted(value)}")
        found[field] = number
    if "seconds" in found:
        found["until"] = clock() + found["seconds"]
    return Limits(**found, clock=clock)


def _size(text: str) -> int | None:
    match = _SIZE.fullmatch(text)
    if match is None:
        return None
    return int(float(match[1]) * UNITS[match[2].lower()]) or None


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 and int(text) else None


def _seconds(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 < number < math.inf else None


_KINDS: Mapping[str, tuple[str, Callable[[str], float | None], str]] = {
    "size": ("total_bytes", _size, "a size such as 500MB"),
    "entry": ("line_bytes", _size, "a size such as 16MB"),
    "ratio": ("gzip_ratio", _whole, "a whole number of 1 or more"),
    "depth": ("depth", _whole, "a whole number of 1 or more"),
    "traces": ("traces", _whole, "a whole number of 1 or more"),
    "seconds": ("seconds", _seconds, "a number above 0"),
    "answer": ("answer_bytes", _size, "a size such as 256MB"),
    "trace": ("trace_bytes", _size, "a size such as 128MB"),
    "spans": ("spans", _whole, "a whole number of 1 or more"),
    "text": ("text", _whole, "a whole number of 1 or more"),
}
"""What can be limited: the field, how its value is read, and what is expected."""
