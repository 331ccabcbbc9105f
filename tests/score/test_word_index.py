"""Passages are looked up by the rarest words that they share with a text."""

from __future__ import annotations

from collections import Counter
from unittest.mock import patch

from hypothesis import given as over
from hypothesis import strategies as st

from diagnose.core.artifact import Passage
from diagnose.score import label
from diagnose.score.evidence import words_of
from diagnose.score.label import RAREST_WORDS, WordIndex
from diagnose.stages.corpus import MemoryCorpus

WORDS = ("fee", "leave", "week", "term", "notice", "party", "clause")
TEXTS = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)


@over(st.lists(TEXTS, min_size=1, max_size=30), TEXTS, st.integers(1, 40))
def test_candidates_are_those_of_a_plain_count(texts: list[str], asked: str, most: int) -> None:
    index = WordIndex(MemoryCorpus(Passage(f"p{i}", text) for i, text in enumerate(texts)))
    held = {word: [i for i, text in enumerate(texts) if word in words_of(text)] for word in WORDS}
    wanted = sorted({w for w in words_of(asked) if held[w]}, key=lambda w: (len(held[w]), w))
    hits = Counter(i for word in wanted[:RAREST_WORDS] for i in held[word])
    expected = [f"p{i}" for i in sorted(hits, key=lambda i: (-hits[i], i))[:most]]
    with patch.object(label, "CANDIDATES", most):
        assert [passage.id for passage in index.candidates(words_of(asked))] == expected
