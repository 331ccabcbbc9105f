"""Stage calls on the machines of a Ray cluster: actors that hold models and indexes, one call at a time each.

An actor builds a stage from its recipe, so that the pipeline's folder has to be there under the same path on every
machine (a shared file system, or the same image). Questions and answers are the JSON of `replay.worker`.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import threading
from collections.abc import Sequence
from typing import Any

from diagnose.core.stage import Stage
from diagnose.errors import MissingExtra, StageFailed, UsageError
from diagnose.replay.ahead import Ended, Stop, Task
from diagnose.replay.shares import Shares
from diagnose.replay.worker import ElsewhereFailed, Served, question, understood
from diagnose.stages.failure import one_line

TRIES = 2
"""Times that a call is made whose actor dies in it."""
WAIT_S = 1.0
"""How often a stop is looked for while nothing comes back."""
CONNECT_S = 5.0
NOBODY_S = 120.0
"""Seconds without a single actor after which the cluster counts as gone."""


class OnRay:
    """An engine on a Ray cluster: that at `address`, else one that is started on this machine. `jobs` bounds the
    actors (None: one for each CPU of the cluster).

    Raises MissingExtra without ray, UsageError where no cluster is at the address.
    """

    def __init__(self, address: str | None = None, jobs: int | None = None) -> None:
        if importlib.util.find_spec("ray") is None:
            raise MissingExtra("ray", "ray")
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        import ray

        self._ray: Any = ray
        self._ours = not ray.is_initialized()
        if self._ours:
            _joined(ray, address)
        self.jobs = jobs or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        # One CPU each keeps Ray from putting more on a machine than it bears.
        self._kind = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(Served)
        self._idle: list[Any] = []

    def takes(self, stage: Stage, n: int) -> bool:
        """Whatever another machine can build; endpoints are asked from here, where their keys are."""
        return stage.recipe is not None and stage.run_each is None

    def holds(self, stage: Stage) -> bool:
        """Single calls are made there as well: this machine may have neither the memory nor the model."""
        return self.takes(stage, 1)

    def run(self, tasks: Sequence[Task], ended: Ended, stop: Stop) -> None:
        """Run tasks of one stage; whichever actor is free takes the next."""
        _Round(self._ray, self, tasks, ended, stop).run()

    def idle_actor(self) -> Any | None:
        """One that is there and free."""
        return self._idle.pop() if self._idle else None

    def new_actor(self) -> Any:
        """One that is being made: it may have to wait for a CPU."""
        return self._kind.remote()

    def free(self, actor: Any) -> None:
        """Keep an actor, with what it has loaded."""
        self._idle.append(actor)

    def dismiss(self, actor: Any) -> None:
        """Let go of an actor."""
        self._ray.kill(actor)

    def close(self) -> None:
        """Let go of the actors, and of the cluster where it was joined for this."""
        while self._idle:
            self.dismiss(self._idle.pop())
        if self._ours:
            self._ray.shutdown()


def _joined(ray: Any, address: str | None) -> None:
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    before = signal.getsignal(signal.SIGTERM)
    try:
        if host and port.isdigit():
            # Ray itself would look for it for minutes.
            socket.create_connection((host, int(port)), timeout=CONNECT_S).close()
        ray.init(
            address=address,
            include_dashboard=None if address else False,
            log_to_driver=False,
            logging_level="error",
            configure_logging=False,
        )
    except Exception as exc:
        where = (
            f"--address {address}: expected a Ray cluster there"
            if address
            else "no Ray cluster can be started here"
        )
        raise UsageError(f"{where}: {one_line(exc)}") from exc
    finally:
        # Ray puts a handler of its own there, which ends the process at once: runs stop where nothing is lost.
        if threading.current_thread() is threading.main_thread() and before is not None:
            signal.signal(signal.SIGTERM, before)


class _Round:
    """The calls of one stage, shared out among workers, each of which is an actor or waits for one.

    `under_way` has the number of the worker, its actor and its task by what is waited for; no task means that the actor
    is being made.
    """

    def __init__(self, ray: Any, engine: OnRay, tasks: Sequence[Task], ended: Ended, stop: Stop) -> None:
        self.ray, self.engine, self.ended, self.stop = ray, engine, ended, stop
        self.hands = max(1, min(engine.jobs, len(tasks)))
        self.shares = Shares(tasks, self.hands)
        self.under_way: dict[Any, tuple[int, Any, Task | None]] = {}
        self.tries: dict[str, int] = {}

    def run(self) -> None:
        """Until all tasks have come to an end, or none is under way once a stop was asked for."""
        for number in range(self.hands):
            self._hire(number)
        silent_s = 0.0
        while self._goes_on():
            ready, _ = self.ray.wait(list(self.under_way), num_returns=1, timeout=WAIT_S)
            silent_s = 0.0 if ready else silent_s + WAIT_S
            if silent_s >= NOBODY_S and not self._alive():
                raise StageFailed("the Ray cluster has no machine left that takes a call")
            for reference in ready:
                self._came(reference)
        for _, actor, _ in self.under_way.values():
            self.engine.dismiss(actor)

    def _goes_on(self) -> bool:
        asked = any(task is not None for _, _, task in self.under_way.values())
        return asked or (self.shares.left > 0 and not self.stop())

    def _alive(self) -> bool:
        return any(node["Alive"] and node["Resources"].get("CPU", 0) >= 1 for node in self.ray.nodes())

    def _hire(self, number: int) -> None:
        if (actor := self.engine.idle_actor()) is not None:
            self._next(number, actor)
            return
        # No task is given to one that is not there yet: where no CPU is free it may never be.
        actor = self.engine.new_actor()
        self.under_way[actor.ready.remote()] = (number, actor, None)

    def _next(self, number: int, actor: Any) -> None:
        task = None if self.stop() else self.shares.take(number)
        if task is None:
            self.engine.free(actor)
            return
        # Several actors may share a machine: a model takes one thread in each.
        self.under_way[actor.answer.remote(question(task, many=True))] = (number, actor, task)

    def _came(self, reference: Any) -> None:
        number, actor, task = self.under_way.pop(reference)
        try:
            line = self.ray.get(reference)
        except self.ray.exceptions.RayError as exc:
            if task is not None:
                self._died(number, task, exc)
            if self.shares.left:
                self._hire(number)
            return
        if task is not None:
            self.ended(task, understood(task, line))
        self._next(number, actor)

    def _died(self, number: int, task: Task, exc: Exception) -> None:
        """The actor is gone, with its machine or by itself: another takes the call, once."""
        tried = self.tries[task.key] = self.tries.get(task.key, 0) + 1
        if tried < TRIES:
            self.shares.give_back(number, task)
            return
        who = f"stage {task.stage.role} ({task.stage.name})"
        reason = f"{who}: its Ray actor ended {TRIES} times in this call: {one_line(exc)}"
        self.ended(task, ElsewhereFailed(reason))
