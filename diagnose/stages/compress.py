"""The compressors `extractive` and `llm-summary`: the same passages, shorter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from diagnose.core.artifact import Passage
from diagnose.core.stage import Stage
from diagnose.stages.addressed import fenced
from diagnose.stages.asking import asked
from diagnose.stages.bm25 import AtLeastOne, Fraction
from diagnose.stages.sentences import sentences_of
from diagnose.stages.template import check_places, fill
from diagnose.stages.tfidf import cosines
from diagnose.stages.tokens import words

SUMMARY = (
    "Shorten the text to what bears on the question. Copy names, numbers and conditions word for word, and"
    " give nothing but the shortened text. Question: {query}"
)


@dataclass(frozen=True)
class Extractive:
    """Keeps the sentences of each passage that are most like the query (see `extractive`)."""

    sentences: int
    min_similarity: float
    deterministic = True

    def __call__(self, query: str, passages: Sequence[Passage]) -> list[Passage]:
        cut = [[sentence.text for sentence in sentences_of(passage.text)] for passage in passages]
        scores = iter(cosines(query, [text for sentences in cut for text in sentences]))
        return [
            self._shortened(passage, sentences, [next(scores) for _ in sentences])
            for passage, sentences in zip(passages, cut, strict=True)
        ]

    def _shortened(self, passage: Passage, sentences: Sequence[str], scores: Sequence[float]) -> Passage:
        """The passage cut to its best sentences, in its own order; the best one stays whatever it scores."""
        ranked = sorted(range(len(sentences)), key=lambda i: (-scores[i], i))
        kept = {i for i in ranked[: self.sentences] if scores[i] >= self.min_similarity} | set(ranked[:1])
        if len(kept) == len(sentences):
            return passage
        return msgspec.structs.replace(passage, text=" ".join(sentences[i] for i in sorted(kept)))


def whole() -> Whole:
    """`whole`: every passage as it is, for a route or a sweep that does without compression."""
    return Whole()


@dataclass(frozen=True)
class Whole:
    """Gives the passages back (see `whole`)."""

    deterministic = True

    def __call__(self, query: str, passages: Sequence[Passage]) -> list[Passage]:
        return list(passages)


def extractive(sentences: AtLeastOne = 3, min_similarity: Fraction = 0.0) -> Extractive:
    """`extractive`: of each passage the `sentences` most like the query, in their own order and word for word.

    Sentences are compared with the query by the cosine of their TF-IDF vectors, the weights taken over all
    sentences at hand; one below `min_similarity` (0 to 1) goes, but of each passage the best one stays. The
    earlier one wins a tie.
    """
    return Extractive(sentences, min_similarity)


@dataclass(frozen=True)
class LlmSummary:
    """Has a model shorten each passage (see `llm_summary`)."""

    model_stage: Stage
    prompt: str
    min_words: int

    @property
    def deterministic(self) -> bool:
        """As the model is."""
        return self.model_stage.deterministic

    def __call__(self, query: str, passages: Sequence[Passage], seed: int | None = None) -> list[Passage]:
        return [self._summarised(query, passage, seed) for passage in passages]

    def _summarised(self, query: str, passage: Passage, seed: int | None) -> Passage:
        if len(words(passage.text)) < self.min_words:
            return passage
        said = asked(
            self.model_stage, fill(self.prompt, {"query": fenced(query)}), fenced(passage.text), seed
        )
        if not said or len(said) >= len(passage.text):
            return passage
        return msgspec.structs.replace(passage, text=said)


def llm_summary(model_stage: Stage, prompt: str = SUMMARY, min_words: AtLeastOne = 40) -> LlmSummary:
    """`llm-summary`: a model shortens each passage to what bears on the query, one call a passage.

    The model is that of the sub-table `[stages.compressor.model]`, else the pipeline's own; it reads the
    passage as its context and `prompt` (with the place {query}) as its question. Passages of fewer than
    `min_words` words stay as they are, and so does one that the model has nothing to say of or makes longer.
    """
    check_places(prompt, ("query",), ("query",), "prompt")
    return LlmSummary(model_stage, prompt, min_words)
