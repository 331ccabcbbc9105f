"""Which of a trace's model spans gave the answer, which rewrote the question, and which belong to other stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from diagnose.core.artifact import Turn
from diagnose.core.trace import Usage
from diagnose.traces.account import Account
from diagnose.traces.tree import Node

INSIDE: dict[str, str] = {
    "retriever": "inside the retriever",
    "ranker": "inside the ranker",
    "compressor": "inside the compressor",
    "embedding": "inside the embedding",
    "evaluator": "inside an evaluator",
    "verifier": "inside the verifier",
}
"""Kinds whose own model calls are part of them."""
PROMPT_PART = 0.8
"""The part of a later prompt that a text must make up to be that prompt's template filled in."""


@dataclass(frozen=True)
class Call:
    """One call of a model: its outermost span and the one inside that holds the prompt."""

    outer: Node
    inner: Node

    @property
    def prompt(self) -> tuple[Turn, ...]:
        """What the model read."""
        return self.inner.span.prompt or self.outer.span.prompt

    @property
    def text(self) -> str | None:
        """What it said."""
        return self.inner.span.text if self.inner.span.text is not None else self.outer.span.text

    @property
    def usage(self) -> Usage | None:
        """Its tokens; of nested spans those of the innermost that counts."""
        for span in (self.inner.span, self.outer.span):
            if span.prompt_tokens is not None or span.completion_tokens is not None or span.cost is not None:
                return Usage(span.prompt_tokens, span.completion_tokens, span.cost)
        return None


@dataclass(frozen=True)
class Calls:
    """The model calls of a trace by what they did; `became` says so of every model span, by its place."""

    answering: Call | None
    others: tuple[Call, ...]
    became: dict[int, str]


def calls_of(nodes: Sequence[Node], said: str | None, queries: frozenset[str], account: Account) -> Calls:
    """Sorts the model spans. `said` is the answer of the whole trace where it states one, `queries` what the
    retrievers were asked."""
    became: dict[int, str] = {}
    outermost = [node for node in nodes if node.span.kind == "model" and _free(node, became)]
    calls = [Call(node, _innermost(node, nodes, became)) for node in outermost]
    calls = [call for call in calls if not _is_template(call, calls, became)]
    rewriting = [call for call in calls if call.text is not None and _plain(call.text) in queries]
    left = [call for call in calls if call not in rewriting] or calls
    speaking = [call for call in left if call.text is not None] or left
    if not speaking:
        return Calls(None, (), became)
    agreeing = [call for call in speaking if said and call.text and _plain(call.text) == _plain(said)]
    answering = (agreeing or speaking)[-1]
    others = tuple(call for call in calls if call is not answering)
    became[answering.outer.enter] = "model"
    for call in others:
        became.setdefault(call.outer.enter, "rewriter" if call in rewriting else "an earlier model call")
    if further := [call for call in others if call not in rewriting]:
        what = "model calls besides the one that answered: their tokens are counted into the model's"
        account.note(what, answering.outer.span.trace_id, len(further))
    return Calls(answering, others, became)


def _free(node: Node, became: dict[int, str]) -> bool:
    """Whether a model span is a call of its own: not inside another, nor part of another stage."""
    at = node.parent
    while at is not None:
        if at.span.kind == "model":
            return False  # `_innermost` accounts for it
        if at.span.kind in INSIDE:
            became[node.enter] = INSIDE[at.span.kind]
            return False
        at = at.parent
    return True


def _innermost(outer: Node, nodes: Sequence[Node], became: dict[int, str]) -> Node:
    inner = outer
    for node in nodes[outer.enter + 1 - nodes[0].enter : outer.leave - nodes[0].enter]:
        if node.span.kind == "model":
            became[node.enter] = "the same model call"
            if node.span.prompt or not inner.span.prompt:
                inner = node
    return inner


def _is_template(call: Call, calls: Sequence[Call], became: dict[int, str]) -> bool:
    """Whether a span said to be a model only filled in the prompt of a later one (Haystack's prompt builder)."""
    text = call.outer.span.text
    if not text or call.outer.span.model:
        return False
    for later in calls:
        is_later = later.outer.enter > call.outer.enter
        if is_later and any(
            text in t.content and len(text) >= PROMPT_PART * len(t.content) for t in later.prompt
        ):
            became[call.outer.enter] = "fills in the prompt"
            return True
    return False


def summed(calls: Sequence[Call]) -> Usage | None:
    """The tokens and the cost of several calls together."""
    known = [usage for call in calls if (usage := call.usage) is not None]
    if not known:
        return None

    def total(parts: list[int | None]) -> int | None:
        counted = [part for part in parts if part is not None]
        return sum(counted) if counted else None

    costs = [usage.cost for usage in known if usage.cost is not None]
    return Usage(
        total([usage.prompt_tokens for usage in known]),
        total([usage.completion_tokens for usage in known]),
        sum(costs) if costs else None,
    )


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
