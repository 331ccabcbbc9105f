"""A user's own pipeline: plain functions that know nothing of `diagnose`, attached as `own:function`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any


def words(text: str) -> list[str]:
    """Lower-case words."""
    return re.findall(r"\w+", text.lower())


def retrieve(query: str, corpus: Iterable[Any], top_k: int = 8) -> list[Any]:
    """The passages that share most words with the query, in the order of the index, as some stores give them."""
    asked = set(words(query))
    found = list(corpus)
    best = sorted(range(len(found)), key=lambda i: (-len(asked & set(words(found[i].text))), i))
    return [found[i] for i in sorted(best[:top_k])]


def rank(query: str, passages: Sequence[Any], top_n: int = 4) -> list[Any]:
    """Passages by the words of the query that few of the others have."""
    asked = set(words(query))
    held = [set(words(p.text)) for p in passages]
    weight = {w: 1.0 / max(1, sum(w in other for other in held)) for w in sorted(asked)}
    score = [round(sum(weight[w] for w in sorted(asked & own)), 9) for own in held]
    best = sorted(range(len(passages)), key=lambda i: (-score[i], i))
    return [passages[i] for i in best[:top_n]]


def rank_worst_first(query: str, passages: Sequence[Any], top_n: int = 4) -> list[Any]:
    """What a sign error makes of it."""
    return rank(query, passages, len(passages))[::-1][:top_n]


def pack(
    query: str, passages: Sequence[Any], count_tokens: Callable[[str], int], budget_tokens: int = 90
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
    """A distractible reader: the clause most like the question, and every clause further down counts for less."""
    asked = set(words(query))
    clauses = [c for c in context.text.split("\n\n") if c.strip()]
    if not clauses:
        return "I don't know."
    scores = [len(asked & set(words(clause))) - place for place, clause in enumerate(clauses)]
    return str(clauses[scores.index(max(scores))])


def rewrite(conversation: Any) -> str:
    """The question as it was asked, without courtesies."""
    return re.sub(r"^(Please tell me: )", "", str(conversation.text))


def compress(query: str, passages: Sequence[Any]) -> list[str]:
    """The clauses without the remarks in brackets."""
    return [re.sub(r" \([^)]*\)", "", p.text) for p in passages]


def verify(query: str, context: Any, answer: Any) -> bool:
    """Lets an answer through that has a number in it which the context has, too."""
    numbers = re.findall(r"\d+", answer.text)
    return bool(numbers) and all(n in words(context.text) for n in numbers)
