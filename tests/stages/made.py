"""Inputs the stage tests share: passages of a handbook, and what a stage is called with."""

from __future__ import annotations

from diagnose.core.artifact import Answer, Context, Passage, Query
from diagnose.core.stage import Given

LEAVE = Passage("d1", "Parental leave lasts sixteen weeks and is paid in full.", score=2.0, title="Leave")
BIKES = Passage("d2", "Bikes are kept in the cellar of the annex, next to the boiler room.", score=1.0)
TRAINS = Passage("d3", "Train tickets are booked through the travel desk at least a day ahead.", score=0.5)
HANDBOOK = (LEAVE, BIKES, TRAINS)


def given(
    query: str = "How long is parental leave?",
    passages: tuple[Passage, ...] = HANDBOOK,
    context: Context | None = None,
    answer: Answer | None = None,
    user_query: Query | None = None,
) -> Given:
    """What a stage is called with."""
    return Given(query, user_query or Query(query), passages, context, answer)
