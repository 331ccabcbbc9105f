"""Ctrl-C and SIGTERM: the first one asks work to stop where nothing is lost, the second one quits."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)
SAID = b"\nstopping: what is under way is finished first (again to quit at once)\n"
STDERR = 2

Handler = Callable[[int, FrameType | None], Any]


class _Asked:
    """How often somebody asked to stop."""

    def __init__(self, quiet: bool) -> None:
        self.times = 0
        self.quiet = quiet

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.times += 1
        if self.times > 1:
            raise KeyboardInterrupt
        if not self.quiet:
            # A stream may be in the middle of a write: the bare descriptor may not.
            try:
                os.write(STDERR, SAID)
            except OSError:
                self.quiet = True


@contextmanager
def stoppable(quiet: bool = False) -> Iterator[Callable[[], bool]]:
    """Whether somebody has asked to stop, as a function; a second signal raises KeyboardInterrupt."""
    asked = _Asked(quiet)
    with _handled(asked, SIGNALS):
        yield lambda: asked.times > 0


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM ends what runs here as Ctrl-C does: temporary files are taken away, the exit code says so."""

    def quit(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _handled(quit, (signal.SIGTERM,)):
        yield


@contextmanager
def _handled(handler: Handler, numbers: tuple[signal.Signals, ...]) -> Iterator[None]:
    # Python takes handlers in its main thread only; a signal that is ignored (nohup) stays so.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {n: signal.getsignal(n) for n in numbers}
    taken = {n: old for n, old in before.items() if old is not signal.SIG_IGN and old is not None}
    for number in taken:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in taken.items():
            signal.signal(number, old)
