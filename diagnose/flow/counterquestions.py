"""Questions to a judge whose right verdict is known, as text of ours stands on one side of each.

They hold words that are drawn from the digest of what is tested, which a text cannot know beforehand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypedDict

import msgspec

from diagnose.core.artifact import Answer, Context, Passage, Query
from diagnose.core.pipeline import ABSTENTION
from diagnose.core.stage import Given, Stage
from diagnose.score.abstention import abstains
from diagnose.stages.sentences import sentences_of

CONTROLS = 2
"""Questions with which a judge itself is tried."""
EACH = 2
"""Questions to a verifier about one verdict, at most."""
FEWEST_WORDS = 4
"""Words of a sentence that can be quoted as a draft."""


def drawn_word(seed: int, *texts: str) -> str:
    """A word that the texts cannot know."""
    body = "\0".join((str(seed), *texts)).encode("utf-8", "surrogatepass")
    return f"Q{hashlib.sha256(body).hexdigest()[:10].upper()}"


def counter_questions(
    given: Given, accept: bool, seed: int, abstentions: Sequence[str] = (ABSTENTION,)
) -> list[Given]:
    """The questions to a verifier whose right verdict is the opposite of the one it gave. An abstention (in one of
    these wordings) may well be accepted beside a context that says nothing."""
    draft = given.answer.text if given.answer is not None else ""
    read = given.context.text if given.context is not None else ""
    word = drawn_word(seed, draft, read)

    def made(answer: str, context: str) -> Given:
        return msgspec.structs.replace(given, **_sides(answer, context))

    if accept:
        nothing = f"Entry {word} of the register was left blank."
        bare = [] if any(abstains(draft, one) for one in abstentions) else [made(draft, nothing)]
        return [*bare, made(f"The entry of the register is {word}.", read)]
    quotes = [one.text for one in sentences_of(read) if len(one.text.split()) >= FEWEST_WORDS]
    at = int(hashlib.sha256(word.encode()).hexdigest(), 16) % len(quotes) if quotes else 0
    return [made(draft, draft), *([made(quotes[at], read)] if quotes else [])]


def controls_of(stage: Stage, seed: int) -> list[tuple[Given, bool]]:
    """Questions in which nobody else's text is, and their verdicts."""
    word, other = drawn_word(seed, stage.fingerprint), drawn_word(seed + 1, stage.fingerprint)
    asked = Query("What is the entry of the register?")
    context = f"The entry of the register is {word}."
    true, false = (f"The entry of the register is {one}." for one in (word, other))
    return [(Given(asked.text, asked, **_sides(answer, context)), answer is true) for answer in (true, false)]


class _Sides(TypedDict):
    passages: tuple[Passage, ...]
    context: Context
    answer: Answer


def _sides(answer: str, context: str) -> _Sides:
    """A draft beside a context, which is also the one passage, for verifiers that read those."""
    passages = (Passage("register", context),)
    return {"passages": passages, "context": Context(context, passages), "answer": Answer(answer)}
