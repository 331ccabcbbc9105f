"""How many requests an endpoint bears at once, found out as TCP does: one more a round while it goes well, half as
many once it says that it is too much.

Too much is a reply of "busy", no reply in time, or replies that suddenly take several times as long as of late. *Of
late*: an endpoint that has become slower for reasons of its own is not quicker for being asked less.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

SLOWER = 3.0
"""A round whose median is so many times that of the quickest one of late means that requests wait behind each other."""
REMEMBERED = 4
"""Rounds of which the median is remembered."""
FEWEST = 8
"""Replies to a round: of fewer a median says little, as one reply may be ten times as long as the next."""
GENTLY, SHARPLY = 0.8, 0.5
"""What is left of the bound after slow replies, and after a busy one."""


@dataclass
class AtOnce:
    """Admits at most `bound` requests at once, `most` at first and never more. Additive increase, multiplicative
    decrease: Chiu and Jain 1989.

    A round is as many replies as there may be requests under way; the bound is lowered once a round, as all of it was
    asked before the lowering could show.
    """

    most: int
    bound: float = 0.0
    under_way: int = 0
    _asked: int = 0
    _lowered_at: int = 0
    _round: list[float] = field(default_factory=list)
    _medians: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _waiting: deque[asyncio.Future[None]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.bound = self.bound or float(self.most)

    async def admitted(self) -> int:
        """Wait for a place; the number of the request, for `ended`."""
        while self.under_way >= int(self.bound):
            place = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            try:
                await place
            except asyncio.CancelledError:
                self._wake()  # the place may have been given to the one that goes
                raise
        self.under_way += 1
        self._asked += 1
        return self._asked

    def ended(self, number: int, elapsed_s: float, busy: bool) -> None:
        """A request has come to its end: `busy` says that it was too much, or was not answered in time."""
        self.under_way -= 1
        self.learn(number, elapsed_s, busy)
        self._wake()

    def learn(self, number: int, elapsed_s: float, busy: bool) -> None:
        """Set the bound by what a request took."""
        if busy:
            self._lower(number, SHARPLY)
            return
        self.bound = min(float(self.most), self.bound + 1.0 / self.bound)
        self._round.append(elapsed_s)
        if len(self._round) < max(FEWEST, self.bound):
            return
        median = sorted(self._round)[len(self._round) // 2]
        if self._medians and median > SLOWER * min(self._medians):
            self._lower(number, GENTLY)
        self._medians.append(median)
        self._round.clear()

    def _lower(self, number: int, left: float) -> None:
        if number > self._lowered_at:
            self.bound = max(1.0, self.bound * left)
            self._lowered_at = self._asked

    def _wake(self) -> None:
        free = int(self.bound) - self.under_way
        while free > 0 and self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                free -= 1
