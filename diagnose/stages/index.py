"""Indexes over a corpus, built at the first call and shared by the stages that need the same one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar, cast
from weakref import WeakKeyDictionary

from diagnose.core.pipeline import Corpus

T = TypeVar("T")
_LOCK = threading.Lock()
_INDEXES: WeakKeyDictionary[Corpus, dict[tuple[object, ...], object]] = WeakKeyDictionary()


def shared_index(corpus: Corpus, key: tuple[object, ...], build: Callable[[], T]) -> T:
    """The index of this corpus under `key` (its kind and settings), built once.

    Routes that differ in `top_k` alone share it; it goes when the corpus does. Thread-safe: whoever asks
    while it is being built waits, so `build` must not ask for another. It must not keep the corpus itself.
    """
    with _LOCK:
        indexes = _INDEXES.setdefault(corpus, {})
        if key not in indexes:
            indexes[key] = build()
        return cast(T, indexes[key])
