"""The verifiers `overlap` and `judge`: whether a draft rests on its context."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from diagnose.core.artifact import Answer, Context, Decision
from diagnose.core.pipeline import ABSTENTION
from diagnose.core.stage import Stage
from diagnose.errors import StageFailed, quoted
from diagnose.stages.addressed import fenced
from diagnose.stages.asking import asked
from diagnose.stages.bm25 import Fraction
from diagnose.stages.extract import stemmed
from diagnose.stages.template import check_places, fill
from diagnose.stages.tokens import words

JUDGE = (
    "Is this answer fully supported by the context? Say yes or no."
    " Question: {query} Answer to check: {answer}"
)
YES = frozenset({"yes", "supported", "true", "correct", "pass", "accept", "entailment", "grounded"})
NO = frozenset(
    {"no", "unsupported", "false", "incorrect", "fail", "reject", "contradiction", "neutral", "not"}
)
_VERDICT = re.compile(r"[a-z]+")


@dataclass(frozen=True)
class Overlap:
    """Accepts drafts whose words stand in the context (see `overlap`)."""

    min_overlap: float
    numbers: bool
    abstention: str
    deterministic = True

    def __call__(self, query: str, context: Context | None, answer: Answer) -> Decision:
        if words(answer.text) == words(self.abstention):
            return Decision(accept=True)
        read = context.text if context is not None else ""
        if self.numbers and not _numbers(answer.text) <= _numbers(read) | _numbers(query):
            return Decision(accept=False)
        return Decision(accept=grounded(answer.text, read) >= self.min_overlap)


def overlap(min_overlap: Fraction = 0.6, numbers: bool = True, abstention: str = ABSTENTION) -> Overlap:
    """`overlap`: accepts a draft when at least `min_overlap` (0 to 1) of its content words stand in the context.

    Words are compared without their commonest endings, function words do not count. With `numbers` every
    number of the draft has to stand in the context or the query, too. An abstention passes. What is blocked
    is answered with the pipeline's abstention.
    """
    return Overlap(min_overlap, numbers, abstention)


def grounded(answer: str, context: str) -> float:
    """The part of the answer's content words that stand in the context, 0 to 1; 1 where it has none.

    >>> grounded("It was founded in Turku.", "Turku, founded in 1229, is a city."), grounded("Oslo", "Turku")
    (1.0, 0.0)
    """
    said = stemmed(answer)
    read = set(stemmed(context))
    return sum(stem in read for stem in said) / len(said) if said else 1.0


def _numbers(text: str) -> set[str]:
    return {word for word in words(text) if word.isdigit()}


@dataclass(frozen=True)
class Judge:
    """Has a model say whether a draft is supported (see `judge`)."""

    model_stage: Stage
    prompt: str
    unclear: Literal["fail", "accept", "reject"]

    @property
    def deterministic(self) -> bool:
        """As the model is."""
        return self.model_stage.deterministic

    def __call__(
        self, query: str, context: Context | None, answer: Answer, seed: int | None = None
    ) -> Decision:
        question = fill(self.prompt, {"query": fenced(query), "answer": fenced(answer.text)})
        said = asked(self.model_stage, question, fenced(context.text) if context is not None else "", seed)
        verdict = verdict_in(said)
        if verdict is None and self.unclear == "fail":
            raise StageFailed(f"the judge said neither yes nor no: {quoted(said)}")
        return Decision(accept=self.unclear == "accept" if verdict is None else verdict)


def judge(
    model_stage: Stage, prompt: str = JUDGE, unclear: Literal["fail", "accept", "reject"] = "fail"
) -> Judge:
    """`judge`: a model says whether the context supports the draft: yes accepts it, no blocks it.

    The model is that of the sub-table `[stages.verifier.model]` (an NLI model behind an endpoint will do:
    entailment accepts, contradiction and neutral block), else the pipeline's own. It reads the context as its
    context and `prompt` (with the places {query} and {answer}) as its question. A reply that opens with
    neither stops the run (`unclear = "fail"`), accepts or rejects.
    """
    check_places(prompt, ("query", "answer"), ("answer",), "prompt")
    return Judge(model_stage, prompt, unclear)


def verdict_in(said: str) -> bool | None:
    """Whether a judge's reply accepts, None where its first word tells neither.

    >>> verdict_in("**Yes**, it does."), verdict_in("Not supported."), verdict_in("Perhaps.")
    (True, False, None)
    """
    first = next(iter(_VERDICT.findall(said.lower())), "")
    return True if first in YES else False if first in NO else None
