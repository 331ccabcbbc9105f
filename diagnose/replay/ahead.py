"""Stage runs that are known to be needed, made before they are asked for: many at once, in the order that is quickest.

What comes of them goes into the runner's memo (a failure into its list of failures). The replay itself then goes its
way as if nothing had been done: it finds what it asks for, so that its results are those of a run without this, byte
for byte, however the calls were ordered and wherever they were made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from diagnose.core.artifact import Output
from diagnose.core.stage import Given, Stage
from diagnose.errors import StageFailed

if TYPE_CHECKING:
    from diagnose.replay.run import Runner

BATCH = 256
"""Inputs of one call of a stage's own `batch`."""

Tick = Callable[[int, int], None]
"""Called with the number of calls that are done and their total."""


@dataclass(frozen=True)
class Call:
    """A stage run that a replay will ask for; the fields are those of `Runner.run`."""

    stage: Stage
    given: Given
    repeat: int = 0


@dataclass(frozen=True)
class Task:
    """A call under its key in the memo, with the seed it is made with."""

    key: str
    stage: Stage
    given: Given
    seed: int | None

    @property
    def prompt(self) -> str:
        """What tasks are ordered by."""
        return self.stage.prompt_of(self.given) if self.stage.prompt_of is not None else self.given.query


Ended = Callable[[Task, Output | Exception], None]
Stop = Callable[[], bool]


class Engine(Protocol):
    """Runs tasks elsewhere, at most `jobs` at once. `holds` says that single calls of a stage had better be made there,
    too, now."""

    jobs: int

    def takes(self, stage: Stage, n: int) -> bool:
        """Whether `n` calls of this stage are to be made here."""

    def holds(self, stage: Stage) -> bool:
        """Whether this stage is up here."""

    def run(self, tasks: Sequence[Task], ended: Ended, stop: Stop) -> None:
        """Run tasks of one stage, each to an output or a StageFailed; none is begun once `stop` says so."""

    def close(self) -> None:
        """Let go of everything."""


def gains(runner: Runner, stage: Stage) -> bool:
    """Whether several calls of a stage are made faster together."""
    many = stage.run_each or stage.prompt_of or (stage.run_batch and not stage.seeded)
    return bool(many) or any(engine.takes(stage, BATCH) for engine in runner.engines)


def ahead(runner: Runner, calls: Iterable[Call], tick: Tick = lambda done, total: None) -> None:
    """Make those of these calls that are not in the memo, once each, where that is faster than one after another.

    Nothing is raised for a call that fails: whoever asks for it will hear of it.
    """
    by_stage: dict[str, list[Task]] = {}
    tasks = runner.pending(call for call in calls if gains(runner, call.stage))
    for task in tasks:
        by_stage.setdefault(task.stage.fingerprint, []).append(task)
    done, errors = 0, list[BaseException]()

    def ended(task: Task, found: Output | Exception) -> None:
        # Called from the threads of the engines: what goes wrong in it (a full disk) is raised by the one who waits.
        nonlocal done
        try:
            runner.keep(task, found)
            done += 1
            tick(done, len(tasks))
        except BaseException as exc:  # noqa: BLE001  raised again below
            errors.append(exc)

    for group in by_stage.values():
        _made(runner, group, ended, lambda: bool(errors) or runner.asked_to_stop())
    if errors:
        raise errors[0]


def _made(runner: Runner, tasks: Sequence[Task], ended: Ended, stop: Stop) -> None:
    stage = tasks[0].stage
    if (engine := next((e for e in runner.engines if e.takes(stage, len(tasks))), None)) is not None:
        engine.run(tasks, ended, stop)
    elif stage.run_each is not None:
        stage.run_each(
            [(t.given, t.seed) for t in tasks], lambda place, found: ended(tasks[place], found), stop
        )
    elif stage.prompt_of is not None:
        _one_by_one(sorted(tasks, key=lambda t: t.prompt), ended, stop)
    elif stage.run_batch is not None and len(tasks) > 1:
        _batches(tasks, ended, stop)


def _one_by_one(tasks: Iterable[Task], ended: Ended, stop: Stop) -> None:
    for task in tasks:
        if stop():
            return
        try:
            found: Output | Exception = task.stage.run(task.given, task.seed)
        except StageFailed as exc:
            found = exc
        ended(task, found)


def _batches(tasks: Sequence[Task], ended: Ended, stop: Stop) -> None:
    for start in range(0, len(tasks), BATCH):
        some = tasks[start : start + BATCH]
        run_batch = some[0].stage.run_batch
        if stop() or run_batch is None:
            return
        try:
            outputs = run_batch([t.given for t in some])
        except StageFailed:
            return  # one of them is to blame, and which will show when each is asked for
        for task, output in zip(some, outputs, strict=True):
            ended(task, output)
