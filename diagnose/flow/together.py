"""Several traces at a time, so that what stages will be asked can be asked together (`replay.ahead`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from diagnose.core.stage import Role
from diagnose.core.trace import Trace
from diagnose.replay.ahead import Call, Tick
from diagnose.replay.run import Broken, Meter, Runner, State, Stopped, Wanted, advance

S = TypeVar("S")
T = TypeVar("T")

FEW, MANY = 16, 128
"""Traces to a window: where calls are slow and made one after another, a run that is stopped is to have finished
most of those it began; where many are under way at once, these are to be there."""


def window_of(runner: Runner) -> int:
    """How many traces to look at together. One where calls are bounded: the allowance then goes to the first traces,
    as it does where nothing is made ahead."""
    stages = [s for s in runner.pipeline.stages if runner.gains(s)]
    if runner.allowance is not None or not stages:
        return 1
    if any(s.run_each for s in stages):
        return MANY
    hands = max((e.jobs for e in runner.engines if any(e.takes(s, MANY) for s in stages)), default=1)
    return min(MANY, max(FEW, 4 * hands))


def windows(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items, `size` at a time."""
    return (items[start : start + size] for start in range(0, len(items), size))


def made_together(
    runner: Runner, items: Sequence[S], work: Callable[[S], T], tick: Tick = lambda done, total: None
) -> list[T]:
    """What `work` comes to for each item, in order, with the calls that the items come to want made together.

    Round by round: each item is worked on until it wants a call that is faster made with others (`Runner.asking`); then
    all of these are made, and those items are begun anew, which finds what was made in the memo. `work` has to come to
    the same however often it is begun. Of a single item, or with an allowance of calls, none is made but as it comes.
    """
    if len(items) < 2 or runner.allowance is not None or not any(map(runner.gains, runner.pipeline.stages)):
        return [work(item) for item in items]
    done: dict[int, T] = {}
    asked: set[str] = set()
    while len(done) < len(items) and not runner.asked_to_stop():
        wanted: list[Call] = []
        for place, item in enumerate(items):
            if place in done:
                continue
            try:
                with runner.asking(asked):
                    done[place] = work(item)
            except Wanted as one:
                wanted.append(one.call)
        runner.ahead(wanted, tick)
    return [done[place] if place in done else work(item) for place, item in enumerate(items)]


def unchanged_ahead(traces: Sequence[Trace], runner: Runner, roles: Sequence[Role]) -> None:
    """Replay traces with nothing changed, stage by stage, each stage on all of them together."""
    states = [State.start(trace.query) for trace in traces]
    for role in roles:
        found = [(state, runner.pipeline.stage(role, state.route)) for state in states]
        runner.ahead(Call(stage, state.given()) for state, stage in found if stage is not None)
        if role == roles[-1]:
            return
        states = []
        for state, stage in found:
            assert stage is not None
            try:
                states.append(advance(runner, state, stage, Meter()))
            except Broken:
                continue
            except Stopped:
                if not runner.stopped:
                    raise
                return
