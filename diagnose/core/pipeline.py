"""A runnable pipeline and the corpus it searches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from diagnose.core.artifact import Passage
from diagnose.core.stage import Role, Stage

PASS_MARK = 0.5
ABSTENTION = "I don't know."


class Corpus(Protocol):
    """All passages a retriever can find. `digest` changes whenever a passage does."""

    @property
    def digest(self) -> str: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Passage]: ...
    def get(self, passage_id: str) -> Passage | None: ...


@dataclass(frozen=True)
class ScoreSettings:
    """The `[score]` table: which metric judges answers and from which worth on a trace passes.

    `ask` is the judge's model for the metric `judge`: what it replies to a question, by seed; `judge` changes
    whenever its replies might. `abstention_worth` (0 to 1) is what an abstention is worth where a right answer
    (worth 1) was to be had, `wrong_cost` (0 or more) what a wrong answer costs.
    """

    metric: str = "contains"
    pass_mark: float = PASS_MARK
    options: Mapping[str, object] = field(default_factory=dict)
    abstention_worth: float = 0.0
    wrong_cost: float = 0.0
    ask: Callable[[str, int], str] | None = field(default=None, compare=False, repr=False)
    judge: str = field(default="", compare=False)


@dataclass(frozen=True)
class Pipeline:
    """Stages in role order, at most one per role, ending in an answer.

    `routes` maps a route's name to the stages it overrides, already built with its settings, from cheapest to
    dearest; `route_costs` holds the declared cost of each (0 or more, in the user's own unit), and is empty
    where none is declared. `abstention` is what is said when a verifier blocks.
    """

    name: str
    stages: tuple[Stage, ...]
    corpus: Corpus | None = None
    score: ScoreSettings = ScoreSettings()
    abstention: str = ABSTENTION
    routes: Mapping[str, Mapping[Role, Stage]] = field(default_factory=dict)
    route_costs: Mapping[str, float] = field(default_factory=dict)

    @property
    def roles(self) -> tuple[Role, ...]:
        """The roles in pipeline order."""
        return tuple(stage.role for stage in self.stages)

    def stage(self, role: Role, route: str | None = None) -> Stage | None:
        """The stage of this role under a route, or None where the pipeline has none."""
        if route is not None and (routed := self.routes.get(route, {}).get(role)):
            return routed
        return next((stage for stage in self.stages if stage.role == role), None)
