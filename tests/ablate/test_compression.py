"""What a compressor saves, and which answers that costs."""

from __future__ import annotations

import pytest

from diagnose.ablate.compression import Compressed, compressed, saving
from diagnose.core.artifact import Answer, Context, Passage, Passages, Query
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import Given, Stage
from diagnose.replay.memo import Memo
from diagnose.replay.run import Meter, Runner

FOUND = (Passage("a", "one two three four five six"), Passage("b", "seven eight"))


def pipeline(words: int | None) -> Pipeline:
    """The first words of each passage; None for no compressor. The model repeats what it reads."""

    def compress(given: Given, seed: int | None) -> Passages:
        return Passages(tuple(Passage(p.id, " ".join(p.text.split()[:words])) for p in given.passages))

    def pack(given: Given, seed: int | None) -> Context:
        return Context(" ".join(p.text for p in given.passages), given.passages)

    def read(given: Given, seed: int | None) -> Answer:
        return Answer(given.context.text if given.context else "")

    stages = [
        Stage("retriever", "r", lambda given, seed: Passages(FOUND), "r", True),
        Stage("compressor", "c", compress, f"c{words}", True),
        Stage("packer", "p", pack, "p", True),
        Stage("model", "m", read, "m", True),
    ]
    return Pipeline("made", tuple(s for s in stages if words is not None or s.role != "compressor"))


def one(words: int | None, wanted: str) -> Compressed | None:
    return compressed(Runner(pipeline(words), Memo()), Query("?"), lambda a: float(wanted in a), Meter())


def test_a_replay_with_raw_passages_stands_beside_the_one_with_short_ones() -> None:
    assert one(2, "eight") == Compressed(8, 4, 1.0, 1.0)
    assert one(2, "five") == Compressed(8, 4, 0.0, 1.0)
    assert one(2, "two seven") == Compressed(8, 4, 1.0, 0.0)
    assert one(None, "five") is None


def test_savings_add_up_over_queries() -> None:
    found = saving([c for wanted in ("eight", "five", "two seven", "ten") if (c := one(2, wanted))], 0.5)
    assert (found.n, found.lost, found.won) == (4, 1, 1)
    assert (found.tokens_before, found.tokens_after) == (32, 16)
    assert found.saved == pytest.approx(0.5)
    assert saving([], 0.5).saved == 0.0
