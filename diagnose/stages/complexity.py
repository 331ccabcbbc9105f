"""How complex a query looks before anything is done for it, and the router `by-complexity` that goes by it.

The features are cheap and known to whoever gets the query: no stage has run yet. The weights come from
`diagnose budget`, which learns them from a log and writes the router's table.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from diagnose.core.artifact import Passage, Query
from diagnose.errors import UsageError, quoted
from diagnose.stages.tokens import words

COMPARISON = frozenset(
    words(
        "than more less older younger earlier later first same both either or between compare compared difference "
        "versus vs larger smaller longer taller higher lower better bigger newer"
    )
)
AGGREGATION = frozenset(
    words(
        "many most total all every each average sum list least highest lowest largest smallest oldest youngest "
        "often combined altogether number"
    )
)
RELATIVE = frozenset(["who", "whose", "whom", "which", "that", "where", "when", "of", "by"])
YES_NO = frozenset(words("is are was were do does did has have had can could will would should"))
_NAME = re.compile(r"(?:\b[A-Z][\w'’-]*(?:\s+(?:of|the|de|von|van)\s+(?=[A-Z]))?\s*)+")
_NUMBER = re.compile(r"\d+")

FEATURES: Mapping[str, str] = {
    "words": "words of the query",
    "names": "names in it: runs of capitalised words, but for its first word",
    "numbers": "numbers in it",
    "comparison": "words that compare (than, same, both, or, older, …)",
    "aggregation": "words that gather (how many, most, total, all, …)",
    "hops": "estimated hops: 1 and one for every relative word (who, which, that, of, …)",
    "yes_no": "1 where it asks for yes or no",
    "turns": "turns of the conversation before it",
}
"""What a router can know, by name."""

SHAPE: Mapping[str, str] = {
    "top_gap": "how far the best passage's score is above the second's, as a part of the best's",
    "tail": "the mean score of the passages as a part of the best's",
    "found": "passages found",
}
"""What is known once the retriever has run, by name."""


def features(query: Query) -> dict[str, float]:
    """The features of a query by name (`FEATURES`), none below 0."""
    said = words(query.text)
    first, _, rest = query.text.strip().partition(" ")
    return {
        "words": float(len(said)),
        "names": float(len(_NAME.findall(rest))),
        "numbers": float(len(_NUMBER.findall(query.text))),
        "comparison": float(sum(word in COMPARISON for word in said)),
        "aggregation": float(sum(word in AGGREGATION for word in said)),
        "hops": 1.0 + sum(word in RELATIVE for word in said),
        "yes_no": float(first.lower() in YES_NO),
        "turns": float(len(query.history)),
    }


def shape(passages: Sequence[Passage]) -> dict[str, float] | None:
    """The shape of a retriever's scores by name (`SHAPE`), or None where they have none to see."""
    scores = [p.score for p in passages if p.score is not None and math.isfinite(p.score)]
    if len(scores) < 2 or scores[0] <= 0:
        return None
    best = scores[0]
    return {
        "top_gap": (best - scores[1]) / best,
        "tail": sum(scores) / len(scores) / best,
        "found": float(len(passages)),
    }


@dataclass(frozen=True)
class ComplexityRouter:
    """Gives the route of a query's tier (see `by_complexity`)."""

    weights: Mapping[str, float]
    bias: float
    thresholds: Sequence[float]
    tiers: Sequence[str]
    deterministic = True

    def __call__(self, conversation: Query) -> str:
        return self.tiers[tier_of(self.complexity(conversation), self.thresholds)]

    def complexity(self, query: Query) -> float:
        """The predicted probability that the query needs more than the smaller budgets, 0 to 1."""
        seen = features(query)
        return logistic(self.bias + sum(w * seen[name] for name, w in self.weights.items()))


def logistic(x: float) -> float:
    """1 / (1 + e^−x), for any finite x."""
    return 1.0 / (1.0 + math.exp(-x)) if x >= 0 else 1.0 - 1.0 / (1.0 + math.exp(x))


def tier_of(complexity: float, thresholds: Sequence[float]) -> int:
    """The tier of a complexity: how many thresholds it reaches.

    >>> tier_of(0.5, (0.3, 0.5, 0.8))
    2
    """
    return sum(complexity >= threshold for threshold in thresholds)


def by_complexity(
    weights: dict[str, float],
    bias: float,
    thresholds: tuple[float, ...],
    tiers: tuple[str, ...],
    routes: tuple[str, ...] = (),
) -> Callable[[Query], str]:
    """`by-complexity`: the route of a query's tier by the weights that `diagnose budget` has learnt.

    Complexity is 1 / (1 + e^−(bias + Σ weight · feature)); `tiers` names a route for what is below the first of
    `thresholds`, between each two, and from the last on.
    """
    for name in weights:
        if name not in FEATURES:
            raise UsageError(f"weights: expected features of {', '.join(FEATURES)}, found {quoted(name)}")
    if list(thresholds) != sorted(thresholds):
        raise UsageError(f"thresholds: expected numbers in ascending order, found {list(thresholds)}")
    if len(tiers) != len(thresholds) + 1:
        told = f"expected {len(thresholds) + 1} of them, one more than thresholds"
        raise UsageError(f"tiers: {told}, found {len(tiers)}")
    for n, route in enumerate(tiers):
        if route not in routes:
            declared = ", ".join(routes) or "none"
            raise UsageError(f"tiers[{n}]: expected one of the routes {declared}, found {quoted(route)}")
    return ComplexityRouter(weights, bias, thresholds, tiers)
