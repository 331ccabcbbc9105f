"""The context a model read: what a span between retrieval and model put out, else what its prompt shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from diagnose.core.artifact import Context, Passage
from diagnose.traces.model_calls import Call
from diagnose.traces.packed import Piece, context_around, pieces_of
from diagnose.traces.tree import Node

MAX_CANDIDATES = 200
"""Texts of one trace that are searched for passages."""
NEVER = frozenset({"retriever", "ranker", "compressor", "embedding", "evaluator", "verifier"})


class Packed(NamedTuple):
    """The context, the span that put it together (None: taken from the prompt), and how many texts were cut."""

    context: Context
    node: Node | None
    n_cut: int


def packed_by(nodes: Sequence[Node], call: Call | None, passages: Sequence[Passage]) -> Packed | None:
    """The context: of all texts before the answer the one that holds most passages, and the shortest of those.

    The shortest, since the prompt holds the context too, with the question and the instructions around it; of
    spans that put out the same text, the one that did so first. Of a whole prompt, the part with the passages.
    """
    whole = {passage.id: len(passage.text) for passage in passages}
    best: Packed | None = None
    rank = (0, 0, 0, 0)
    read = {turn.content for turn in call.prompt} if call else set()
    seen: dict[str, tuple[Piece, ...]] = {}
    for node, text in _candidates(nodes, call):
        if text not in seen:
            seen[text] = pieces_of(passages, text)
        pieces = seen[text]
        if pieces and (found := (len(pieces), -len(text), -node.leave, node.enter)) > rank:
            is_prompt = node.span.kind == "prompt" or text in read
            best, rank = (
                _packed(context_around(text, pieces) if is_prompt else text, pieces, node, whole),
                found,
            )
    in_prompt = _from_prompt(call, passages, whole, seen) if call else None
    if best is None or (in_prompt and len(in_prompt.context.passages) > rank[0]):
        return in_prompt
    return best


def _candidates(nodes: Sequence[Node], call: Call | None) -> Iterator[tuple[Node, str]]:
    """The texts that spans before the model put out, and those that templates were filled in with."""
    n = 0
    for node in nodes:
        span = node.span
        around = call is not None and node.holds(call.outer)
        if span.kind in NEVER or (call is not None and node.enter >= call.outer.leave):
            continue
        own = span.text if span.kind != "model" and not around else None
        texts = (
            [*span.variables.values(), *([own] if own else [])] if not around or span.kind == "model" else []
        )
        for text in texts:
            n += 1
            if n > MAX_CANDIDATES:
                return
            yield node, text


def _from_prompt(
    call: Call, passages: Sequence[Passage], whole: dict[str, int], seen: dict[str, tuple[Piece, ...]]
) -> Packed | None:
    texts_read = [turn.content for turn in call.prompt]
    found = [(text, seen[text] if text in seen else pieces_of(passages, text)) for text in texts_read]
    held = [(text, pieces) for text, pieces in found if pieces]
    if not held:
        return None
    texts = [context_around(text, pieces) for text, pieces in held]
    every = tuple(piece for _, pieces in held for piece in pieces)
    return _packed("\n\n".join(texts), every, None, whole)


def _packed(text: str, pieces: Sequence[Piece], node: Node | None, whole: dict[str, int]) -> Packed:
    passages = tuple(piece.passage for piece in pieces)
    n_cut = sum(len(passage.text.strip()) < whole.get(passage.id, 0) * 0.98 for passage in passages)
    return Packed(Context(text, passages), node, n_cut)
