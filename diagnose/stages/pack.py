"""The packer `rank-order`: passages in rank order, whole while they fit the budget."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from diagnose.core.artifact import Context, Passage
from diagnose.stages.bm25 import AtLeastOne
from diagnose.stages.template import check_places, fill
from diagnose.stages.tokens import count_words_and_marks

PLACES = ("text", "title", "id", "n")


@dataclass(frozen=True)
class RankOrderPacker:
    """Packs passages best first until `budget_tokens` are used up (see `rank_order`)."""

    budget_tokens: int
    separator: str
    template: str
    overflow: Literal["cut", "drop"]
    dedupe: bool
    count_tokens: Callable[[str], int]
    deterministic = True

    def __call__(self, query: str, passages: Sequence[Passage]) -> Context:
        text = ""
        packed: list[Passage] = []
        for passage in self._once(passages):
            longer = self._extended(text, passage, len(packed))
            if self.count_tokens(longer) > self.budget_tokens:
                as_cut = self._cut(text, passage, len(packed)) if self.overflow == "cut" else None
                if as_cut is not None:
                    text = self._extended(text, as_cut, len(packed))
                    packed.append(as_cut)
                break
            text = longer
            packed.append(passage)
        return Context(text, tuple(packed))

    def _once(self, passages: Sequence[Passage]) -> Sequence[Passage]:
        """The passages, with `dedupe` each text at its best rank only."""
        if not self.dedupe:
            return passages
        first: dict[str, Passage] = {}
        for passage in passages:
            first.setdefault(passage.text, passage)
        return list(first.values())

    def _extended(self, text: str, passage: Passage, n_before: int) -> str:
        """The context with one more passage."""
        values = {
            "text": passage.text,
            "title": passage.title or "",
            "id": passage.id,
            "n": str(n_before + 1),
        }
        block = fill(self.template, values)
        return f"{text}{self.separator}{block}" if n_before else block

    def _cut(self, text: str, passage: Passage, n_before: int) -> Passage | None:
        """The passage cut at a word's end so that it just fits; None where not one word does."""

        def shortened(end: int) -> Passage:
            return msgspec.structs.replace(passage, text=passage.text[:end])

        ends = _word_ends(passage.text)
        low, high = 0, len(ends)
        while low < high:
            middle = (low + high) // 2
            longer = self._extended(text, shortened(ends[middle]), n_before)
            fits = self.count_tokens(longer) <= self.budget_tokens
            low, high = (middle + 1, high) if fits else (low, middle)
        return shortened(ends[low - 1]) if low else None


def _word_ends(text: str) -> list[int]:
    """Where a text may be cut: before white space, or anywhere in a script that sets none."""
    ends = [found.start() for found in re.finditer(r"(?<=\S)\s", text)]
    return ends or list(range(1, len(text)))


def rank_order(
    budget_tokens: AtLeastOne = 512,
    separator: str = "\n\n",
    template: str = "{text}",
    overflow: Literal["cut", "drop"] = "cut",
    dedupe: bool = False,
    count_tokens: Callable[[str], int] = count_words_and_marks,
) -> RankOrderPacker:
    """`rank-order`: passages in rank order, whole while they fit, the last one cut at the budget.

    `budget_tokens` bounds the whole context, separators and template included, in the tokens of the
    pipeline's model (or of `tokens.count_words_and_marks`). `template` lays out one passage: {text}, {title},
    {id} and {n}, its place from 1. `overflow = "drop"` leaves out the first passage that does not fit instead
    of cutting it; either way nothing after it is packed: a worse passage is no better for being short.
    `dedupe` packs a text once, at its best rank; it is off, as in most pipelines, so that doubled passages
    show as what they are.
    """
    check_places(template, PLACES, ("text",), "template")
    return RankOrderPacker(budget_tokens, separator, template, overflow, dedupe, count_tokens)
