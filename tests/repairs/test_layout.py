"""Where passages stand in a context."""

from __future__ import annotations

import random

from diagnose.core.artifact import Passage
from diagnose.repairs.layout import blocks_of, may_stand_cut

WORDS = ("Über", "the", "river", "Σας", "old", "it's", "is", "a", "mill", "42", "of", "stone")


def packed(rng: random.Random) -> tuple[list[Passage], str]:
    """Passages of a few words and a context of some of them: whole, cut at either end, respaced, in capitals."""
    passages = [Passage(f"p{i}", " ".join(rng.choices(WORDS, k=rng.randint(0, 14)))) for i in range(4)]
    parts = []
    for passage in rng.sample(passages, 3):
        words = passage.text.split(" ")
        n = rng.randint(1, len(words))
        kinds = (
            passage.text,
            " ".join(words[:n]),
            " ".join(words[-n:]),
            "\n".join(words),
            passage.text.upper(),
            "",
        )
        parts.append(rng.choice(kinds))
    text = rng.choice(("\n\n", " ", " [1] ")).join(parts)
    return passages, text[rng.choice((0, 0, 0, 1)) :]


def test_no_passage_stands_cut_where_none_may() -> None:
    rng, cut, ruled_out = random.Random(1), 0, 0
    for _ in range(4_000):
        passages, text = packed(rng)
        stands_cut = any(not block.whole for block in blocks_of(passages, text))
        may = may_stand_cut(passages, text)
        assert may or not stands_cut, (passages, text)
        cut, ruled_out = cut + stands_cut, ruled_out + (not may)
    assert cut > 500
    assert ruled_out > 300
