"""The shape of a contract, and what a repair may look at beside the stage's own input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from diagnose.core.artifact import Output, Passage
from diagnose.core.pipeline import Corpus
from diagnose.core.stage import Given, Role
from diagnose.score.label import Label


@dataclass(frozen=True)
class Scene:
    """Beside the stage's own input and output: the label, and facts about the pipeline around it.

    `ranked` says whether a ranker follows the retriever. `retrieve` is the pipeline's own retriever.
    `right` judges an answer by the scorer, `worth` is its score (0 to 1). `budget_tokens` is the packer's
    declared budget, `window_tokens` the longest context the model takes, None where unknown;
    `count_tokens` measures both. `corpus` is what the retriever searches. `routes` are the declared routes
    from cheapest to dearest and `route` the one that a working router takes, None without a router; `excused` are
    stages that this route, which answers, does not let keep their contract (it may retrieve nothing at all).
    """

    label: Label
    abstention: str
    ranked: bool = True
    retrieve: Callable[[str], tuple[Passage, ...]] | None = None
    right: Callable[[str], bool] | None = None
    budget_tokens: int | None = None
    window_tokens: int | None = None
    count_tokens: Callable[[str], int] | None = None
    worth: Callable[[str], float] | None = None
    corpus: Corpus | None = None
    routes: tuple[str, ...] = ()
    route: str | None = None
    excused: frozenset[Role] = frozenset()

    def worth_of(self, answer: str) -> float:
        """The score of an answer; where only right and wrong are told apart, 1 or 0."""
        if self.worth is not None:
            return self.worth(answer)
        return float(self.right is not None and self.right(answer))


class Kept(Protocol):
    """Whether a stage's output keeps its contract on the input it got."""

    def __call__(self, given: Given, own: Output, scene: Scene) -> bool: ...


class Repair(Protocol):
    """The best output the contract allows from this input; the stage's own where that keeps it."""

    def __call__(self, given: Given, own: Output, scene: Scene) -> Output: ...


@dataclass(frozen=True)
class Contract:
    """What a role owes, in words and as two functions."""

    owes: str
    repaired: str
    kept: Kept
    repair: Repair
