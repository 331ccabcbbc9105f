"""LangChain's objects as stages: retrievers, document compressors, prompts, chat models, chains, lambdas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from diagnose.core.artifact import Answer, Context, Passage, Query, Turn
from diagnose.core.stage import Role
from diagnose.errors import StageFailed
from diagnose.stages.chat import PROMPT, SYSTEM, chat_prompt
from diagnose.stages.framework_values import metadata_of, missing, text_of, turns_of
from diagnose.stages.named_inputs import ROLE_WANTS, Fitting, Wanted, unnamed, wanted_of
from diagnose.stages.turns import text_of_turns, turns_of_text

ANSWERS = ("answer", "result", "output", "output_text", "text", "response")
ALSO: Mapping[str, Wanted] = {
    "question": "query",
    "input": "query",
    "chat_history": "history",
    "documents": "passages",
}
"""Further names under which a chain that names no inputs finds what its role has."""
DISTRIBUTION = "langchain-core"


def langchain_stage(role: Role, target: Any, fitting: Fitting) -> Any:
    """The stage that a LangChain object is in this role, or None where it is no such object.

    Known by `compress_documents` (also inside a ContextualCompressionRetriever, as its ranker), or by `invoke` beside
    `ainvoke`.
    """
    if role in ("ranker", "compressor"):
        for owner in (target, getattr(target, "base_compressor", None)):
            if callable(getattr(owner, "compress_documents", None)):
                return Compressor(owner)
    if callable(getattr(target, "invoke", None)) and callable(getattr(target, "ainvoke", None)):
        return Runnable(target, role, fitting)
    return None


@dataclass(frozen=True)
class Compressor:
    """A document compressor: a cross-encoder, a rerank service, a filter, an extractor."""

    target: Any

    def __call__(self, query: str, passages: Sequence[Passage]) -> list[Any]:
        return list(self.target.compress_documents(documents(passages), query))


@dataclass(frozen=True)
class Runnable:
    """Anything with `invoke`.

    Called with a dict where it names its inputs (a prompt, a chain that starts with one); else a retriever with the
    query, a packer with the documents, a chat model with messages, and any other with a dict of what its role has.
    """

    target: Any
    role: Role
    fitting: Fitting

    def __call__(
        self,
        query: str,
        conversation: Query,
        passages: Sequence[Passage],
        context: Context | None,
        answer: Answer | None,
        seed: int | None = None,
    ) -> object:
        if self.role in ("model", "verifier"):
            passages = context.passages if context is not None else ()
        has: dict[Wanted, Any] = {
            "query": query,
            "history": [(turn.role, turn.content) for turn in conversation.history],
            "passages": passages,
            "context": context.text if context is not None else "\n\n".join(p.text for p in passages),
            "answer": answer.text if answer is not None else "",
        }
        return self._read(self._seeded(seed).invoke(self._input(has)))

    @property
    def deterministic(self) -> bool:
        """A prompt is filled in the same way every time."""
        return hasattr(self.target, "input_variables") and not hasattr(self.target, "first")

    def _seeded(self, seed: int | None) -> Any:
        """The object with its `seed` field set, where it has one (ChatOpenAI, ChatOllama)."""
        fields = getattr(type(self.target), "model_fields", {})
        if seed is None or "seed" not in fields:
            return self.target
        return self.target.model_copy(update={"seed": seed})

    def _input(self, has: Mapping[Wanted, Any]) -> object:
        if self._names:
            return {name: self._value(wanted, has) for name, wanted in self._names.items()}
        if self.role in ("retriever", "router"):
            return has["query"]
        if self.role == "packer":
            return documents(has["passages"])
        if _is_chat(self.target) or _is_llm(self.target):
            turns = self._turns(has)
            pairs = [({"user": "human", "assistant": "ai"}.get(t.role, t.role), t.content) for t in turns]
            return pairs if _is_chat(self.target) else "\n\n".join(turn.content for turn in turns)
        every: dict[str, Wanted] = {wanted: wanted for wanted in ROLE_WANTS[self.role]}
        every |= {name: wanted for name, wanted in ALSO.items() if wanted in every}
        return {name: self._value(wanted, has) for name, wanted in every.items()}

    def _value(self, wanted: Wanted, has: Mapping[Wanted, Any]) -> Any:
        return documents(has["passages"]) if wanted == "passages" else has[wanted]

    def _turns(self, has: Mapping[Wanted, Any]) -> tuple[Turn, ...]:
        """What a bare chat model is told: the usual words, or the packer's prompt where `prompt = "{context}"`."""
        if self.fitting.prompt == "{context}":
            return turns_of_text(has["context"])
        prompt = chat_prompt(
            SYSTEM if self.fitting.system is None else self.fitting.system, self.fitting.prompt or PROMPT
        )
        return tuple(
            Turn(message["role"], message["content"])
            for message in prompt.messages(has["query"], Context(has["context"]))
        )

    @cached_property
    def _names(self) -> dict[str, Wanted]:
        """The inputs it names and what each is; none where it takes a single value."""
        if _is_stuffing(self.target):
            return {"input": "query", "context": "passages"}
        names, needed = _inputs_of(self.target)
        known = {name: wanted_of(name, self.role, self.fitting) for name in [*names, *self.fitting.inputs]}
        if strange := {name for name in needed if known.get(name) is None}:
            raise unnamed(strange, self.role, type(self.target).__name__)
        return {name: wanted for name, wanted in known.items() if wanted is not None}

    def _read(self, value: Any) -> object:
        """The output as plain values of the role."""
        if callable(getattr(value, "to_messages", None)):
            return text_of_turns(turns_of(value.to_messages()))
        if self.role in ("model", "verifier", "rewriter", "router") or not isinstance(
            value, list | tuple | Mapping
        ):
            return _answer(value, self.role)
        if isinstance(value, Mapping) and "documents" in value:
            return value["documents"]
        return value


def documents(passages: Sequence[Passage]) -> list[Any]:
    """Passages as LangChain's Documents, ids and metadata included."""
    try:
        from langchain_core.documents import Document
    except ImportError as exc:
        raise missing("langchain-core", "langchain", exc) from exc
    return [Document(id=p.id, page_content=p.text, metadata=metadata_of(p)) for p in passages]


def _answer(value: Any, role: Role) -> object:
    if isinstance(value, Mapping):
        if role == "verifier" and "accept" in value:
            return value
        found = next((value[key] for key in ANSWERS if key in value), None)
        if found is None:
            keys = ", ".join(str(key) for key in list(value)[:8]) or "nothing"
            raise StageFailed(f"gave a dict with {keys}; expected one of {', '.join(ANSWERS)} in it")
        return _answer(found, role)
    if not hasattr(value, "content"):
        return value
    text = text_of(value)
    if role != "model":
        return text
    usage = getattr(value, "usage_metadata", None) or {}
    said = getattr(value, "response_metadata", None) or {}
    return {
        "text": text,
        "prompt_tokens": usage.get("input_tokens"),
        "completion_tokens": usage.get("output_tokens"),
        "finish_reason": said.get("finish_reason") or said.get("stop_reason"),
    }


def _inputs_of(target: Any) -> tuple[list[str], list[str]]:
    """The names of the inputs it tells, and of those it cannot do without."""
    if hasattr(target, "_get_relevant_documents") or _is_chat(target) or _is_llm(target):
        return [], []
    if isinstance(variables := getattr(target, "input_variables", None), list):
        optional = list(getattr(target, "optional_variables", None) or [])
        return [*variables, *optional], variables
    try:
        schema = target.get_input_schema().model_json_schema()
    except Exception:  # noqa: BLE001  a schema is a courtesy: some types have none
        return [], []
    names = schema.get("properties")
    if not isinstance(names, dict) or not all(isinstance(name, str) and name != "root" for name in names):
        return [], []
    return list(names), list(schema.get("required", []))


def _is_chat(target: Any) -> bool:
    return hasattr(target, "_llm_type") and hasattr(target, "bind_tools")


def _is_llm(target: Any) -> bool:
    return hasattr(target, "_llm_type") and not hasattr(target, "bind_tools")


def _is_stuffing(target: Any) -> bool:
    """Whether it is what `create_stuff_documents_chain` makes: it packs the documents under `context` itself."""
    config = getattr(target, "config", None)
    return isinstance(config, Mapping) and config.get("run_name") == "stuff_documents_chain"
