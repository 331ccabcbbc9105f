"""Guesses a short answer in a sentence from the question word: a number, a date, a name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from diagnose.stages.tokens import words

_MONTH = r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_DATE = re.compile(
    rf"\b(?:{_MONTH} \d{{1,2}}, \d{{4}}|\d{{1,2}} {_MONTH} \d{{4}}|{_MONTH} \d{{4}}|1\d{{3}}s?|20\d{{2}}s?)\b"
)
_NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?:\s*(?:%|percent|million|billion|thousand))?")
_NAME = re.compile(
    r"[A-Z][\w’'-]*(?:\.(?= ?[A-Z]))?(?:(?:\s+(?:of|the|de|von|van|and|&))?\s+[A-Z0-9][\w’'-]*\.?(?<!\.))*"
)
_PLACE = re.compile(r"\b(?:in|at|near|from|of|to)\s+(?:the\s+)?([A-Z][\w'-]*(?:,?\s+[A-Z][\w'-]*)*)")
_WHEN = re.compile(r"\b(?:when|what year|which year|what date|in what year|in which year)\b", re.IGNORECASE)
_HOW_MANY = re.compile(
    r"\b(?:how (?:many|much|old|long|tall|far|high|large)|what (?:number|percentage))\b", re.IGNORECASE
)
_WHERE = re.compile(r"\b(?:where|what city|which city|what country|which country)\b", re.IGNORECASE)


def short_answer(query: str, sentences: Sequence[str]) -> str | None:
    """The first span of the kind the question asks for in the sentences (best first), or None where there is
    none.

    A span made of words of the question only is no answer to it.
    """
    for sentence in sentences:
        if span := next((s for s in _spans(query, sentence) if not set(words(s)) <= set(words(query))), None):
            return span
    return None


def _spans(query: str, sentence: str) -> list[str]:
    """The candidates in a sentence, best first."""
    if _WHEN.search(query):
        return _DATE.findall(sentence)
    if _HOW_MANY.search(query):
        return [found.strip() for found in _NUMBER.findall(sentence)]
    names = sorted(_NAME.findall(sentence), key=len, reverse=True)
    return [*_PLACE.findall(sentence), *names] if _WHERE.search(query) else names
