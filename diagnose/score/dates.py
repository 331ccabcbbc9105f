"""Calendar dates in running English text, in the ways people write them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

_MONTHS = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6,
    "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
}  # fmt: skip
_MONTH = (
    r"(?P<month>Jan(?:uary|\.)?|Feb(?:ruary|\.)?|Mar(?:ch|\.)?|Apr(?:il|\.)?|May|June?\.?|July?\.?|"
    r"Aug(?:ust|\.)?|Sept?(?:ember|\.)?|Oct(?:ober|\.)?|Nov(?:ember|\.)?|Dec(?:ember|\.)?)"
)
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>\d{4})"
_HINT = re.compile(r"\d{4}|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec", re.IGNORECASE)
"""Each form has a year or a month's name in it."""
_END = r"(?![\w/]|[.,]\d)"

_FORMS = tuple(
    re.compile(rf"(?<![\w./-]){form}{_END}", re.IGNORECASE)
    for form in (
        rf"{_DAY} (?:of )?{_MONTH},? {_YEAR}",  # 5 March 2024, 5th of March, 2024
        rf"{_MONTH} {_DAY},? {_YEAR}",  # March 5, 2024
        rf"{_YEAR}(?P<sep>[-/.])(?P<month_number>\d{{1,2}})(?P=sep){_DAY}",  # 2024-03-05
        rf"{_DAY}\.(?P<month_number>\d{{1,2}})\.{_YEAR}",  # 05.03.2024, always day first
        rf"(?P<first>\d{{1,2}})/(?P<second>\d{{1,2}})/{_YEAR}",  # 25/03/2024; 05/03/2024 could be either
        rf"{_MONTH},? {_YEAR}",  # March 2024
    )
) + tuple(
    # Without a year `march 5` might be a walk: the month has to have its capital.
    re.compile(rf"(?<![\w./-]){form}{_END}")
    for form in (rf"{_DAY} (?:of )?{_MONTH}", rf"{_MONTH} {_DAY}")
)


@dataclass(frozen=True)
class Dated:
    """A date at `text[start:end]`; `token` is ISO 8601, absent parts left out (`@2024-03`, `@--03-05`)."""

    token: str
    start: int
    end: int


def find_dates(text: str) -> tuple[Dated, ...]:
    """The dates of a text in order, the most complete reading where forms overlap.

    A date that could be read in two ways (05/03/2024) or that does not exist (31 June) is none.

    >>> [d.token for d in find_dates("from March 5th, 2024 to 06.03.2024")]
    ['@2024-03-05', '@2024-03-06']
    """
    if not _HINT.search(text):
        return ()
    found: list[Dated] = []
    for dated in _readings(text):
        if all(dated.end <= other.start or dated.start >= other.end for other in found):
            found.append(dated)
    return tuple(sorted(found, key=lambda dated: dated.start))


def _readings(text: str) -> Iterator[Dated]:
    for form in _FORMS:
        for match in form.finditer(text):
            if token := _token(match.groupdict()):
                yield Dated(token, match.start(), match.end())


def _token(parts: dict[str, str | None]) -> str | None:
    year, day = parts.get("year"), parts.get("day")
    month: int | None = int(parts.get("month_number") or 0)
    if name := parts.get("month"):
        month = _MONTHS[name[:3].lower()]
    if (first := parts.get("first")) and (second := parts.get("second")):
        month, day = _ordered(int(first), int(second))
    if not month or not _exists(year, month, day):
        return None
    return f"@{year or '-'}-{month:02d}" + (f"-{int(day):02d}" if day else "")


def _ordered(first: int, second: int) -> tuple[int | None, str | None]:
    """Month and day of a slashed date, where only one order is possible."""
    if first > 12 >= second or first == second:
        return second, str(first)
    return (first, str(second)) if second > 12 >= first else (None, None)


def _exists(year: str | None, month: int, day: str | None) -> bool:
    try:
        date(int(year or 2000), month, int(day or 1))
    except ValueError:
        return False
    return True
