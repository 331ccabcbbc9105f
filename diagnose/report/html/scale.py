"""Where numbers come to stand on a picture, in percent of its width: pictures grow with the page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

STEPS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0)
MOST_TICKS = 6


class Tick(NamedTuple):
    """A line of the grid: its place and what it stands for."""

    x: float
    value: float


class Scale(NamedTuple):
    """Values from `low` to `high` over the width of a picture; zero is always on it."""

    low: float
    high: float
    step: float

    def at(self, value: float) -> float:
        """The place of a value, 0 to 100; what is outside stands at the edge."""
        part = (value - self.low) / (self.high - self.low)
        return round(100 * min(1.0, max(0.0, part)), 2)

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """The lines of the grid, both ends among them."""
        n = round((self.high - self.low) / self.step)
        return tuple(Tick(self.at(v), round(v, 9)) for i in range(n + 1) for v in [self.low + i * self.step])


class Bar(NamedTuple):
    """A bar from zero to an estimate, with its interval; all in percent of the width."""

    x: float
    width: float
    end: float
    low: float | None
    high: float | None


class Segment(NamedTuple):
    """A part of a stacked bar. `label` says what it is where there is room for it: on every page (`fits` is
    `always`) or a wide one (`wide`); else it is the number alone, or nothing."""

    name: str
    n: int
    x: float
    width: float
    label: str
    fits: str


def scale_of(values: Iterable[float | None], most: int = MOST_TICKS) -> Scale:
    """A scale with round ends that holds all values and zero, with at most about `most` lines."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    low, high = min(0.0, *known, 0.0), max(0.0, *known, 0.0)
    span = (high - low) or 1.0
    step = next((s for s in STEPS if span / s <= most - 1), span / (most - 1))
    top = max(math.ceil(high / step - 1e-9), 0) * step
    bottom = min(math.floor(low / step + 1e-9), 0) * step
    return Scale(bottom, top if top > bottom else bottom + step, step)


def bar_of(scale: Scale, value: float, low: float | None, high: float | None) -> Bar:
    """The bar of an estimate."""
    zero, end = scale.at(0.0), scale.at(value)
    ends = (None, None) if low is None or high is None else (scale.at(low), scale.at(high))
    return Bar(min(zero, end), round(abs(end - zero), 2), end, *ends)


LETTER, NARROW, WIDE = 7.8, 330, 400
"""Pixels of a letter, and of a stacked bar on a narrow and a wide page: what decides where a label fits."""


def stacked(parts: Sequence[tuple[str, int]], whole: int) -> tuple[Segment, ...]:
    """A bar cut into parts of `whole`; parts of none are left out."""
    segments: list[Segment] = []
    x = 0.0
    for name, n in parts:
        if n <= 0 or whole <= 0:
            continue
        width = 100 * n / whole
        label, fits = _labelled(name, n, width)
        segments.append(Segment(name, n, round(x, 2), round(width, 2), label, fits))
        x += width
    return tuple(segments)


def _labelled(name: str, n: int, width: float) -> tuple[str, str]:
    for label, pixels, fits in (
        (f"{name} {n:,}", NARROW, "always"),
        (f"{name} {n:,}", WIDE, "wide"),
        (f"{n:,}", NARROW, "always"),
        (f"{n:,}", WIDE, "wide"),
    ):
        if pixels * width / 100 > 14 + len(label) * LETTER:
            return label, fits
    return "", "always"
