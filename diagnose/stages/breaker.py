"""A circuit breaker: an endpoint that has failed many times in a row is left alone, and tried again now and then."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from diagnose.errors import StageFailed

BREAK_AFTER = 8
"""Failed calls in a row after which an endpoint is left alone."""
PROBE_EVERY = 10
"""Of the calls that would go to an endpoint that is left alone, each so-manieth is made to see whether it is back."""


class NotAsked(StageFailed):
    """A call that was not made, because those before it failed."""


@dataclass
class Breaker:
    """Counts the failures in a row of one endpoint. Counts, not seconds: the same answers, the same calls."""

    failures: int = 0
    held_back: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def admit(self, url: str) -> None:
        """Let a call through, or raise NotAsked."""
        with self._lock:
            if self.failures < BREAK_AFTER:
                return
            self.held_back += 1
            if self.held_back % PROBE_EVERY:
                raise NotAsked(
                    f"{url} was not asked: {self.failures} calls in a row have failed (each {PROBE_EVERY}th call tries "
                    "it again)"
                )

    def failed(self) -> None:
        """A call that came to nothing."""
        with self._lock:
            self.failures += 1

    def worked(self) -> None:
        """A call that was answered, whatever the answer says."""
        with self._lock:
            self.failures = self.held_back = 0
