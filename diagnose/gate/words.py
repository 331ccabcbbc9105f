"""How a gate says numbers: changes of the mean score in points (hundredths), p-values, needs."""

from __future__ import annotations

from diagnose.core.verdict import Delta, Needed


def points(value: float) -> str:
    """A part of the mean score in points.

    >>> points(0.065), points(0.01), points(-0.0004)
    ('6.5 points', '1 point', '0 points')
    """
    text = f"{abs(value) * 100:.1f}".removesuffix(".0")
    return f"{text} point" if text == "1" else f"{text} points"


def moved(value: float, rose: str = "won", fell: str = "lost") -> str:
    """What became of the score.

    >>> moved(-0.02), moved(0.035), moved(0.0)
    ('2 points lost', '3.5 points won', 'no change')
    """
    if points(value) == "0 points":
        return "no change"
    return f"{points(value)} {rose if value > 0 else fell}"


def between(delta: Delta) -> str:
    """The interval of a change, in points with signs; empty where there is none."""
    if delta.low is None or delta.high is None:
        return ""
    return f"95 % {signed(delta.low)} to {signed(delta.high)}"


def signed(value: float) -> str:
    """A change in points with its sign and no unit."""
    text = f"{abs(value) * 100:.1f}".removesuffix(".0")
    return text if text == "0" else f"{'−' if value < 0 else '+'}{text}"


def chance(p_value: float) -> str:
    """A p-value as it is said.

    >>> chance(0.0312), chance(0.0001), chance(0.00001)
    ('p 0.031', 'p 0.0001', 'p < 0.0001')
    """
    return "p < 0.0001" if p_value < 0.0001 else f"p {p_value:.2g}"


def score(value: float) -> str:
    """A mean score."""
    return f"{value:.3f}"


def ask(need: Needed | None) -> str:
    """What would decide, in words; empty where nothing is known that would."""
    if need is None:
        return ""
    parts = [f"about {need.traces:,} traces"] if need.traces is not None else []
    parts += [f"{need.runs} runs of each side over these"] if need.runs is not None else []
    return f"{' or '.join(parts)} would decide" if parts else ""


def count(n: int, one: str, many: str | None = None) -> str:
    """A number of things.

    >>> count(1, "trace"), count(1200, "trace")
    ('1 trace', '1,200 traces')
    """
    return f"1 {one}" if n == 1 else f"{n:,} {many or one + 's'}"
