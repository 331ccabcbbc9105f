"""Would a lenient scorer pass an answer that the strict metric failed? Then the scorer is to blame.

It errs on the strict side: a finding against the scorer acquits every stage, so an answer that says something
else must never pass. Numbers, dates, currencies and negations have to be the same; words that differ may
not be names (may have no capital); an answer much longer than the reference does not pass.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

from diagnose.score.wording import FORMS, Wording, is_quantity, wording_of

CHARACTERS_MOST = 2_000
"""Longer answers and references are not compared leniently: there a short answer is not at issue."""
LONGER_BY = 3
EXTRA_WORDS = 5
"""An answer that frames the reference has at most `LONGER_BY` times its words and `EXTRA_WORDS` more."""
STEM_LETTERS = 4
VERB_STEM_LETTERS = 5
"""Letters a word has at least before a plural or verb ending that may differ."""
LONG_WORD = 8
FIRM_START, FIRM_END = 3, 4
"""A misspelled word has so many letters, and its first and last so many are right: most pairs of real
words one edit apart (adoption/adaption, employer/employee, scraping/scrapping) differ there."""
ORDERED_WORDS_MOST = 40
"""Words of a list whose items may come in another order."""

_COPULAS = frozenset({"is", "are", "was", "were"})
_FRAME = frozenset({
    "it", "its", "is", "are", "was", "were", "be", "answer", "correct", "final", "this", "that", "these",
    "those", "they", "he", "she", "in", "on", "at", "of", "for",
})  # fmt: skip
"""Words that may surround the reference in any arrangement."""
_HEDGES = frozenset({
    "or", "either", "both", "maybe", "perhaps", "possibly", "probably", "might", "may", "could", "than", "if",
    "whether", "but", "however", "although", "though", "instead", "rather", "formerly", "former", "old",
    "previously", "originally", "initially", "used", "before", "until", "doubt", "doubts", "deny", "denies",
    "denied", "claim", "claims", "claimed", "say", "says", "said", "think", "thinks", "thought", "believe",
    "believes", "believed", "almost", "nearly", "unclear", "unknown", "opposite", "less", "more", "fewer",
    "least", "most", "over", "under",
})  # fmt: skip
"""Words beside the reference with which an answer may say something else than it."""
_SEQUENCE = frozenset({
    "then", "before", "after", "followed", "to", "from", "first", "last", "finally", "next", "over",
})  # fmt: skip
"""Words that make the order of a list matter."""
_ITEM_BREAK = re.compile(r"[,;\n]|\s(?:and|&)\s", re.IGNORECASE)
_CLAUSE_BREAK = re.compile(r"[;\n]|[.!?](?=\s+\S)")
_SPELLINGS = (
    ("isation", "ization"), ("ise", "ize"), ("ising", "izing"), ("our", "or"), ("tre", "ter"), ("ogue", "og"),
)  # fmt: skip
"""British and American endings."""


def lenient_pass(answer: str, references: tuple[str, ...]) -> str | None:
    """Why a lenient scorer would accept the answer, or None where it would not.

    >>> lenient_pass("thirty days", ("30 days",))
    'same number, written in another way'
    >>> lenient_pass("45 days", ("30 days",)) is None
    True
    """
    if len(answer) > CHARACTERS_MOST:
        return None
    said = wording_of(answer)
    for reference in references:
        if 0 < len(reference) <= CHARACTERS_MOST:
            wanted = wording_of(reference)
            if wanted.words and (reason := _reason(answer, said, reference, wanted)):
                return reason
    return None


def _reason(answer: str, said: Wording, reference: str, wanted: Wording) -> str | None:
    if said.quantities != wanted.quantities or said.negations != wanted.negations:
        return None
    for reason, ours, theirs in zip(FORMS, said.forms, wanted.forms, strict=True):
        if ours == theirs:
            return reason
    if _unspaced(said.words) == _unspaced(wanted.words):
        return "same words, spaced or hyphenated in another way"
    if _reordered(answer, said.words, reference, wanted.words):
        return "same words, in another order"
    for reason, alike in _ALIKE:
        if _same_but(said, wanted, alike):
            return reason
    if _framed(answer, said, wanted):
        return "the reference in a short sentence"
    return None


def _unspaced(words: tuple[str, ...]) -> tuple[str, ...]:
    """Neighbouring words joined, quantities apart: `e mail` and `email`, but never `3 0` and `30`."""
    joined = [""]
    for word in words:
        if is_quantity(word) or any(char.isdigit() for char in word):
            joined += [word, ""]
        else:
            joined[-1] += word
    return tuple(joined)


def _reordered(answer: str, said: tuple[str, ...], reference: str, wanted: tuple[str, ...]) -> bool:
    """Whether list items, the two sides of a comma, or `X of Y` and `Y X`, have only changed places."""
    if len(said) > ORDERED_WORDS_MOST or _SEQUENCE & {*said, *wanted}:
        return False
    items = _items(answer)
    if sum(items.values()) > 1 and items == _items(reference):
        return True
    return _inverted(answer, wanted) or _inverted(reference, said)


def _items(text: str) -> Counter[tuple[str, ...]]:
    return Counter(words for part in _ITEM_BREAK.split(text) if (words := wording_of(part).words))


def _inverted(text: str, other: tuple[str, ...]) -> bool:
    """Whether the other text is this one with its halves swapped: `Smith, John`, `University of Oxford`."""
    for halves in (text.split(","), re.split(r"\sof\s(?:the\s)?", text)):
        if len(halves) == 2:
            left, right = (wording_of(half).words for half in halves)
            if left and right and right + left == other:
                return True
    return False


def _same_but(said: Wording, wanted: Wording, alike: Callable[[str, str], bool]) -> bool:
    """Whether the words are the same one by one, but for some that are alike and no names."""
    if len(said.words) != len(wanted.words):
        return False
    names = said.names | wanted.names
    return all(
        ours == theirs
        or (ours.isalpha() and theirs.isalpha() and not {ours, theirs} & names and alike(ours, theirs))
        for ours, theirs in zip(said.words, wanted.words, strict=True)
    )


def _inflected(one: str, other: str) -> bool:
    """Whether one word is the other with a plural or verb ending."""
    return one in _stems(other) or other in _stems(one)


def _stems(word: str) -> set[str]:
    """What a word may be an inflection of."""
    stems = set()
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        stems.add(word[:-1])
    if word.endswith(("ses", "xes", "zes", "ches", "shes", "oes")):
        stems.add(word[:-2])
    if word.endswith("ies"):
        stems.add(word[:-3] + "y")
    verbs = {word[:-2], word[:-1]} if word.endswith("ed") else set()
    if word.endswith("ing"):
        verbs = {word[:-3], word[:-3] + "e"}
    long_verbs = {stem for stem in verbs if len(stem) >= VERB_STEM_LETTERS}
    return {stem for stem in stems if len(stem) >= STEM_LETTERS} | long_verbs


def _spelled(one: str, other: str) -> bool:
    """Whether one word is the other in British or American spelling, or a slip within a long word away."""
    for british, american in _SPELLINGS:
        for word, twin in ((one, other), (other, one)):
            stem = word.removesuffix(british)
            if len(stem) >= FIRM_START and word != stem and twin == stem + american:
                return True
    short, long = sorted((one, other), key=len)
    return _one_slip(short, long)


def _one_slip(short: str, long: str) -> bool:
    """Whether inside a long word one letter is doubled or not, or two neighbours have changed places."""
    if len(short) < LONG_WORD or len(long) - len(short) > 1:
        return False
    start = next((i for i in range(len(short)) if short[i] != long[i]), len(short))
    if start < FIRM_START:
        return False
    if len(long) > len(short):  # the letter before is doubled
        right = len(short) - start >= FIRM_END and long[start] == long[start - 1]
        return right and long[start + 1 :] == short[start:]
    swapped = short[:start] + short[start + 1 : start + 2] + short[start : start + 1] + short[start + 2 :]
    return swapped == long and len(short) - start - 2 >= FIRM_END - 1


_ALIKE: tuple[tuple[str, Callable[[str, str], bool]], ...] = (
    ("same words, apart from plural or verb endings", _inflected),
    ("same words, apart from the spelling of a word", _spelled),
)


def _framed(answer: str, said: Wording, wanted: Wording) -> bool:
    """Whether the answer is the reference within a short sentence that adds nothing: only pronouns, copulas
    and plain prepositions around it, or "… is REFERENCE." with nothing that hedges."""
    size, n = len(wanted.words), len(said.words)
    if not size < n <= LONGER_BY * size + EXTRA_WORDS or _CLAUSE_BREAK.search(answer.strip()):
        return False
    for i in range(n - size + 1):
        if said.words[i : i + size] == wanted.words:
            before, after = said.words[:i], said.words[i + size :]
            if {*before, *after} <= _FRAME:
                return True
            if not after and i > 1 and before[-1] in _COPULAS and not _HEDGES & set(before):
                return True
    return False
