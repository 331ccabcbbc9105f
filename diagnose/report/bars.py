"""Bars of block characters. Three densities carry an interval without colour: solid as far as its
lower end, medium as far as the estimate, light as far as its upper end."""

from __future__ import annotations

SOLID, MEDIUM, LIGHT = "█", "▓", "░"

ASCII = str.maketrans(
    {
        SOLID: "#",
        MEDIUM: "=",
        LIGHT: "-",
        "–": "-",
        "−": "-",
        "·": "|",
        "→": ">",
        "…": "~",
        "×": "x",
        "⟦": "[",
        "⟧": "]",
        "\ufffd": "?",
    }
)
"""What stands for our own characters on a terminal that has ASCII only; one for one, so that columns stay."""


def bar(part: float, width: int) -> str:
    """A bar over `part` (0 to 1) of `width` cells; anything above zero shows.

    >>> bar(0.5, 8), bar(0.001, 8), bar(-0.2, 8)
    ('████', '█', '')
    """
    return SOLID * _cells(part, width)


def interval_bar(part: float, low: float | None, high: float | None, width: int) -> str:
    """A bar over `part` with its interval.

    >>> interval_bar(0.5, 0.25, 0.75, 8)
    '██▓▓░░'
    """
    if low is None or high is None:
        return bar(part, width)
    sure, estimate, most = _cells(low, width), _cells(part, width), _cells(high, width)
    return SOLID * sure + MEDIUM * (estimate - sure) + LIGHT * (most - max(sure, estimate))


def stacked_bar(part: float, more: float, width: int) -> str:
    """A bar over `part`, and on top of it what was won.

    >>> stacked_bar(0.5, 0.25, 8)
    '████▓▓'
    """
    start = _cells(part, width)
    return SOLID * start + MEDIUM * (_cells(part + more, width) - start)


def _cells(part: float, width: int) -> int:
    if part <= 0:
        return 0
    return max(1, min(width, round(part * width)))
