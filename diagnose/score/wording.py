"""The forms a short text can be reworded to without saying anything else, and what must not differ."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from diagnose.score.dates import Dated, find_dates
from diagnose.score.numerals import Number, find_numbers
from diagnose.score.tokens import tokens

NEGATIONS = frozenset({
    "not", "no", "never", "none", "non", "without", "neither", "nor", "cannot", "cant", "dont", "doesnt",
    "didnt", "isnt", "arent", "wasnt", "werent", "wont", "wouldnt", "shouldnt", "couldnt", "hasnt", "havent",
    "hadnt", "mustnt", "aint", "nobody", "nothing", "nowhere", "hardly", "barely", "rarely", "except",
    "unless", "false", "wrong", "incorrect", "untrue", "unlikely",
})  # fmt: skip
"""Words that turn an answer round: as many of each in one text as in the other, or nothing is lenient."""

_ORDINALS = dict(
    zip(
        ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"),
        ("1st", "2nd", "3rd", "4th", "5th", "6th", "7th", "8th", "9th", "10th"),
        strict=True,
    )
)
_WRITTEN = frozenset(_ORDINALS)
_SPELT_OUT = frozenset({"days", "hours"})
"""Units that are one of them wherever they stand."""
_UNITS = {
    short: name
    for name, shorts in {
        "second": ("s", "sec", "secs", "seconds"),
        "millisecond": ("ms", "milliseconds"),
        "minute": ("min", "mins", "minutes"),
        "hour": ("h", "hr", "hrs", "hours"),
        "day": ("days",),
        "week": ("wk", "wks", "weeks"),
        "month": ("mo", "mos", "months"),
        "year": ("yr", "yrs", "years"),
        "meter": ("m", "meters", "metre", "metres"),
        "kilometer": ("km", "kms", "kilometers", "kilometre", "kilometres"),
        "centimeter": ("cm", "centimeters", "centimetre", "centimetres"),
        "millimeter": ("mm", "millimeters", "millimetre", "millimetres"),
        "mile": ("mi", "miles"),
        "foot": ("ft", "feet"),
        "gram": ("g", "grams"),
        "kilogram": ("kg", "kgs", "kilograms"),
        "milligram": ("mg", "milligrams"),
        "pound": ("lb", "lbs", "pounds"),
        "liter": ("l", "liters", "litre", "litres"),
        "milliliter": ("ml", "milliliters", "millilitre", "millilitres"),
        "kilobyte": ("kb", "kilobytes"),
        "megabyte": ("mb", "megabytes"),
        "gigabyte": ("gb", "gigabytes"),
        "terabyte": ("tb", "terabytes"),
        "$": ("dollar", "dollars", "usd"),
        "€": ("euro", "euros", "eur"),
    }.items()
    for short in shorts
}
"""Abbreviations read as the unit where they follow a number."""
QUANTITIES = frozenset("#@$€£¥")
"""What the tokens of numbers, dates and currencies begin with."""
NOTHING: Counter[str] = Counter()
_CURRENCY = re.compile(r"[$€£¥]")
_LATIN_MARKS = re.compile("(?<=[a-z])[\u0300-\u036f]+")
_ORDINAL_DIGITS = re.compile(r"(?<![\w.])\d{1,3}(?:st|nd|rd|th)(?!\w)", re.IGNORECASE)

FORMS: tuple[str, ...] = (
    "same words, apart from case, punctuation and articles",
    "same number, written in another way",
    "same date, written in another way",
    "same unit, abbreviated or spelled out",
    "same words, apart from accents",
)
"""What a text has been rewritten by at each step of `Wording.forms`; each step builds on those before."""


@dataclass(frozen=True)
class Wording:
    """A text's tokens in ever more canonical forms (positions as in `FORMS`), and what it must not differ in:
    numbers (dates and currencies included) and negations. `names` are words with a capital in them."""

    forms: tuple[tuple[str, ...], ...]
    quantities: Counter[str]
    negations: Counter[str]
    names: frozenset[str]

    @property
    def words(self) -> tuple[str, ...]:
        """The most canonical form."""
        return self.forms[-1]


@lru_cache(maxsize=1024)
def wording_of(text: str) -> Wording:
    """The forms of a text. For short texts: the caller limits the size."""
    plain = tokens(text)
    numbered = _with_ordinals(_numbered(text, plain))
    dates = find_dates(text)
    dated = _with_ordinals(_dated(text, dates)) if dates else numbered
    with_units = dated if dated is plain and _SPELT_OUT.isdisjoint(plain) else tuple(_with_units(dated))
    bare = with_units if text.isascii() else tuple(map(unaccented, with_units))
    amounts = [word for word in bare if word[0] in QUANTITIES]
    denied = [word for word in plain if word in NEGATIONS]
    names = (unaccented(word) for raw in text.split() if raw != raw.lower() for word in tokens(raw))
    return Wording(
        forms=(plain, numbered, dated, with_units, bare),
        quantities=Counter(amounts) if amounts else NOTHING,
        negations=Counter(denied) if denied else NOTHING,
        names=frozenset(names),
    )


def is_quantity(token: str) -> bool:
    """Whether a token of a form is a number, a date or a currency."""
    return token[0] in QUANTITIES


def unaccented(word: str) -> str:
    """A word without the accents on its Latin letters."""
    if word.isascii():
        return word
    return unicodedata.normalize("NFC", _LATIN_MARKS.sub("", unicodedata.normalize("NFD", word)))


def _dated(text: str, dates: Sequence[Dated]) -> Iterator[str]:
    at = 0
    for dated in dates:
        yield from _numbered(text[at : dated.start])
        yield dated.token
        at = dated.end
    yield from _numbered(text[at:])


def _with_ordinals(words: Iterable[str]) -> tuple[str, ...]:
    words = tuple(words)
    return words if _WRITTEN.isdisjoint(words) else tuple(_ORDINALS.get(word, word) for word in words)


def _numbered(text: str, plain: tuple[str, ...] | None = None) -> Iterable[str]:
    """Tokens with numbers in one notation, a currency after its number; ordinals (3rd) stay words. `plain` are the
    text's tokens, where they are known."""
    numbers = find_numbers(text)
    if not numbers:
        return tokens(text) if plain is None else plain
    return _around(text, numbers)


def _around(text: str, numbers: Sequence[Number]) -> Iterator[str]:
    ordinals = {match.start() for match in _ORDINAL_DIGITS.finditer(text)}
    at = 0
    for number in numbers:
        if number.start in ordinals:
            continue
        yield from tokens(text[at : number.start])
        yield number.token
        symbol = _CURRENCY.search(text, max(at, number.start - 1), number.end)
        after = _CURRENCY.match(text, number.end)
        if found := symbol or after:
            yield found[0]
        at = number.end
    yield from tokens(text[at:])


def _with_units(words: tuple[str, ...]) -> Iterator[str]:
    for i, word in enumerate(words):
        after_number = i > 0 and is_quantity(words[i - 1])
        yield _UNITS.get(word, word) if after_number or word in _SPELT_OUT else word
