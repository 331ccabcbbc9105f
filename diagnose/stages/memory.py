"""The rewriter `memory-recall`: what is remembered of earlier conversations, put beside the query."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from diagnose.core.artifact import Query
from diagnose.core.pipeline import Corpus
from diagnose.stages.bm25 import AtLeastOne, Fraction
from diagnose.stages.corpus import read_corpus
from diagnose.stages.template import check_places, fill
from diagnose.stages.tfidf import cosines


@dataclass(frozen=True)
class MemoryRecall:
    """Adds the facts most like the user's words to them (see `memory_recall`)."""

    facts: Corpus
    top_k: int
    min_similarity: float
    template: str
    deterministic = True

    def __call__(self, conversation: Query) -> str:
        found = self.recalled(conversation.text)
        if not found:
            return conversation.text
        return fill(self.template, {"query": conversation.text, "facts": " ".join(found)})

    def recalled(self, text: str) -> list[str]:
        """The facts that come to mind, most similar first; the later one of a store wins a tie."""
        facts = [fact.text for fact in self.facts]
        scores = cosines(text, facts, self.facts)
        ranked = sorted(range(len(facts)), key=lambda i: (-scores[i], -i))[: self.top_k]
        return [facts[i] for i in ranked if scores[i] > 0 and scores[i] >= self.min_similarity]

    @cached_property
    def identity(self) -> str:
        """Changes with any fact."""
        return self.facts.digest


def memory_recall(
    folder: Path,
    store: str,
    top_k: AtLeastOne = 3,
    min_similarity: Fraction = 0.1,
    template: str = "{query} {facts}",
) -> MemoryRecall:
    """`memory-recall`: the user's words and, behind them, up to `top_k` facts from the file `store`.

    A store is written like a corpus, a fact a line: {"id", "text"}, the latest last. Facts are compared with
    the user's words by the cosine of their TF-IDF vectors; below `min_similarity` (0 to 1) nothing is
    recalled. `template` has the places {query} and {facts}.
    """
    check_places(template, ("query", "facts"), ("query", "facts"), "template")
    return MemoryRecall(read_corpus(folder / store, store), top_k, min_similarity, template)
