"""What becomes of a run that somebody stops half way: what was done counts, the rest is named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from diagnose.core.blame import Blame, Undecided
from diagnose.flow.failing import Failing
from diagnose.flow.found import Progress
from diagnose.flow.logged import WHY, unreplayed
from diagnose.replay.run import Runner, Stopped

S = TypeVar("S")
T = TypeVar("T")

DETAIL = "the run was interrupted before this failure was decided"


def unless_stopped(runner: Runner, work: Callable[[], T]) -> T | None:
    """What `work` comes to, or None where the runner was stopped before or meanwhile.

    A stop of another runner (that of a pipeline around this one) goes through: it is not ours to keep.
    """
    if runner.stopped:
        return None
    try:
        return work()
    except Stopped:
        if not runner.stopped:
            raise
        return None


def each_until_stopped(
    items: Sequence[S], work: Callable[[S], T], stop: Callable[[], bool], progress: Progress
) -> list[T]:
    """What `work` comes to on each item, until `stop` says that no more is to be begun."""
    done: list[T] = []
    for item in items:
        try:
            done.append(work(item))
        except Stopped:
            if not stop():
                raise
            break
        progress(len(done), len(items))
    return done


def cut_short(done: int, total: int, enough: bool, what: str = "traces") -> str:
    """What the headline of a result begins with, "" where all of it was done. Stopped where what was done is not
    `enough` to tell of."""
    if done == total:
        return ""
    if not enough:
        raise Stopped
    return f"Partial result, interrupted after {done} of {total} {what}. "


def unplayed(one: Failing) -> Blame:
    """The blame of a failure that its run never came to: what the log shows, and no verdict."""
    blame = unreplayed(one.item, one.known, one.scorer, asked=True)
    return left_over(blame) if one.label is not None else blame


def left_over(blame: Blame) -> Blame:
    """The blame of a run that was stopped: undecided for want of calls now reads `interrupted`.

    Findings, verdicts and failures of a stage stand.
    """
    undecided = blame.undecided
    if undecided is None or undecided.reason in ("not-reproduced", "no-loss"):
        return blame
    if undecided.reason == "not-replayable" and undecided.detail != WHY["not-replayable"]:
        return blame
    return msgspec.structs.replace(
        blame, undecided=Undecided("interrupted", DETAIL, undecided.power, undecided.calls_needed)
    )
