"""Which ids came by before: some 20 bytes for each, where a set of Python's takes a hundred and more."""

from __future__ import annotations

from array import array
from hashlib import blake2b

FEWEST = 64
"""Places to begin with; a power of two."""
MOST = 2**32 - 1
"""The largest number that is kept."""
FULL = 2 / 3
"""Part of the places that are taken before there are twice as many."""


class Once:
    """Ids with the number under which each came first, as digests of 8 bytes (open addressing, linear probing).

    Two of a million different ids are taken for one with a probability of 3 in 10⁸.

    >>> ids = Once()
    >>> ids.first("a", 1), ids.first("b", 2), ids.first("a", 3)
    (1, 2, 1)
    """

    def __init__(self) -> None:
        self._n = 0
        self._keys = array("Q", bytes(8 * FEWEST))
        self._numbers = array("I", bytes(4 * FEWEST))

    def first(self, name: str, number: int) -> int:
        """The number under which a name came first; this one where it is new."""
        digest = blake2b(name.encode(errors="replace"), digest_size=8).digest()
        key = int.from_bytes(digest, "little") or 1  # 0 is a free place
        at = self._place(key)
        if self._keys[at]:
            return self._numbers[at]
        self._keys[at], self._numbers[at] = key, min(number, MOST)
        self._n += 1
        if self._n > FULL * len(self._keys):
            self._grow()
        return number

    def _place(self, key: int) -> int:
        """Where a key stands, or would."""
        keys, last = self._keys, len(self._keys) - 1
        at = key & last
        while keys[at] != key and keys[at]:
            at = (at + 1) & last
        return at

    def _grow(self) -> None:
        keys, numbers = self._keys, self._numbers
        self._keys = array("Q", bytes(16 * len(keys)))
        self._numbers = array(numbers.typecode, bytes(8 * len(keys)))
        for key, number in zip(keys, numbers, strict=True):
            if key:
                at = self._place(key)
                self._keys[at], self._numbers[at] = key, number
