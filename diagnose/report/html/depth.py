"""How much of each failure the page shows, so that a page of many is still quick to open.

Every failure has its line in the table and a section. Where there is room each section is whole; else the first
of every verdict and mode are and the others are shortened, the more so the more there are. A failure that takes more
than its depth allows (text can take five bytes a character once it is escaped) is shortened further.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from diagnose.core.blame import Blame


class Depth(NamedTuple):
    """Limits in characters of text and in passages of a list; `bytes` is what
    a line and its section may take."""

    name: str
    bytes: int
    text: int
    around: int
    passages: int
    stages: bool
    picture: bool


WHOLE = Depth("whole", 14_000, 2_000, 160, 5, stages=True, picture=True)
SHORT = Depth("short", 2_400, 180, 36, 0, stages=True, picture=True)
BRIEF = Depth("brief", 1_120, 110, 0, 0, stages=False, picture=False)
BARE = Depth("bare", 1_120, 12, 0, 0, stages=False, picture=False)
"""What is left where even `BRIEF` is too big."""

MOST_SHORT = 500
"""Failures up to which sections are `SHORT` at least."""
MOST_FAILURES = 5_000
"""Failures that have a line on the page; of more, some of every verdict and mode are chosen."""
MOST_UNREPLAYED = 1_000
"""The same where nothing was replayed, and a failure has no more to show than its funnel."""
FEWEST_WHOLE = 10
SHORT_PAGE_BYTES, LONG_PAGE_BYTES = 1_300_000, 5_700_000
"""What the failures may take in all: up to `MOST_SHORT`, and of `MOST_FAILURES` (in between, in between)."""


def shorter(depth: Depth) -> Depth | None:
    """The next depth down, if there is one."""
    chain = (WHOLE, SHORT, BRIEF, BARE)
    at = chain.index(depth) + 1
    return chain[at] if at < len(chain) else None


def listed_of(blames: Sequence[Blame], most: int = MOST_FAILURES) -> list[Blame]:
    """The failures that get a line: all of them, or `most` spread over verdicts and modes."""
    if len(blames) <= most:
        return list(blames)
    chosen = set(_spread(blames)[:most])
    return [blame for i, blame in enumerate(blames) if i in chosen]


def depths_of(blames: Sequence[Blame]) -> Mapping[str, Depth]:
    """The depth of each failure's section, by trace id."""
    most = SHORT if len(blames) <= MOST_SHORT else BRIEF
    room = page_bytes(len(blames)) - most.bytes * len(blames)
    whole = set(_spread(blames)[: max(FEWEST_WHOLE, room // (WHOLE.bytes - most.bytes))])
    return {blame.trace_id: WHOLE if i in whole else most for i, blame in enumerate(blames)}


def page_bytes(n_failures: int) -> int:
    """What so many failures may take on a page, in bytes."""
    part = min(1.0, max(0, n_failures - MOST_SHORT) / (MOST_FAILURES - MOST_SHORT))
    return round(SHORT_PAGE_BYTES + part * (LONG_PAGE_BYTES - SHORT_PAGE_BYTES))


def _spread(blames: Sequence[Blame]) -> list[int]:
    """Positions, the first of every verdict and mode before the second of any."""
    groups: defaultdict[tuple[str, str | None], int] = defaultdict(int)
    rounds: list[tuple[int, int]] = []
    for i, blame in enumerate(blames):
        group = (blame.verdict, blame.mode)
        rounds.append((groups[group], i))
        groups[group] += 1
    return [i for _, i in sorted(rounds)]
