"""Questions, answers and messages in the inputs and outputs that tracing tools log."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from diagnose.core.artifact import Turn
from diagnose.traces.literals import literal

QUERY_KEYS = (
    "query",
    "question",
    "user_input",
    "query_str",
    "user_query",
    "search_query",
    "input",
    "query_bundle",
    "qb",
    "standalone_question",
    "prompt",
    "text",
    "q",
    "message",
    "content",
    "args",
    "data",
    "kwargs",
    "inputs",
    "request",
    "body",
)
ANSWER_KEYS = (
    "answer",
    "final_answer",
    "output_text",
    "response",
    "result",
    "output",
    "text",
    "content",
    "completion",
    "generated_text",
    "replies",
    "answers",
    "reply",
    "data",
    "message",
    "generations",
    "choices",
    "message_content",
    "value",
    "outputs",
)
HISTORY_KEYS = ("chat_history", "history", "messages", "conversation", "conversation_history")
PART_TEXT_KEYS = ("text", "content", "value", "input_text", "output_text")
ROLE_OF = {
    "human": "user",
    "ai": "assistant",
    "model": "assistant",
    "developer": "system",
    "function": "tool",
    "HumanMessage": "user",
    "AIMessage": "assistant",
    "AIMessageChunk": "assistant",
    "SystemMessage": "system",
    "ToolMessage": "tool",
    "FunctionMessage": "tool",
    "ChatMessage": "user",
}
REDACTED = frozenset({"__REDACTED__", "<redacted>", "[REDACTED]"})
_LONGEST_REDACTED = max(map(len, REDACTED))
MAX_DEPTH = 5
MAX_PRINTED = 200_000
"""Characters of a printed message that are read."""
_PRINTED = re.compile(r"ChatMessage\(_?role=<\w+\.\w+: '(\w+)'>")
_PRINTED_TEXT = re.compile(r"\btext=('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")", re.DOTALL)


def is_redacted(value: Any) -> bool:
    """Whether a value is what stands for a hidden text. Long texts are not hashed to find out."""
    return isinstance(value, str) and len(value) <= _LONGEST_REDACTED and value in REDACTED


def unwrapped(value: Any) -> Any:
    """The value that a text holds as JSON, where it does; anything else as it is."""
    if isinstance(value, str) and value[:1] in ("{", "[", '"') and value.rstrip()[-1:] in ("}", "]", '"'):
        try:
            return msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            return value
    return value


def messages_in(value: Any, depth: int = 0) -> tuple[Turn, ...]:
    """The chat messages of a value, () where there are none."""
    if isinstance(value, dict):
        if (turn := _turn(value)) is not None:
            return (turn,)
        if depth < MAX_DEPTH:
            for key in ("messages", "prompt", "input", "prompts", "args", "kwargs", "request", "contents"):
                if key in value and (found := messages_in(unwrapped(value[key]), depth + 1)):
                    return found
        return ()
    if not isinstance(value, list | tuple) or depth > MAX_DEPTH:
        return ()
    turns: list[Turn] = []
    for item in value:
        if isinstance(item, str) and (printed := _printed(item)) is not None:
            turns.append(printed)
        elif isinstance(item, list | tuple) and len(item) == 2 and all(isinstance(x, str) for x in item):
            role, content = item
            if role not in ROLE_OF and role not in ("user", "assistant", "system", "tool"):
                return ()
            turns.append(Turn(str(ROLE_OF.get(role, role)), str(content)))
        else:
            found = messages_in(item, depth + 1)
            if not found:
                return ()
            turns += found
    return tuple(turns)


def _printed(text: str) -> Turn | None:
    """A message as Python prints it, which is how LlamaIndex and Haystack log one in a list of arguments."""
    if not (found := _PRINTED.match(text[:MAX_PRINTED])):
        return None
    said = [literal(part[1], "") for part in _PRINTED_TEXT.finditer(text[:MAX_PRINTED])]
    return Turn(found[1], "\n".join(str(part) for part in said))


def _turn(item: Mapping[str, Any]) -> Turn | None:
    if "lc" in item and isinstance(item.get("kwargs"), dict):
        name = item.get("id")
        role = name[-1] if isinstance(name, list) and name else "user"
        return _turn({"type": role, **item["kwargs"]})
    if isinstance(item.get("data"), dict) and item.get("type") in ROLE_OF:
        item = {"type": item["type"], **item["data"]}
    role = item.get("role", item.get("_role", item.get("type")))
    if isinstance(role, dict):
        role = role.get("value")
    if not isinstance(role, str) or not ("role" in item or "_role" in item or role in ROLE_OF):
        return None
    for key in ("content", "_content", "parts", "blocks", "contents"):
        if (text := text_of(item.get(key))) is not None:
            return Turn(ROLE_OF.get(role, role), text)
    return Turn(ROLE_OF.get(role, role), "")


def text_of(content: Any) -> str | None:
    """The text of a message's content: itself, or its textual parts one after another."""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        return _part(content)
    if not isinstance(content, list | tuple):
        return None
    parts = [part for item in content if (part := text_of(item) if not isinstance(item, list) else None)]
    return "\n".join(parts) if parts else None


def _part(part: Mapping[str, Any]) -> str | None:
    for key in PART_TEXT_KEYS:
        if isinstance(text := part.get(key), str):
            return text
    if part.get("type") == "tool_call_response" and isinstance(part.get("response"), str):
        return str(part["response"])
    return None


def query_in(value: Any, depth: int = 0) -> str | None:
    """The question in a logged input; None where there is none."""
    if isinstance(value, str):
        inner = unwrapped(value)
        return query_in(inner, depth + 1) if inner is not value else _said(value)
    if depth > MAX_DEPTH:
        return None
    if isinstance(value, dict):
        if turns := messages_in(value):
            return last_user(turns)
        for key in QUERY_KEYS:
            if key in value and (found := query_in(value[key], depth + 1)):
                return found
        inner = [item for item in value.values() if isinstance(item, dict)]
        return next((found for item in inner if (found := query_in(item, depth + 1))), None)
    if isinstance(value, list | tuple) and value:
        turns = messages_in(value)
        return last_user(turns) if turns else query_in(value[0], depth + 1) if len(value) == 1 else None
    return None


def history_in(value: Any) -> tuple[Turn, ...]:
    """The turns before the question, where the input holds a conversation."""
    if isinstance(value, dict):
        for key in HISTORY_KEYS:
            if key in value and (turns := messages_in(unwrapped(value[key]))):
                asked = any(
                    value.get(other) for other in ("question", "query", "input", "user_input", "message")
                )
                return turns if asked else before_last_user(turns)
        inner = value.get("input")
        return history_in(inner) if isinstance(inner, dict) else ()
    return before_last_user(messages_in(value))


def last_user(turns: Sequence[Turn]) -> str | None:
    """What the user said last."""
    said = next((turn.content for turn in reversed(turns) if turn.role == "user"), None)
    return _said(said) if said is not None else None


def before_last_user(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """The user's and the assistant's turns before what the user said last."""
    last = max((i for i, turn in enumerate(turns) if turn.role == "user"), default=0)
    return tuple(turn for turn in turns[:last] if turn.role in ("user", "assistant"))


def answer_in(value: Any, depth: int = 0) -> str | None:
    """The answer in a logged output; None where there is none."""
    if isinstance(value, str):
        inner = unwrapped(value)
        if isinstance(inner, dict | list):
            return answer_in(inner, depth + 1) or _said(value)
        return _said(inner if isinstance(inner, str) else value)
    if depth > MAX_DEPTH or not value:
        return None
    if isinstance(value, dict):
        return _answer_in_object(value, depth)
    if isinstance(value, list | tuple):
        if turns := messages_in(value):
            said = [turn.content for turn in turns if turn.role == "assistant" and turn.content.strip()]
            return _said(said[-1]) if said else None
        return (text_of(value) if _is_parts(value) else None) or answer_in(value[0], depth + 1)
    return None


def _answer_in_object(value: Mapping[str, Any], depth: int) -> str | None:
    if (turn := _turn(value)) is not None:
        return _said(turn.content)
    if isinstance(messages := value.get("messages"), list) and (found := answer_in(messages, depth + 1)):
        return found
    for key in ANSWER_KEYS:
        if key in value and (found := answer_in(value[key], depth + 1)):
            return found
    inner = [item for item in value.values() if isinstance(item, dict)]
    return next((found for item in inner if (found := answer_in(item, depth + 1))), None)


def _is_parts(value: Sequence[Any]) -> bool:
    return all(isinstance(item, dict) and item.get("type") in ("text", "output_text") for item in value)


def _said(text: str) -> str | None:
    return text if not is_redacted(text) and not text.isspace() and text else None
