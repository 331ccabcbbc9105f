"""Haystack's components as stages, and whole pipelines cut into stages at the components that they are made of.

A stage of a pipeline is one of its components together with those before it that no other stage stands for: a
query embedder goes with its retriever, a joiner with what it joins. It is run from what the stages before it
gave in the replay, so that a pipeline is replayed from any component on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from diagnose.core.artifact import Answer, Context, Passage, Query, Turn
from diagnose.core.stage import Role
from diagnose.errors import StageFailed
from diagnose.stages.framework_values import metadata_of, missing, text_of, turns_of
from diagnose.stages.haystack_graph import Part, Segment, segment_of
from diagnose.stages.named_inputs import Fitting, Wanted
from diagnose.stages.turns import text_of_turns, turns_of_text

DISTRIBUTION = "haystack-ai"
GIVEN_BY: Mapping[Role, tuple[str, ...]] = {
    "router": ("route", "replies", "output"),
    "rewriter": ("query", "text", "replies", "prompt"),
    "retriever": ("documents",),
    "ranker": ("documents",),
    "compressor": ("documents",),
    "packer": ("prompt", "context", "text"),
    "model": ("replies", "answers", "answer", "reply", "text"),
    "verifier": ("accept", "replies"),
}
"""The outputs that hold what a stage of each role gives, the likeliest first."""


def haystack_stage(role: Role, target: Any, fitting: Fitting) -> Any:
    """The stage that a Haystack component, or a part of a pipeline, is in this role; None where it is neither."""
    segment = segment_of(role, target, fitting)
    return HaystackStage(role, segment) if segment is not None else None


@dataclass(frozen=True)
class HaystackStage:
    """Components run one after another, the last of which gives the stage's output."""

    role: Role
    segment: Segment
    _warm: list[bool] = field(default_factory=list, repr=False, compare=False)

    def __call__(
        self,
        query: str,
        conversation: Query,
        passages: Sequence[Passage],
        context: Context | None,
        answer: Answer | None,
    ) -> object:
        if self.role in ("model", "verifier"):
            passages = context.passages if context is not None else ()
        has: dict[Wanted, Any] = {
            "query": query,
            "history": conversation.history,
            "passages": passages,
            "context": context.text if context is not None else "\n\n".join(p.text for p in passages),
            "answer": answer.text if answer is not None else "",
        }
        if not self._warm:
            self._warm_up()
        outputs: dict[str, Mapping[str, Any]] = {}
        for part in self.segment.parts:
            if (given := _given(part, outputs, has, self.role)) is not None:
                outputs[part.name] = part.instance.run(**given)
        last = self.segment.parts[-1].name
        if last not in outputs:
            raise StageFailed(f"its component {last} was not run: nothing came in where it needs an input")
        return _read(outputs[last], self.role)

    def _warm_up(self) -> None:
        for part in self.segment.parts:
            if callable(warm_up := getattr(part.instance, "warm_up", None)):
                warm_up()
        self._warm.append(True)


def _given(
    part: Part, outputs: Mapping[str, Mapping[str, Any]], has: Mapping[Wanted, Any], role: Role
) -> dict[str, Any] | None:
    """What a component is called with; None where an input that it needs comes from one that was not run."""
    given: dict[str, Any] = {}
    order = list(outputs)  # a joiner gets its inputs in the order in which they were made
    for socket in part.sockets:
        spoken = [sender for sender in socket.senders if sender.output in outputs.get(sender.component, {})]
        values = [
            _converted(outputs[sender.component][sender.output], sender.conversion)
            for sender in sorted(spoken, key=lambda sender: order.index(sender.component))
        ]
        if socket.wanted is not None:
            values.append(_made(socket.wanted, socket.kind, has))
        if not values:
            if socket.mandatory:
                return None
            continue
        if not socket.gathers:
            given[socket.name] = values[0]
        else:
            given[socket.name] = values if socket.wraps else [item for value in values for item in value]
    return given


def _converted(value: Any, conversion: Any) -> Any:
    if conversion is None:
        return value
    try:
        from haystack.core.type_utils import _convert_value
    except ImportError as exc:
        raise StageFailed(f"this Haystack converts values in a way that is not known here: {exc}") from exc
    return _convert_value(value, conversion)


def _made(wanted: Wanted, kind: str, has: Mapping[Wanted, Any]) -> Any:
    """The value of an input in the type that it has."""
    value = has[wanted]
    if wanted == "passages":
        return _documents(value)
    if "ChatMessage" in kind and "str" not in kind:
        if wanted == "history":
            return _messages(value)
        return _messages(turns_of_text(value) if wanted == "context" else (Turn("user", value),))
    if wanted == "history":
        return "\n".join(f"{turn.role}: {turn.content}" for turn in value)
    return [value] if kind.startswith("list[str") else value


def _documents(passages: Sequence[Passage]) -> list[Any]:
    try:
        from haystack import Document
    except ImportError as exc:
        raise missing("haystack-ai", "haystack", exc) from exc
    return [Document(id=p.id, content=p.text, meta=metadata_of(p), score=p.score) for p in passages]


def _messages(turns: Sequence[Turn]) -> list[Any]:
    try:
        from haystack.dataclasses import ChatMessage
    except ImportError as exc:
        raise missing("haystack-ai", "haystack", exc) from exc
    made = {"system": ChatMessage.from_system, "assistant": ChatMessage.from_assistant}
    return [made.get(turn.role, ChatMessage.from_user)(turn.content) for turn in turns]


def _read(output: Mapping[str, Any], role: Role) -> object:
    """The output as plain values of the role."""
    name = next((name for name in GIVEN_BY[role] if name in output), None)
    if name is None:
        raise StageFailed(
            f"gave {', '.join(output) or 'nothing'}; expected one of {', '.join(GIVEN_BY[role])}"
        )
    value = output[name]
    if role in ("retriever", "ranker", "compressor"):
        return value
    if role == "packer":
        return value if isinstance(value, str) else text_of_turns(turns_of(value))
    if name == "accept":
        return {"accept": value, "text": output.get("text")}
    first = value[0] if isinstance(value, list | tuple) and value else value
    return _answer(first, output) if role == "model" else text_of(first)


def _answer(reply: Any, output: Mapping[str, Any]) -> object:
    if not reply:
        return ""
    data = getattr(reply, "data", None)  # a GeneratedAnswer or ExtractedAnswer
    about = getattr(reply, "meta", None) or next(iter(output.get("meta") or []), None) or {}
    usage = about.get("usage") or {}
    return {
        "text": data if isinstance(data, str) else text_of(reply),
        "prompt_tokens": usage.get("prompt_tokens"),
        "completion_tokens": usage.get("completion_tokens"),
        "finish_reason": about.get("finish_reason"),
    }
