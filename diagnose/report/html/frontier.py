"""The picture of accuracy against cost: a point for every cell, a line through those that no other beats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from diagnose.core.budget import Budget, Cell
from diagnose.report import numbers
from diagnose.report.html.drawing import drawn

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 56, 96, 16, 40
TICKS = 4
APART = 15.0


class Point(NamedTuple):
    """A point of the picture, what it says, and for a policy its name and how far down that stands."""

    x: float
    y: float
    title: str
    label: str = ""
    label_y: float = 0.0


def frontier_figure(budget: Budget) -> str:
    """The picture as HTML, with a sentence that says what is on it; the tables below hold every number of it."""
    most = max([cell.tokens for cell in budget.cells] + [p.tokens for p in budget.policies])
    scores = [cell.score for cell in budget.cells] + [p.score for p in budget.policies]
    low = max(0.0, min(scores) - 0.05)
    place = _Place(most or 1.0, low, max(*scores, low + 0.1))
    cells = sorted(budget.cells, key=lambda cell: cell.tokens)
    line = [place.of(cell.tokens, cell.score) for cell in cells if cell.frontier]
    return drawn(
        "frontier.j2",
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        right=WIDTH - RIGHT,
        bottom=HEIGHT - BOTTOM,
        top=TOP,
        line=" ".join(f"{x},{y}" for x, y in line),
        points=[_point(place, cell) for cell in cells if not cell.frontier],
        best=[_point(place, cell) for cell in cells if cell.frontier],
        policies=_policies(place, budget),
        x_ticks=[
            (place.x(most * i / TICKS), numbers.count(round(most * i / TICKS))) for i in range(TICKS + 1)
        ],
        y_ticks=[
            (place.y(s), numbers.score(s))
            for s in (low + (place.high - low) * i / TICKS for i in range(TICKS + 1))
        ],
        told=_told(cells),
    )


class _Place(NamedTuple):
    most: float
    low: float
    high: float

    def x(self, tokens: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * tokens / self.most, 1)

    def y(self, score: float) -> float:
        part = (score - self.low) / (self.high - self.low)
        return round(HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * part, 1)

    def of(self, tokens: float, score: float) -> tuple[float, float]:
        return self.x(tokens), self.y(score)


def _point(place: _Place, cell: Cell) -> Point:
    settings = ", ".join(f"{k} = {v}" for k, v in cell.settings.items()) or "the pipeline as it is"
    return Point(
        *place.of(cell.tokens, cell.score),
        f"{settings}: score {numbers.score(cell.score)}, {numbers.count(round(cell.tokens))} tokens",
    )


def _policies(place: _Place, budget: Budget) -> list[Point]:
    """The policies; each has its name below the one before, where both would be in one place."""
    found: list[Point] = []
    last = -APART
    for policy in sorted(budget.policies, key=lambda p: (-p.score, p.tokens)):
        x, y = place.of(policy.tokens, policy.score)
        title = f"{policy.name}: score {numbers.score(policy.score)}, {numbers.count(round(policy.tokens))} tokens"
        last = max(y, last + APART)
        found.append(Point(x, y, title, policy.name, last))
    return found


def _told(cells: Sequence[Cell]) -> str:
    n = sum(cell.frontier for cell in cells)
    return (
        f"Mean score against mean tokens of a query: {len(cells)} settings, {n} of them beaten by no other."
    )
