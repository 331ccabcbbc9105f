"""LlamaIndex's objects as stages: retrievers, node postprocessors, synthesizers, query engines, models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from diagnose.core.artifact import Context, Passage
from diagnose.core.stage import Role
from diagnose.errors import StageFailed
from diagnose.stages.chat import PROMPT, SYSTEM, chat_prompt
from diagnose.stages.framework_values import EXCLUDED, metadata_of, missing
from diagnose.stages.named_inputs import Fitting
from diagnose.stages.turns import turns_of_text

DISTRIBUTION = "llama-index-core"
BETWEEN = "\n\n"
"""What LlamaIndex puts between the passages of a context."""


def llamaindex_stage(role: Role, target: Any, fitting: Fitting) -> Any:
    """The stage that a LlamaIndex object is in this role, or None where it is no such object.

    A query engine is its retriever, its postprocessors, its synthesizer: whichever the role asks for.
    """
    has = {name for name in _MARKS if callable(getattr(target, name, None))}
    if role == "retriever" and "retrieve" in has:
        inner = getattr(
            target, "retriever", target
        )  # the engine's own `retrieve` runs its postprocessors, too
        return Retriever(inner if callable(getattr(inner, "retrieve", None)) else target)
    if role in ("ranker", "compressor"):
        if "postprocess_nodes" in has:
            return Postprocessors((target,))
        if "_apply_node_postprocessors" in has:
            return Postprocessors(tuple(getattr(target, "_node_postprocessors", ())))
    synthesizer = getattr(target, "_response_synthesizer", target)
    if role == "packer" and callable(getattr(synthesizer, "_make_compact_text_chunks", None)):
        return Packer(synthesizer)
    if role == "model" and callable(getattr(synthesizer, "get_response", None)):
        return Synthesizer(synthesizer)
    if role in ("model", "rewriter") and {"complete", "chat"} <= has:
        return Model(target, fitting)
    return None


_MARKS = ("retrieve", "postprocess_nodes", "_apply_node_postprocessors", "complete", "chat")


@dataclass(frozen=True)
class Retriever:
    """A retriever."""

    target: Any

    def __call__(self, query: str) -> list[Any]:
        return list(self.target.retrieve(query))


@dataclass(frozen=True)
class Postprocessors:
    """Node postprocessors, one after another."""

    targets: tuple[Any, ...]

    def __call__(self, query: str, passages: Sequence[Passage]) -> list[Any]:
        found = nodes(passages)
        for target in self.targets:
            found = target.postprocess_nodes(found, query_str=query)
        return list(found)


@dataclass(frozen=True)
class Packer:
    """How a compact synthesizer packs nodes into the context of its prompt."""

    target: Any
    deterministic = True

    def __call__(self, query: str, passages: Sequence[Passage]) -> str:
        chunks = self.target._make_compact_text_chunks(query, _contents(nodes(passages)))
        if len(chunks) > 1:
            raise StageFailed(
                f"its context makes {len(chunks)} prompts (create and refine); one context is what can be replayed: "
                "leave out the packer, so that the synthesizer is the model and packs by itself"
            )
        return str(chunks[0]) if chunks else ""


@dataclass(frozen=True)
class Synthesizer:
    """A response synthesizer: answers from the nodes, or from the context that a packer made of them."""

    target: Any

    def __call__(self, query: str, context: Context | None) -> object:
        if context is None:
            chunks = []
        elif context.text == BETWEEN.join(passage.text for passage in context.passages):
            chunks = _contents(nodes(context.passages))  # no packer: the synthesizer packs
        else:
            chunks = [context.text]
        return _text(self.target.get_response(query_str=query, text_chunks=chunks))


@dataclass(frozen=True)
class Model:
    """A bare model: it is told the usual words, or the packer's whole prompt where `prompt = "{context}"`."""

    target: Any
    fitting: Fitting

    def __call__(self, query: str, context: Context | None = None) -> object:
        text = context.text if context is not None else ""
        if self.fitting.prompt == "{context}":
            turns = [{"role": turn.role, "content": turn.content} for turn in turns_of_text(text)]
        else:
            system = SYSTEM if self.fitting.system is None else self.fitting.system
            turns = chat_prompt(system, self.fitting.prompt or PROMPT).messages(query, context)
        return _text(self.target.chat([_message(turn) for turn in turns]))


def _message(turn: dict[str, str]) -> Any:
    try:
        from llama_index.core.llms import ChatMessage
    except ImportError as exc:
        raise missing("llama-index-core", "llamaindex", exc) from exc
    return ChatMessage(role=turn["role"], content=turn["content"])


def nodes(passages: Sequence[Passage]) -> list[Any]:
    """Passages as LlamaIndex's nodes with scores, ids and metadata included."""
    try:
        from llama_index.core.schema import NodeWithScore, TextNode
    except ImportError as exc:
        raise missing("llama-index-core", "llamaindex", exc) from exc
    found = []
    for passage in passages:
        metadata = metadata_of(passage)
        excluded = metadata.pop(EXCLUDED, [])
        node = TextNode(
            id_=passage.id, text=passage.text, metadata=metadata, **({EXCLUDED: excluded} if excluded else {})
        )
        found.append(NodeWithScore(node=node, score=passage.score))
    return found


def _contents(found: Sequence[Any]) -> list[str]:
    """What a model is shown of the nodes: their metadata (unless kept from it) and their text."""
    from llama_index.core.schema import MetadataMode

    return [node.node.get_content(metadata_mode=MetadataMode.LLM) for node in found]


def _text(value: Any) -> object:
    """The text of a response, a completion, a chat message or a stream of texts."""
    if isinstance(value, str):
        return value
    message = getattr(value, "message", None)
    for owner, name in ((message, "content"), (value, "response"), (value, "text")):
        if isinstance(text := getattr(owner, name, None), str):
            return text
    if hasattr(value, "__iter__") and not hasattr(value, "model_fields"):
        return "".join(str(part) for part in value)
    return str(value)
