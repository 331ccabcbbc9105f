"""Scenes for the tests of repairs: clauses as passages, a label, and what surrounds a stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from diagnose.core.artifact import Context, Passage, Passages, Query
from diagnose.core.stage import Given
from diagnose.core.trace import Gold, GoldPassage
from diagnose.repairs.contract import Scene
from diagnose.score.label import Library, label_of
from diagnose.stages.corpus import MemoryCorpus

QUERY = Query("Within how many days does Borealis have to be paid?")
CLAUSES = {
    "d0": "Austral Mining invoices are payable within 30 days of the end of the month.",
    "d1": "Borealis Freight invoices are payable within 45 days of receipt.",
    "d2": "Borealis Freight delivers to Hamburg, Oslo and Turku; other ports cost extra.",
    "d3": "Either party may end the Borealis contract with 90 days' notice in writing.",
    "d4": "Liability of Borealis Freight is limited to the value of the cargo.",
    "d5": "Cirrus Software grants a licence for 250 named users.",
}
GOLD = "d1"


def passages(*ids: str) -> tuple[Passage, ...]:
    """Passages by id, in this order."""
    return tuple(Passage(i, CLAUSES[i]) for i in ids)


def corpus() -> MemoryCorpus:
    """All clauses."""
    return MemoryCorpus(passages(*CLAUSES))


def scene(gold: Sequence[str] = (GOLD,), match: str = "all", **around: Any) -> Scene:
    """A scene in which these passages are gold; words are the tokens."""
    label = Gold(("45 days",), tuple(GoldPassage(i) for i in gold), match)  # type: ignore[arg-type]
    found = label_of(label, QUERY, Library(corpus()))
    assert found is not None
    settings: dict[str, Any] = {
        "abstention": "I don't know.",
        "count_tokens": lambda text: len(text.split()),
    } | around
    return Scene(label=found, **settings)


def given(*ids: str, context: Context | None = None) -> Given:
    """What a stage is given: the question and passages in this order."""
    return Given(QUERY.text, QUERY, passages(*ids), context)


def ids(output: Passages | Context) -> list[str]:
    """The ids in an output, in order."""
    return [p.id for p in output.passages]
