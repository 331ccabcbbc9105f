"""Ids that came by before, in little memory."""

from __future__ import annotations

import random

from diagnose.traces.once import Once


def test_each_id_has_the_number_it_came_first_with() -> None:
    rng, ids, known = random.Random(0), Once(), dict[str, int]()
    for number in range(1, 20_000):
        name = f"t{rng.randrange(8_000)}"
        assert ids.first(name, number) == known.setdefault(name, number)
    assert len(known) > 5_000


def test_ids_that_no_file_should_have() -> None:
    ids = Once()
    for number, name in enumerate(("", "\0", "\ud800", "x" * 100_000), 1):
        assert ids.first(name, number) == number
        assert ids.first(name, 99) == number
