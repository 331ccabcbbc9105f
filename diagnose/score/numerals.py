"""Numbers in running text: digits, grouped digits, percentages, scales and simple English number words."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from diagnose.score.tokens import CHARACTERS_MOST

NUMBERS_MOST = 1_000
"""Numbers of a text that are looked at."""
DIGITS_MOST = 40
"""Characters a number may have; longer runs of digits are identifiers."""

UNITS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15,
    "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
    "ninety": 90,
}  # fmt: skip
SCALES = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
SUFFIXES = {"k": 1e3, "K": 1e3, "M": 1e6, "mn": 1e6, "B": 1e9, "bn": 1e9}

_WORD = "|".join([*UNITS, *TENS, *SCALES])
_NUMBER = re.compile(
    # Not inside a word, a version, a time or a name (Q1, 1.2.3, 10:45, GPT-4).
    r"(?<![\w.:/])(?<![^\W\d_][-\u2010-\u2013])"
    r"(?P<sign>(?<![\w)])[-+\u2212])?[$€£¥]?"
    r"(?:(?P<digits>\d{1,3}+(?:,\d{3})++(?!\d)|\d++)(?P<fraction>\.\d++)?|(?P<point>\.\d++))"
    r"(?P<exponent>e[-+]?\d{1,3}(?!\w))?"
    r"(?:/(?P<over>\d++)(?!/))?(?![.:/]\d)"
    r"(?P<suffix>(?-i:[kKMB]|bn|mn)(?!\w))?"
    rf"|(?<![\w.])(?P<word>{_WORD})(?!\w)",
    re.IGNORECASE,
)
_NEXT_WORD = re.compile(rf"(?P<joint>[\s-]{{1,3}}(?:and\s{{1,3}})?)(?P<word>{_WORD})(?!\w)", re.IGNORECASE)
_SCALE = re.compile(r"\s{1,3}(hundred|thousand|million|billion|trillion)(?!\w)", re.IGNORECASE)
_PERCENT = re.compile(r"\s{0,3}(?:%|percent\b|per cent\b|pct\b)", re.IGNORECASE)


@dataclass(frozen=True)
class Number:
    """A number at `text[start:end]`. A percentage keeps its value: 12 % is 12.0 with `percent`."""

    value: float
    percent: bool
    start: int
    end: int

    @property
    def token(self) -> str:
        """The number as a token that no word equals."""
        return f"#{self.value:.12g}{'%' if self.percent else ''}"


def find_numbers(text: str) -> tuple[Number, ...]:
    """The numbers of a text in order, at most `NUMBERS_MOST`.

    >>> [n.value for n in find_numbers("twenty-five of 1,234.5 (12%), $2 million")]
    [25.0, 1234.5, 12.0, 2000000.0]
    """
    found: list[Number] = []
    for number in _numbers(text[:CHARACTERS_MOST]):
        found.append(number)
        if len(found) == NUMBERS_MOST:
            break
    return tuple(found)


def _numbers(text: str) -> Iterator[Number]:
    at = 0
    while match := _NUMBER.search(text, at):
        value, at = _worded(text, match) if match["word"] else _written(text, match)
        if value is None:
            continue
        start, percent = match.start(), _PERCENT.match(text, at)
        at = percent.end() if percent else at
        yield Number(value, percent is not None, start, at)


def _written(text: str, match: re.Match[str]) -> tuple[float | None, int]:
    """Value and end of a number in digits; None for a run of digits that is no quantity."""
    if match.end() - match.start() > DIGITS_MOST:
        return None, match.end()
    digits = (match["digits"] or "0").replace(",", "") + (match["fraction"] or match["point"] or "")
    value = float(digits + (match["exponent"] or ""))
    if match["over"]:
        value = value / float(match["over"]) if float(match["over"]) else math.inf
    value *= SUFFIXES.get(match["suffix"] or "", 1.0)
    end = match.end()
    if scale := _SCALE.match(text, end):
        value, end = value * SCALES[scale[1].lower()], scale.end()
    if match["sign"] in ("-", "\u2212"):
        value = -value
    return (value if math.isfinite(value) else None), end


def _worded(text: str, match: re.Match[str]) -> tuple[float, int]:
    """Value and end of a number in words, as far as the words make one number."""
    word, end = match["word"].lower(), match.end()
    total, current = _add(0.0, 0.0, word)
    last = word
    while (following := _NEXT_WORD.match(text, end)) and _continues(last, following):
        last = following["word"].lower()
        total, current = _add(total, current, last)
        end = following.end()
    return total + current, end


def _add(total: float, current: float, word: str) -> tuple[float, float]:
    if word == "hundred":
        return total, max(current, 1.0) * 100.0
    if word in SCALES:
        return total + max(current, 1.0) * SCALES[word], 0.0
    return total, current + UNITS.get(word, TENS.get(word, 0))


def _continues(last: str, following: re.Match[str]) -> bool:
    """Whether a number word belongs to the number before it: `twenty five` does, `two three` does not."""
    word, joined_by_and = following["word"].lower(), "and" in following["joint"].lower()
    if last in SCALES:
        return True
    if joined_by_and:
        return False
    return word in SCALES or (last in TENS and 0 < UNITS.get(word, 0) < 10)
