"""A simulated reader that is distracted the way models are: a stage for the pipeline files here.

It knows the labels. It says the reference answer where every needed gold passage can be read in its context and
the last of them comes after no more passages of other kinds than its patience for that question: none for
one question, eight for another, drawn from a digest of it. Else it repeats something wrong from the first
passage that is not gold. So order, distractors, copies, cuts and garbling all matter to it. It judges what it
reads by a rule of its own (the telling sentence of a gold passage, word for word), not by the rule by which
the tool under test tells whether a context holds the evidence.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from diagnose.core.artifact import Answer, Context
from diagnose.core.pipeline import Corpus
from diagnose.stages.sentences import sentences_of

PATIENCE = (0, 1, 2, 4, 8)
"""Passages that are not gold which the reader takes in before the last gold one, one number for each question."""
NOTHING = "The documents do not say."
_BLANK_LINE = re.compile(r"\n\s*\n")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Known:
    """What the reader knows of a question: for each needed gold passage the padded words of the sentences that
    tell, the padded answers, and the reference it gives when it is right."""

    telling: tuple[tuple[str, ...], ...]
    answers: tuple[str, ...]
    reference: str
    patience: int


@dataclass(frozen=True)
class Distractible:
    """See the module."""

    known: dict[str, Known]
    deterministic = True

    def __call__(self, query: str, context: Context | None) -> Answer:
        known = self.known.get(query)
        if known is None or context is None:
            return Answer(NOTHING)
        blocks = [block for block in _BLANK_LINE.split(context.text) if block.strip()]
        return Answer(known.reference if _understood(known, blocks) else _misled(known, blocks))


def _understood(known: Known, blocks: Sequence[str]) -> bool:
    missing, others = set(range(len(known.telling))), 0
    for block in map(_padded, blocks):
        # A block that states the answer outright, as other tools insert one, is all the evidence there can be.
        stated = any(f" answer{answer}" in block for answer in known.answers)
        gold = {i for i, sentences in enumerate(known.telling) if all(s in block for s in sentences)}
        missing = set() if stated else missing - gold
        if not missing:
            return others <= known.patience
        others += not gold
    return False


def _misled(known: Known, blocks: Sequence[str]) -> str:
    for block in blocks:
        padded = _padded(block)
        if any(all(s in padded for s in sentences) for sentences in known.telling):
            continue
        for sentence in sentences_of(block):
            if not any(answer in _padded(sentence.text) for answer in known.answers):
                return sentence.text
    return NOTHING


def _padded(text: str) -> str:
    return f" {' '.join(_WORD.findall(text.lower()))} "


def distractible(corpus: Corpus, folder: Path, labels: str) -> Distractible:
    """The reader that knows the labels in the file `labels` (queries with gold) of the pipeline's folder."""
    known: dict[str, Known] = {}
    with (folder / labels).open(encoding="utf-8") as file:
        for row in map(json.loads, file):
            question, gold = row["query"]["text"], row["gold"]
            answers = tuple(_padded(answer) for answer in gold["answers"])
            telling = tuple(_telling(corpus, passage, answers) for passage in gold["passages"])
            known[question] = Known(telling, answers, gold["answers"][0], _patience(question))
    return Distractible(known)


def _telling(corpus: Corpus, gold: dict[str, object], answers: Sequence[str]) -> tuple[str, ...]:
    """The labelled sentences; else the first that states an answer; else the passage's first."""
    labelled = gold.get("sentences")
    if isinstance(labelled, list) and labelled:
        return tuple(_padded(sentence) for sentence in labelled)
    passage = corpus.get(str(gold["id"]))
    padded = [_padded(sentence.text) for sentence in sentences_of(passage.text if passage else "")]
    stating = [sentence for sentence in padded if any(answer in sentence for answer in answers)]
    return tuple((stating or padded)[:1])


def _patience(question: str) -> int:
    return PATIENCE[hashlib.sha256(question.encode()).digest()[0] % len(PATIENCE)]
