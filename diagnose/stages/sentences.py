"""Cuts a context into paragraphs and sentences."""

from __future__ import annotations

import re
from typing import NamedTuple

_PARAGRAPH = re.compile(r"\n\s*\n")
_END = re.compile(r"(?<=[.!?])[\"'”’)\]]*\s+(?=[\"'“‘(\[]*[A-Z0-9])|\n")
_ABBREVIATED = re.compile(
    r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Dr|St|Jr|Sr|Prof|Gen|No|vs|ca|cf|e\.g|i\.e|Inc|Co|Ltd)\.)$"
)


class Sentence(NamedTuple):
    """A sentence and the number of the paragraph it stands in."""

    text: str
    paragraph: int


def sentences_of(text: str) -> list[Sentence]:
    """The sentences of a text, in order. Blank lines end paragraphs, line ends and full stops end sentences;
    a stop after an initial or a common abbreviation does not.

    >>> [s.text for s in sentences_of("Dr. A. Low left. She ran!\\n\\nSo")]
    ['Dr. A. Low left.', 'She ran!', 'So']
    """
    return [
        Sentence(sentence, n)
        for n, paragraph in enumerate(_PARAGRAPH.split(text))
        for sentence in _sentences(paragraph)
    ]


def _sentences(paragraph: str) -> list[str]:
    cut: list[str] = []
    start = 0
    for end in _END.finditer(paragraph):
        before = paragraph[start : end.start()]
        if "\n" not in end[0] and _ABBREVIATED.search(before):
            continue
        cut.append(paragraph[start : end.end()].strip())
        start = end.end()
    cut.append(paragraph[start:].strip())
    return [sentence for sentence in cut if sentence]
