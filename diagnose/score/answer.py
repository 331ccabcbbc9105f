"""How right an answer is, against the accepted ones: functions of text alone.

Each takes the answer and the references, any of which will do, and returns a score of 0 to 1: the best over
the references. The score is undefined (never 0) where no reference says anything the metric could measure.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from functools import lru_cache

from diagnose.core.score import Score
from diagnose.errors import UsageError
from diagnose.score.numerals import Number, find_numbers
from diagnose.score.tokens import ARTICLES, CHARACTERS_MOST, comparable

POLAR = frozenset({"yes", "no", "true", "false"})
NO_REFERENCE = "no reference answer"

Tokens = tuple[str, ...]


def exact_match(answer: str, references: tuple[str, ...]) -> Score:
    """1 where the answer is a reference, once both are normalised as SQuAD does.

    >>> exact_match("The Eiffel Tower!", ("eiffel tower",)).value
    1.0
    """
    return _best(answer, references, lambda said, wanted: float(said == wanted))


def token_f1(answer: str, references: tuple[str, ...]) -> Score:
    """Harmonic mean of precision and recall over the bag of normalised tokens (SQuAD).

    F1 = 2c / (|answer| + |reference|), c the tokens in common, each counted as often as both have it.
    """
    return _best(answer, references, _f1)


def contains(answer: str, references: tuple[str, ...]) -> Score:
    """1 where the tokens of a reference occur in the answer in a row: whole words, never part of one.

    A reference that is a bare `yes`, `no`, `true`, `false` or a bare article (the choice `A`) has to be
    stated: it opens the answer or a sentence and is set off there, or ends one. The `no` of "There is no
    such rule" is not an answer.

    >>> contains("It takes 30 days.", ("30 days",)).value, contains("It takes 130 days.", ("30 days",)).value
    (1.0, 0.0)
    """

    def holds(said: Tokens, wanted: Tokens) -> float:
        if len(wanted) == 1 and (wanted[0] in POLAR or wanted[0] in ARTICLES):
            return float(bool(_stated(wanted[0]).search(answer[:CHARACTERS_MOST])))
        return float(f" {' '.join(wanted)} " in f" {' '.join(said)} ")

    return _best(answer, references, holds)


def rouge_l(answer: str, references: tuple[str, ...]) -> Score:
    """F-measure of the longest common subsequence L of normalised tokens: 2L / (|answer| + |reference|).

    Source: Lin (2004), ROUGE: A Package for Automatic Evaluation of Summaries, with beta = 1.
    """
    from rapidfuzz.distance import LCSseq

    def measure(said: Tokens, wanted: Tokens) -> float:
        return 2.0 * LCSseq.similarity(said, wanted) / (len(said) + len(wanted))

    return _best(answer, references, measure)


def numeric(
    answer: str,
    references: tuple[str, ...],
    *,
    relative: float = 1e-9,
    absolute: float = 0.0,
    pick: str = "any",
) -> Score:
    """1 where the answer holds every number of a reference, within tolerance.

    A number matches where |said - wanted| <= max(absolute, relative * |wanted|). `pick` says which numbers of
    the answer count: `any`, the `first` or the `last` one. Digits, grouped digits, percentages (12 % is
    12 or 0.12), scales (1.5 million) and simple number words are read. Undefined where no reference holds
    a number. UsageError for a tolerance below zero or another `pick`.

    >>> numeric("about twenty-five percent", ("0.25",)).value
    1.0
    """
    if not (relative >= 0.0 and absolute >= 0.0):
        raise UsageError(f"[score] relative, absolute: expected 0 or more, found {relative}, {absolute}")
    if pick not in _PICKS:
        raise UsageError(f"[score] pick: expected one of {', '.join(_PICKS)}, found {pick!r}")
    wanted = [numbers for reference in references if (numbers := find_numbers(reference))]
    if not wanted:
        return Score(None, "no reference holds a number" if any(references) else NO_REFERENCE)
    said = _PICKS[pick](find_numbers(answer))

    def found(number: Number) -> bool:
        slack = max(absolute, relative * abs(number.value))
        return any(_distance(one, number) <= slack for one in said)

    return Score(float(any(all(found(number) for number in numbers) for numbers in wanted)))


_PICKS: dict[str, Callable[[tuple[Number, ...]], tuple[Number, ...]]] = {
    "any": lambda numbers: numbers,
    "first": lambda numbers: numbers[:1],
    "last": lambda numbers: numbers[-1:],
}


def _distance(said: Number, wanted: Number) -> float:
    """How far apart two numbers are on the scale of the wanted one, a percentage read either way if only one
    of them is marked as such."""
    plain = abs(said.value - wanted.value)
    if said.percent == wanted.percent:
        return plain
    scaled = said.value / 100.0 if said.percent else said.value * 100.0
    return min(plain, abs(scaled - wanted.value))


def _f1(said: Tokens, wanted: Tokens) -> float:
    common = (Counter(said) & Counter(wanted)).total()
    return 2.0 * common / (len(said) + len(wanted))


def _best(answer: str, references: tuple[str, ...], measure: Callable[[Tokens, Tokens], float]) -> Score:
    values = []
    for reference in references:
        said, wanted = comparable(answer, reference)
        if wanted:
            values.append(measure(said, wanted))
    return Score(max(values)) if values else Score(None, NO_REFERENCE)


@lru_cache(maxsize=16)
def _stated(word: str) -> re.Pattern[str]:
    """Finds the word where it stands as an answer: opening a sentence and set off, or ending one."""
    subject = r"(?:it|they|he|she|there|this|that|these|those|we|you|i)"
    after = r"[\"'”’)*_]{0,3}\s{0,3}"
    opens = rf"(?:^|[.!?:;\n])[\s\"'“‘(*_]{{0,5}}{word}\b(?:{after}(?:[,;:–—-]|\)|$)|\s{{1,3}}{subject}\b)"
    ends = rf"\b{word}{after}(?:[.!?\n]|$)"
    return re.compile(rf"{opens}|{ends}", re.IGNORECASE)
