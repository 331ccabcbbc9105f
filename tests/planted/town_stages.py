"""Eight plain functions that answer questions about towns: a user's own pipeline, attached as `town_stages:function`.

They know nothing of `diagnose`. Each is as simple as it can be and still needs what the stage before it owes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

SMALL = frozenset(
    [
        "a",
        "an",
        "and",
        "does",
        "has",
        "have",
        "how",
        "in",
        "is",
        "it",
        "its",
        "many",
        "of",
        "or",
        "the",
        "to",
        "was",
        "what",
        "which",
        "who",
        "with",
    ]
)
NAME = re.compile(r"\b[A-Z][a-z]+\b")
LOST_BEYOND = 5
"""Passages beyond which the reader loses its way in a question about one town."""


def words(text: str) -> list[str]:
    """Lower-case words that say something."""
    return [word for word in re.findall(r"\w+", text.lower()) if word not in SMALL]


def names(text: str) -> list[str]:
    """Capitalised words, but for the first."""
    first = text.lstrip().split(" ")[0]
    return [name for name in dict.fromkeys(NAME.findall(text)) if name != first]


def route(query: str) -> str:
    """By the number of towns that are asked about."""
    return ("small", "small", "medium", "large")[min(3, len(names(query)))]


def rewrite(conversation: Any) -> str:
    """The town that the user spoke of last stands for `it`."""
    spoken = [name for turn in conversation.history if turn.role == "user" for name in names(turn.content)]
    return re.sub(r"\bit\b", spoken[-1], conversation.text) if spoken else str(conversation.text)


def overlap(query: str, text: str) -> float:
    """Words in common, more where the text has few others; names count double."""
    asked, said = set(words(query)), words(text)
    loud = {name.lower() for name in names(query)}
    common = asked & set(said)
    return round((len(common) + len(common & loud)) / (4.0 + len(said)), 6)


def retrieve(query: str, corpus: Iterable[Any], top_k: int = 16) -> list[Any]:
    """The passages that share most words with the query, in the order of the index, as some stores give them."""
    found = list(corpus)
    asked = set(words(query))
    best = sorted(range(len(found)), key=lambda i: (-len(asked & set(words(found[i].text))), i))
    return [found[i] for i in sorted(best[:top_k])]


def rank(query: str, passages: Sequence[Any], top_n: int = 8) -> list[Any]:
    """The best by overlap."""
    return sorted(passages, key=lambda p: (-overlap(query, p.text), p.id))[:top_n]


def compress(query: str, passages: Sequence[Any]) -> list[str]:
    """Of each passage the sentence most like the query."""
    return [max(sentences(p.text), key=lambda s: overlap(query, s), default="") for p in passages]


def sentences(text: str) -> list[str]:
    """Cut behind full stops."""
    return [s for s in re.split(r"(?<=[.!?])\s+", text) if s]


def pack(
    query: str, passages: Sequence[Any], count_tokens: Callable[[str], int], budget_tokens: int = 200
) -> str:
    """Passages in rank order, as many as fit."""
    text = ""
    for passage in passages:
        longer = f"{text}\n\n{passage.text}" if text else passage.text
        if count_tokens(longer) > budget_tokens:
            break
        text = longer
    return text


def read(query: str, context: Any) -> str:
    """The sentence about what is asked, of the town that is asked about; of several towns the largest figure."""
    blocks = [block for block in context.text.split("\n\n") if block.strip()]
    asked = names(query)
    about = set(words(query)) - {name.lower() for name in asked}
    told = [s for block in blocks for s in sentences(block) if about & set(words(s)) and " not " not in s]
    if len(asked) > 1:
        return largest(asked, told)
    if not told:
        return "I don't know."
    if len(blocks) > LOST_BEYOND:
        return told[-1]
    own = [s for s in told if asked and asked[0] in s]
    return (own or told)[0]


def read_hastily(query: str, context: Any) -> str:
    """The first sentence about what is asked, whosever it is; of several towns as many as there are: what stands in
    front decides."""
    blocks = [block for block in context.text.split("\n\n") if block.strip()]
    asked = names(query)
    about = set(words(query)) - {name.lower() for name in asked}
    told = [s for block in blocks for s in sentences(block) if about & set(words(s)) and " not " not in s]
    if len(asked) > 1:
        return largest(asked, told[: len(asked)])
    return told[0] if told else "I don't know."


def largest(asked: Sequence[str], told: Sequence[str]) -> str:
    """The town with the largest figure; nothing where one of them is not told of."""
    found = {
        name: int(number[0])
        for name in asked
        for s in reversed(told)
        if name in s and (number := re.search(r"\d+", s))
    }
    if len(found) < len(asked):
        return "I don't know."
    return f"That is {max(found, key=lambda name: found[name])}."


def verify(query: str, context: Any, answer: Any) -> bool:
    """Whether the draft stands in the context and speaks of a town that was asked about."""
    said = answer.text
    if said == "I don't know.":
        return True
    grounded = said.startswith("That is ") or said in context.text
    return grounded and any(name in said for name in names(query))
