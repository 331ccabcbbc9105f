"""Whether an answer abstains: says that it does not know, or that the sources do not tell."""

from __future__ import annotations

import re

from diagnose.score.tokens import normalised

OPENING_CHARACTERS = 400
"""An abstention comes first; what an answer says further on only qualifies it."""
LEAD_IN_WORDS = 3
"""A first sentence this short (`I'm sorry.`) is skipped over, unless it answers: `30 days.`, `Yes.`"""

_SOURCES = (
    r"(?:contexts?|documents?|passages?|texts?|sources?|information|articles?|results?|excerpts?|materials?|"
    r"snippets?|references?|knowledge base|data)"
)
_GIVEN = r"(?:(?:you |i |was |were )?(?:provided|given|retrieved|have|available|above|supplied|shown) )?"
_KNOWING = r"(?:information|info|knowledge|data|details?|evidence|context|answers?|mention|idea|clue)"
_TELLS = (
    r"(?:contain|mention|provide|include|specify|state|say|give|have|cover|address|discuss|answer|indicate|tell|"
    r"offer|explain|describe|list|define)"
)
_NOT = r"(?:do not|dont|does not|doesnt|did not|didnt)"
_CANNOT = r"(?:cannot|can not|cant|could not|couldnt|am unable to|are unable to|am not able to|was unable to)"
_FIND = r"(?:answer|determine|find|provide|tell|say|confirm|locate|identify|help)"

PHRASES: tuple[str, ...] = (
    # "I don't know", "I do not have any specific information", "we have no idea"
    rf"\b(?:i|we) (?:\w+ )?{_NOT} (?:\w+ )?know\b",
    rf"\b(?:i|we) (?:\w+ )?{_NOT} (?:currently )?have (?:\w+ ){{0,3}}{_KNOWING}\b",
    rf"\b(?:i|we) (?:\w+ )?have (?:no|insufficient) (?:\w+ ){{0,2}}{_KNOWING}\b",
    r"\b(?:im|i am|we are) (?:not (?:\w+ )?(?:sure|certain|aware)|unsure|uncertain)\b",
    # "I cannot answer this", "this question cannot be answered"
    rf"\b(?:i|we) (?:\w+ )?{_CANNOT} (?:\w+ ){{0,2}}{_FIND}\b",
    r"\b(?:question|it|this|that|answer) (?:cannot|can not|cant|could not) be (?:\w+ )?"
    r"(?:answered|determined|found|confirmed)\b",
    # "The documents do not mention …", "no passage mentions …"
    rf"\b{_SOURCES} {_GIVEN}{_NOT} (?:\w+ ){{0,2}}{_TELLS}\b",
    rf"\b(?:none of|no) (?:\w+ ){{0,2}}{_SOURCES} (?:\w+ )?{_TELLS}s?\b",
    # "There is no information about …", "not enough information is provided"
    rf"\bthere (?:is|are|was|were) (?:no|not enough|not any|insufficient) (?:\w+ ){{0,2}}{_KNOWING}\b",
    rf"^(?:no|not enough|insufficient) (?:\w+ )?{_KNOWING} (?:\w+ ){{0,3}}"
    r"(?:available|provided|found|given|in|to|about|on)\b",
    # "… is not mentioned in the provided context"
    r"\bnot (?:\w+ )?(?:mentioned|specified|stated|provided|given|available|found|included|covered|discussed|"
    rf"addressed|described|answered) (?:\w+ )?(?:in|by|from|within) (?:\w+ ){{0,3}}{_SOURCES}\b",
)
"""Phrases that abstain, over lower-case words without punctuation and articles. Every gap is bounded."""

WHOLE_ANSWERS = frozenset({
    "unanswerable", "not answerable", "no answer", "no answer found", "na", "n/a", "none", "idk", "no idea",
    "unknown", "not known", "not sure", "not mentioned", "not specified", "not stated", "not available",
    "not found", "not given", "not provided", "no information", "insufficient information",
    "not enough information", "cannot answer", "cannot say", "cannot be determined", "cant answer",
    "cant say", "information not available",
})  # fmt: skip
"""What abstains when it is all that is said."""

_PHRASES = tuple(re.compile(phrase) for phrase in PHRASES)
_CONTRAST = re.compile(r"\b(?:but|however|although|though)\b")
_CONCEDES = re.compile(r"^(?:although|while|though|even)\b")
_APOLOGY = re.compile(r"\b(?:sorry|apologi[sz]e|apologies|unfortunately|afraid)\b")
_ANSWERS = re.compile(r"^(?:yes|no)\b|\d")
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|\n")


def abstains(answer: str, abstention: str = "") -> bool:
    """Whether the answer abstains.

    True where its first sentence (after a short lead-in) holds one of `PHRASES` and does not go on to
    commit itself ("I don't know the date, but it was in May"), where the whole of it is one of
    `WHOLE_ANSWERS`, or where it opens with the pipeline's own `abstention`. A blank answer abstains.
    An answer that says something first and names what it lacks later does not abstain.

    >>> abstains("I'm sorry. The documents do not mention a refund period.")
    True
    >>> abstains("30 days. The documents do not mention exceptions.")
    False
    """
    sentences = [t for s in _SENTENCE_END.split(answer[:OPENING_CHARACTERS]) if (t := normalised(s))]
    if not sentences:
        return not answer.strip()
    if own := normalised(abstention):
        openings = (" ".join(sentences[:n]) for n in range(1, len(sentences) + 1))
        if own in openings or own == normalised(answer):
            return True
    if _declines(sentences[0]) or (len(sentences) == 1 and sentences[0] in WHOLE_ANSWERS):
        return True
    lead_in = len(sentences[0].split()) <= LEAD_IN_WORDS and not _ANSWERS.search(sentences[0])
    return lead_in and any(_declines(sentence) for sentence in sentences[1:2])


def _declines(sentence: str) -> bool:
    """Whether an abstention is what the sentence says, and not a reservation beside something else."""
    for phrase in _PHRASES:
        if match := phrase.search(sentence):
            before = sentence[: match.start()]
            answered = _CONTRAST.search(before) and not _APOLOGY.search(before)
            return not (answered or _CONCEDES.search(before) or _CONTRAST.search(sentence, match.end()))
    return False
