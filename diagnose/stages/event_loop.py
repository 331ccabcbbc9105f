"""The event loop that requests to endpoints run in: one thread for all of them.

A request can be broken off at its deadline whatever it is waiting for, which a blocking read cannot.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

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


def start(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Has the event loop run `work`, and does not wait for it."""
    loop = _loop()
    loop.call_soon_threadsafe(lambda: loop.create_task(work()))


def _loop() -> asyncio.AbstractEventLoop:
    with _STARTING:
        if os.getpid() not in _LOOPS:
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="diagnose-http", daemon=True).start()
            _LOOPS[os.getpid()] = loop
        return _LOOPS[os.getpid()]
