"""Text as comparable tokens: the SQuAD normalisation, made safe for numbers and for other scripts.

SQuAD (Rajpurkar et al. 2016, the official evaluation script) lowers the case, deletes ASCII punctuation,
drops `a`, `an`, `the` and squeezes white space. All of that is kept; five things differ, each because
the original calls different answers equal or equal ones different:

* between two digits `.` `-` `/` `:` stay, as does a sign or a point before a number: 3.5 is not 35, nor -5 5;
* a comma between digits goes only where it groups thousands, else it separates;
* punctuation is Unicode's, currency signs included; dashes (not hyphens), ellipses and square brackets
  separate words, so that `Paris[1]` and `Paris—the capital` hold the word `paris`;
* a capital `A` after a word and before no capitalised one is a name: `vitamin A` is not `vitamin`;
* scripts written without spaces are split by character (as MLQA does, Lewis et al. 2020).
"""

from __future__ import annotations

import re
import string
import unicodedata
from functools import lru_cache

SHORT = 2_000
"""Characters up to which the tokens of a text are kept for the next time."""
CHARACTERS_MOST = 100_000
"""Characters of a text that are scored; what comes after is not looked at."""
MARKS_MOST = 8
"""Combining marks kept in a row: more are an attack (composing 100,000 of them takes 14 s)."""
ARTICLES = frozenset({"a", "an", "the"})

_KEPT = {"-": "\ue000", ".": "\ue001", "/": "\ue002", ":": "\ue003", "a": "\ue004"}
"""Private-use characters that stand in for what is kept while the rest is deleted."""
_BACK = str.maketrans({mark: sign for sign, mark in _KEPT.items()})
_LETTER_A = re.compile(r"(?<=\w )A(?=\s+[^A-Z\s]|\s*(?:[^\w\s]|$))")
_HYPHENS = "\u2010\u2011\u2012\u2013\u2212"
_BETWEEN_DIGITS = re.compile(rf"(?<=\d)[-./:{_HYPHENS}](?=\d)")
_SIGN = re.compile(r"(?<![^\s(\[$€£¥])[-\u2212](?=[$€£¥]?\.?\d)")
_POINT = re.compile(r"(?<![\w.])\.(?=\d)")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_COMMA = re.compile(r"(?<=\d),(?=\d)")
_DIGIT = re.compile(r"\d")
_JOINT = re.compile(rf"[-./:\u2212{_HYPHENS}](?=[$€£¥]?\.?\d)")
"""What the three above can only match at."""
_SEPARATORS = re.compile(r"--+|\.\.+|[\u2013-\u2015\u2026\[\]]")
_UNSPACED = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])"
)
_ASCII_PUNCTUATION = str.maketrans("", "", string.punctuation)


def tokens(text: str, articles: bool = False) -> tuple[str, ...]:
    """The tokens of a text, at most those of its first `CHARACTERS_MOST` characters.

    >>> tokens("The fee is $1,234.50 (-3.5%).")
    ('fee', 'is', '1234.50', '-3.5')
    """
    return _of_short(text, articles) if len(text) <= SHORT else _tokens(text, articles)


def _tokens(text: str, articles: bool) -> tuple[str, ...]:
    text = composed(text)
    if "A" in text:
        text = _LETTER_A.sub(_KEPT["a"], text)
    text = _marked(text.casefold())
    words = _without_punctuation(text).split()
    if not text.isascii():
        return tuple(word.translate(_BACK) for word in words if articles or word not in ARTICLES)
    return tuple(words) if articles else tuple([word for word in words if word not in ARTICLES])


# An answer is held against each of its references, and its wording looked at after that.
_of_short = lru_cache(maxsize=512)(_tokens)


def normalised(text: str) -> str:
    """The tokens joined by single spaces."""
    return " ".join(tokens(text))


def comparable(answer: str, reference: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Tokens of both, at the coarsest level at which the reference has any.

    A reference such as `The Who` or `A` keeps its articles if nothing else is left, one such as `+` its
    punctuation; only a blank reference has no tokens.
    """
    for articles in (False, True):
        if wanted := tokens(reference, articles):
            return tokens(answer, articles), wanted
    return tuple(composed(answer).split()), tuple(composed(reference).split())


def composed(text: str) -> str:
    """The clipped text with composed characters (NFC), runs of combining marks cut short."""
    text = text[:CHARACTERS_MOST]
    return text if text.isascii() else unicodedata.normalize("NFC", _short_runs(text))


def _short_runs(text: str) -> str:
    kept, run = [], 0
    for char in text:
        run = run + 1 if unicodedata.combining(char) else 0
        if run <= MARKS_MOST:
            kept.append(char)
    return "".join(kept)


def _marked(text: str) -> str:
    """The text with punctuation that means something in numbers replaced by stand-ins."""
    if _DIGIT.search(text):  # a look is cheaper than five replacements
        if _JOINT.search(text):
            text = _BETWEEN_DIGITS.sub(lambda found: _KEPT.get(found[0], _KEPT["-"]), text)
            text = _POINT.sub(_KEPT["."], _SIGN.sub(_KEPT["-"], text))
        if "," in text:
            text = _COMMA.sub(" ", _THOUSANDS.sub("", text))
    text = _SEPARATORS.sub(" ", text)
    return text if text.isascii() else _UNSPACED.sub(r" \1 ", text)


def _without_punctuation(text: str) -> str:
    text = text.translate(_ASCII_PUNCTUATION)
    if text.isascii():
        return text
    return "".join(c for c in text if c.isascii() or not _is_punctuation(c))


def _is_punctuation(char: str) -> bool:
    category = unicodedata.category(char)
    return category[0] == "P" or category == "Sc"
