"""The router `rules`: picks a declared route by what shows in a query."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec

from diagnose.core.artifact import Frozen
from diagnose.errors import UsageError, quoted
from diagnose.stages.failure import one_line
from diagnose.stages.tokens import words

NotBelow = Annotated[int, msgspec.Meta(ge=0)]


class Rule(Frozen, frozen=True, forbid_unknown_fields=True):
    """One rule: its route, and what a query has to show for it, all of what is given.

    `min_words` and `max_words` bound its length; `cues` are words and phrases of which it has one, whole and
    whatever their case; `min_names` counts words that begin with a capital, but for the first; `pattern` is a
    Python pattern found in it.
    """

    route: str
    min_words: NotBelow = 0
    max_words: NotBelow | None = None
    cues: tuple[str, ...] = ()
    min_names: NotBelow = 0
    pattern: str = ""

    def applies(self, query: str) -> bool:
        """Whether the query shows what the rule asks for."""
        said = words(query)
        names = sum(word[:1].isupper() for word in query.split()[1:])
        return (
            self.min_words <= len(said)
            and (self.max_words is None or len(said) <= self.max_words)
            and names >= self.min_names
            and (not self.cues or any(_says(said, words(cue)) for cue in self.cues))
            and (not self.pattern or re.search(self.pattern, query) is not None)
        )


@dataclass(frozen=True)
class RuleRouter:
    """Gives the route of the first rule that applies (see `rules`)."""

    rules: Sequence[Rule]
    default: str
    deterministic = True

    def __call__(self, query: str) -> str:
        return next((rule.route for rule in self.rules if rule.applies(query)), self.default)


def rules(default: str, rules: tuple[Rule, ...], routes: tuple[str, ...] = ()) -> RuleRouter:
    """`rules`: the route of the first of `[[stages.router.rules]]` that applies, else `default`.

    A rule has a `route` and any of min_words, max_words, cues (words or phrases, one of which the query has),
    min_names (capitalised words but for the first) and pattern, all of which have to hold.
    """
    for key, name in (("default", default), *((f"rules[{n}] route", r.route) for n, r in enumerate(rules))):
        if name not in routes:
            declared = ", ".join(routes) or "none"
            raise UsageError(f"{key}: expected one of the routes {declared}, found {quoted(name)}")
    for n, rule in enumerate(rules):
        try:
            re.compile(rule.pattern)
        except re.error as exc:
            raise UsageError(f"rules[{n}] pattern: expected a pattern: {one_line(exc)}") from exc
    return RuleRouter(rules, default)


def _says(said: Sequence[str], cue: Sequence[str]) -> bool:
    """Whether the cue's words stand in a row in the query."""
    return bool(cue) and f" {' '.join(cue)} " in f" {' '.join(said)} "
