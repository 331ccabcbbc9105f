"""Text of others on its way into a report: one line, no control characters, clipped."""

from __future__ import annotations

from collections.abc import Sequence

from diagnose.errors import visible

CLIPPED = "…"
SEEN_TIMES = 4
"""So many times its limit is looked at of a text, since runs of blanks come out as one."""


def flat(text: str, limit: int = 300) -> str:
    """The text on one line, at most `limit` characters long; control characters come out as U+FFFD.

    >>> flat("two\\nlines\\x1b[31m", 12)
    'two lines\ufffd[…'
    """
    seen = text[: limit * SEEN_TIMES]
    line = " ".join(visible(seen).split())
    return line if len(line) <= limit and len(seen) == len(text) else line[: limit - 1] + CLIPPED


def listed(names: Sequence[str], most: int = 8, limit: int = 40) -> str:
    """The first names joined by commas, and how many more there are.

    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    shown = ", ".join(flat(name, limit) for name in names[:most])
    more = len(names) - most
    return f"{shown} and {more:,} more" if more > 0 else shown
