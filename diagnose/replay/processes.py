"""Local models, each in a process of its own: a model is not thread-safe, and one thread each is what scales.

A process that dies (out of memory, killed) is replaced and its call made once more; where that ends it, too, the call
has failed, and costs the failure it belongs to.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from diagnose.core.stage import Recipe, Stage
from diagnose.errors import StageFailed
from diagnose.replay.ahead import Ended, Stop, Task
from diagnose.replay.shares import Shares
from diagnose.replay.worker import ElsewhereFailed, question, understood

FEWEST_EACH = 2
"""Calls for each process below which starting it takes longer than it saves."""
TRIES = 2
SPARED = 0.8
"""The part of the free memory that models may take."""
COMMAND = (sys.executable, "-m", "diagnose.replay.worker")


class Processes:
    """An engine of at most `jobs` processes on this machine, for stages that are local models."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self._idle: list[_Process] = []
        self._up: set[str] = set()
        self._lock = threading.Lock()

    def takes(self, stage: Stage, n: int) -> bool:
        """Whether so many calls are worth it: a local model that another process can build."""
        local = stage.recipe is not None and stage.prompt_of is not None
        return local and self.jobs > 1 and (self.holds(stage) or n >= FEWEST_EACH * 2)

    def holds(self, stage: Stage) -> bool:
        """Whether the model is loaded in a process, so that this one need not load it as well."""
        return stage.fingerprint in self._up

    def run(self, tasks: Sequence[Task], ended: Ended, stop: Stop) -> None:
        """Run tasks of one stage."""
        self._up.add(tasks[0].stage.fingerprint)
        hands = max(1, min(self.jobs, len(tasks)))
        shares = Shares(tasks, hands)
        errors: list[BaseException] = []

        def hand(number: int) -> None:
            try:
                self._served(shares, number, ended, lambda: bool(errors) or stop())
            except BaseException as exc:  # noqa: BLE001  raised again, in the thread that waits
                errors.append(exc)

        threads = [threading.Thread(target=hand, args=(n,), daemon=True) for n in range(hands)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]

    def _served(self, shares: Shares, number: int, ended: Ended, stop: Stop) -> None:
        process = self._started()
        try:
            while not stop() and (task := shares.take(number)) is not None:
                found, how = None, ""
                for _ in range(TRIES):
                    line = process.answer(question(task, self.jobs > 1))
                    if line is not None:
                        found = understood(task, line)
                        break
                    how = process.end()
                    process = self._started()
                ended(task, found if found is not None else self._gone(task, how))
        except BaseException:
            process.end()
            raise
        with self._lock:
            self._idle.append(process)

    def _gone(self, task: Task, how: str) -> StageFailed:
        who = f"stage {task.stage.role} ({task.stage.name})"
        return ElsewhereFailed(
            f"{who}: the process it runs in ended {TRIES} times in this call ({how}): is there memory for "
            f"{self.jobs} of them (--jobs)?"
        )

    def _started(self) -> _Process:
        with self._lock:
            return self._idle.pop() if self._idle else _Process()

    def close(self) -> None:
        """End the processes."""
        while self._idle:
            self._idle.pop().end()
        self._up.clear()


class _Process:
    """A worker and the pipes to it."""

    def __init__(self) -> None:
        # A session of its own: Ctrl-C is for the parent, which lets calls that are under way come to their end.
        # What is under way when the parent goes is the last: stdin ends then.
        try:
            self._child = subprocess.Popen(  # noqa: S603
                COMMAND,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
                start_new_session=True,
            )
        except OSError as exc:
            raise StageFailed(f"no process can be started for a local model: {exc.strerror}") from exc

    def answer(self, line: bytes) -> bytes | None:
        """The answer to a question, None where the process is gone."""
        assert self._child.stdin is not None and self._child.stdout is not None
        try:
            self._child.stdin.write(line + b"\n")
            self._child.stdin.flush()
            found = self._child.stdout.readline()
        except OSError:
            return None
        return found if found.endswith(b"\n") else None

    def end(self) -> str:
        """End the process; how it ended, in words."""
        assert self._child.stdin is not None and self._child.stdout is not None
        for pipe in (self._child.stdin, self._child.stdout):
            with contextlib.suppress(OSError):
                pipe.close()
        code = self._child.wait()
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def jobs_for(recipe: Recipe | None, cpus: int, free_bytes: int | None) -> int:
    """How many processes of a local model a machine bears: as many as its CPUs allow with the threads of each, and
    its free memory (None: unknown)."""
    if recipe is None:
        return 1
    threads = recipe.many.get("n_threads", 1)
    jobs = max(1, cpus // threads if isinstance(threads, int) and threads > 0 else cpus)
    if free_bytes is not None and recipe.needed_bytes > 0:
        jobs = min(jobs, int(SPARED * free_bytes) // recipe.needed_bytes)
    return max(1, jobs)


def usable_cpus() -> int:
    """CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def free_memory() -> int | None:
    """Bytes that processes could still take, by the kernel's estimate and this container's limit; None where
    neither is told."""
    found = []
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        found.append(next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")))
    with contextlib.suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        most, used = ((group / name).read_text() for name in ("memory.max", "memory.current"))
        found.append(int(most) - int(used))
    return min(found, default=None)
