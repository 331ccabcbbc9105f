"""Tasks shared out among workers so that those with one beginning come to one worker, and none is idle."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from itertools import pairwise

from diagnose.replay.ahead import Task


class Shares:
    """The tasks in the order of their prompts, cut into one stretch for each worker. A worker takes its own from the
    front; with none left it steals from the back of the longest stretch, half of it. Thread-safe."""

    def __init__(self, tasks: Sequence[Task], workers: int) -> None:
        ordered = sorted(tasks, key=lambda task: task.prompt)
        cuts = [len(ordered) * n // workers for n in range(workers + 1)]
        self._own = [deque(ordered[a:b]) for a, b in pairwise(cuts)]
        self._lock = threading.Lock()

    def take(self, worker: int) -> Task | None:
        """The next task of a worker; None where none is left at all."""
        with self._lock:
            own = self._own[worker]
            if not own:
                longest = max(self._own, key=len)
                stolen = [longest.pop() for _ in range((len(longest) + 1) // 2)]
                own.extend(reversed(stolen))
            return own.popleft() if own else None

    @property
    def left(self) -> int:
        """Tasks that nobody has taken."""
        with self._lock:
            return sum(len(own) for own in self._own)

    def give_back(self, worker: int, task: Task) -> None:
        """A task that its worker did not come to the end of."""
        with self._lock:
            self._own[worker].appendleft(task)
