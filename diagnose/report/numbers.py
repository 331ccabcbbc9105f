"""How numbers are written in every report, so that text, Markdown and page say the same.

A minus is U+2212 and lines up with digits; ranges use an en dash where both ends are positive, else `to`.
"""

from __future__ import annotations

NOTHING = "–"
"""Stands where there is no number."""


def percent(part: float) -> str:
    """A part (0 to 1) in whole percent; what is neither none nor all never reads as such.

    >>> percent(0.712), percent(0.001), percent(0.999), percent(-0.03)
    ('71 %', '<1 %', '>99 %', '−3 %')
    """
    if 0.0 < part < 0.005:
        return "<1 %"
    if 0.995 <= part < 1.0:
        return ">99 %"
    return f"{_whole(part * 100)} %"


def percent_range(low: float | None, high: float | None) -> str:
    """An interval of parts, or `NOTHING` where there is none.

    >>> percent_range(0.58, 0.82), percent_range(-0.03, 0.12), percent_range(None, None)
    ('58–82 %', '−3 to 12 %', '–')
    """
    if low is None or high is None:
        return NOTHING
    return f"{_range(_whole(low * 100), _whole(high * 100))} %"


def score(value: float | None) -> str:
    """A mean score or worth (0 to 1) with three decimals."""
    return NOTHING if value is None else _fixed(value, 3)


def gain(value: float) -> str:
    """A change of the mean score, with its sign.

    >>> gain(0.065), gain(-0.01), gain(0.0)
    ('+0.065', '−0.010', '0.000')
    """
    text = _fixed(value, 3)
    return f"+{text}" if value > 0 and text.strip("0.") else text


def score_range(low: float | None, high: float | None) -> str:
    """An interval of scores or gains, or `NOTHING` where there is none."""
    return NOTHING if low is None or high is None else _range(_fixed(low, 3), _fixed(high, 3))


def amount(value: float) -> str:
    """A number of failures that need not be whole.

    >>> amount(21.5), amount(6.0)
    ('21.5', '6')
    """
    return _fixed(value, 1).removesuffix(".0")


def count(n: int) -> str:
    """A whole number with thousands set apart.

    >>> count(12345)
    '12,345'
    """
    return f"{n:,}".replace("-", "−")


def counted(n: int, noun: str) -> str:
    """A whole number of things.

    >>> counted(1, "failure"), counted(1200, "passage")
    ('1 failure', '1,200 passages')
    """
    return f"{count(n)} {noun}{'' if n == 1 else 's'}"


def seconds(value: float) -> str:
    """A time in seconds.

    >>> seconds(0.0042), seconds(3.14159), seconds(1234.5)
    ('0.0042 s', '3.14 s', '1,234 s')
    """
    return f"{_short(value)} s"


def money(value: float) -> str:
    """An amount in the log's currency."""
    return _short(value)


def of(part: int, whole: int) -> str:
    """`26 of 31`."""
    return f"{count(part)} of {count(whole)}"


def _short(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}".replace("-", "−")
    return (
        f"{value:.2f}".replace("-", "−")
        if abs(value) >= 1 or value == 0
        else f"{value:.2g}".replace("-", "−")
    )


def _whole(value: float) -> str:
    return _fixed(value, 0)


def _fixed(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    if text.startswith("-"):
        return f"−{text[1:]}" if text.strip("-0.") else text[1:]
    return text


def _range(low: str, high: str) -> str:
    return f"{low} to {high}" if "−" in low + high else f"{low}–{high}"
