"""How much of each failure the page shows, so that a page of many is still quick to open.

Every failure has its line in the table and a section. Up to `ALL_WHOLE` failures each section is whole; with more,
a few of every verdict and mode are and the others are shortened, the more so the more there are. A section that is too
big for its depth (text can take five bytes a character once it is escaped) is shortened further.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from diagnose.core.blame import Blame


class Depth(NamedTuple):
    """Limits in characters of text and in passages of a list; `bytes` is what a section may take."""

    name: str
    bytes: int
    text: int
    around: int
    passages: int
    stages: bool
    picture: bool


WHOLE = Depth("whole", 14_000, 2_000, 160, 5, stages=True, picture=True)
SHORT = Depth("short", 2_300, 220, 70, 0, stages=True, picture=True)
BRIEF = Depth("brief", 720, 90, 0, 0, stages=False, picture=False)
BARE = Depth("bare", 100_000, 24, 0, 0, stages=False, picture=False)
"""What is left where even `BRIEF` is too big."""

ALL_WHOLE = 60
ALL_SHORT = 520
MOST_FAILURES = 5_000
"""Failures that have a line on the page; of more, some of every verdict and mode are chosen."""
WHOLE_OF_MANY = 14
"""Sections that are whole though others are not."""


def shorter(depth: Depth) -> Depth | None:
    """The next depth down, if there is one."""
    chain = (WHOLE, SHORT, BRIEF, BARE)
    at = chain.index(depth) + 1
    return chain[at] if at < len(chain) else None


def listed_of(blames: Sequence[Blame]) -> list[Blame]:
    """The failures that get a line: all of them, or `MOST_FAILURES` spread over verdicts and modes."""
    if len(blames) <= MOST_FAILURES:
        return list(blames)
    chosen = set(_spread(blames)[:MOST_FAILURES])
    return [blame for i, blame in enumerate(blames) if i in chosen]


def depths_of(blames: Sequence[Blame]) -> Mapping[str, Depth]:
    """The depth of each failure's section, by trace id."""
    if len(blames) <= ALL_WHOLE:
        return {blame.trace_id: WHOLE for blame in blames}
    most = SHORT if len(blames) <= ALL_SHORT else BRIEF
    whole = set(_spread(blames)[:WHOLE_OF_MANY])
    return {blame.trace_id: WHOLE if i in whole else most for i, blame in enumerate(blames)}


def _spread(blames: Sequence[Blame]) -> list[int]:
    """Positions, the first of every verdict and mode before the second of any."""
    groups: defaultdict[tuple[str, str | None], int] = defaultdict(int)
    rounds: list[tuple[int, int]] = []
    for i, blame in enumerate(blames):
        group = (blame.verdict, blame.mode)
        rounds.append((groups[group], i))
        groups[group] += 1
    return [i for _, i in sorted(rounds)]
