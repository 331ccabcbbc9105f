"""The event loop that requests to endpoints run in: one thread for all of them.

A request can be broken off at its deadline whatever it is waiting for, which a blocking read cannot.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")

LAST_S = 1.0
"""Seconds that are given to connections to close when the process ends."""

_LOOPS: dict[int, asyncio.AbstractEventLoop] = {}
_STARTING = threading.Lock()


def run(work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns, run in the event loop of this process; what it raises is raised here."""
    future = asyncio.run_coroutine_threadsafe(work, _loop())
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


async def each(works: Iterable[Callable[[], Coroutine[Any, Any, None]]], at_once: int) -> None:
    """Run every work, `at_once` of them at once: for thousands of requests no more tasks than are under way."""
    left = iter(works)

    async def hand() -> None:
        for work in left:
            await work()

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(hand())


def start(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Has the event loop run `work`, and does not wait for it."""
    loop = _loop()
    loop.call_soon_threadsafe(lambda: loop.create_task(work()))


def finish(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Has the event loop run `work`, and waits a little; what comes of it no longer matters."""
    with contextlib.suppress(Exception):
        asyncio.run_coroutine_threadsafe(work(), _loop()).result(LAST_S)


def _loop() -> asyncio.AbstractEventLoop:
    with _STARTING:
        if os.getpid() not in _LOOPS:
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="diagnose-http", daemon=True).start()
            _LOOPS[os.getpid()] = loop
        return _LOOPS[os.getpid()]
