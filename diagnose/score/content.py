"""A text's content words and sentences, for telling what was lost or changed between two texts."""

from __future__ import annotations

import re

_WORD = re.compile(r"\w+")
_SUFFIX = re.compile(r"(?:ies|es|s|ing|ed|ly)$")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_FUNCTION_WORDS = frozenset({
    "a", "about", "after", "all", "also", "an", "and", "any", "are", "as", "at", "be", "because", "been",
    "before", "being", "between", "both", "but", "by", "can", "could", "did", "do", "does", "during",
    "each", "for", "from", "had", "has", "have", "he", "her", "him", "his", "how", "i", "if", "in", "into",
    "is", "it", "its", "me", "more", "most", "my", "of", "on", "or", "other", "our", "out", "s", "she",
    "should", "so", "some", "such", "t", "tell", "than", "that", "the", "their", "them", "then", "there",
    "these", "they", "this", "those", "to", "under", "up", "was", "we", "were", "what", "when", "where",
    "which", "while", "who", "whom", "whose", "why", "will", "with", "would", "you", "your",
})  # fmt: skip


def content_words(text: str) -> frozenset[str]:
    """The words of a text that say something, without their commonest English endings.

    >>> sorted(content_words("Which cities was she visiting?"))
    ['cit', 'visit']
    """
    words = (word.lower() for word in _WORD.findall(text))
    content = (word for word in words if word not in _FUNCTION_WORDS)
    return frozenset(_SUFFIX.sub("", word) if len(word) > 4 else word for word in content)


def sentences(text: str) -> list[str]:
    """The sentences of a text; ends of lines and full stops before white space end one."""
    return [sentence.strip() for sentence in _SENTENCE.split(text) if sentence.strip()]
