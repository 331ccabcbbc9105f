"""What LangChain, LlamaIndex and Haystack hand on, as plain values, and passages as what they take.

Told apart by attributes, so that reading needs none of them installed; only a framework's own object that
takes passages brings its classes into play.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from diagnose.core.artifact import Passage, Turn
from diagnose.core.stage import Role
from diagnose.errors import MissingExtra
from diagnose.stages.passage import unwrapped

ID_KEYS = ("chunk_id", "doc_id", "document_id", "id", "_id", "node_id", "passage_id", "uuid", "pk")
FILE_KEYS = ("doc_uri", "source", "source_id", "file_path", "path", "url", "uri", "filename", "file_name")
"""Metadata that holds a passage's id, or names the file it is from: the rule of the log readers, so that a replay
gives the ids that the log has."""
EXCLUDED = "excluded_llm_metadata_keys"
SCORES = ("relevance_score", "score")
WRAPPED: Mapping[Role, tuple[str, ...]] = {
    "retriever": ("documents", "source_documents", "nodes"),
    "ranker": ("documents", "nodes"),
    "compressor": ("documents", "nodes"),
    "packer": ("prompt", "context"),
    "model": ("replies", "answers", "answer", "result", "output", "response"),
    "rewriter": ("query", "text", "output"),
}
"""The keys under which chains and components put what a stage of a role gives."""
ROLES = {"human": "user", "ai": "assistant", "model": "assistant", "developer": "system", "function": "tool"}


def plain_passages(items: Sequence[object]) -> list[object]:
    """The entries of a list of passages, those of a framework as dicts; all others as they are.

    Where metadata names one file for several passages, a digest of the text is added to its name.
    """
    read = [_pair(item) for item in items]
    texts: dict[str, set[str]] = defaultdict(set)
    for entry in read:
        if isinstance(entry, _Filed):
            texts[entry.file].add(_flat(entry.record["text"]))
    return [
        _named(entry, len(texts[entry.file]) > 1) if isinstance(entry, _Filed) else entry for entry in read
    ]


class _Filed:
    """A passage that has no id but the name of its file."""

    def __init__(self, record: dict[str, Any], file: str) -> None:
        self.record, self.file = record, file


def _named(entry: _Filed, shared: bool) -> object:
    name = entry.file
    if shared:
        name = (
            f"{name}#{hashlib.sha256(_flat(entry.record['text']).encode(errors='replace')).hexdigest()[:8]}"
        )
    return {**entry.record, "id": name}


def _pair(item: object) -> object:
    """A passage, or one with its score beside it (`similarity_search_with_score`)."""
    if isinstance(item, tuple | list) and len(item) == 2:
        first = _record(item[0])
        if isinstance(first, _Filed):
            first.record["score"] = item[1]
        elif isinstance(first, dict) and first is not item[0]:
            first["score"] = item[1]
        else:
            return item
        return first
    return _record(item)


def _record(item: Any) -> object:
    """The fields of a framework's passage; anything else as it is."""
    if isinstance(item, str | Mapping | Passage):
        return item
    score = getattr(item, "score", None)
    inner = getattr(item, "node", item)
    if callable(getattr(inner, "get_content", None)) and hasattr(inner, "metadata"):
        return _with_excluded(
            _fields(getattr(inner, "node_id", None), inner.get_content(), inner.metadata, score), inner
        )
    if isinstance(text := getattr(item, "page_content", None), str):
        return _fields(getattr(item, "id", None), text, getattr(item, "metadata", None), score)
    if hasattr(item, "content") and isinstance(getattr(item, "meta", None), Mapping):
        return _fields(getattr(item, "id", None), item.content or "", item.meta, score)
    return item


def _fields(name: object, text: str, metadata: object, score: object) -> object:
    about = metadata if isinstance(metadata, Mapping) else {}
    if score is None:
        score = next((about[key] for key in SCORES if _is_number(unwrapped(about.get(key)))), None)
    title = about.get("title")
    record: dict[str, Any] = {
        "text": text,
        "score": score,
        "title": title if isinstance(title, str) and title else None,
        "tags": tags_of(about) or None,
    }
    if (known := _id(name) or next((i for key in ID_KEYS if (i := _id(about.get(key)))), None)) is not None:
        return {**record, "id": known}
    file = next((i for key in FILE_KEYS if (i := _id(about.get(key)))), None)
    return record if file is None else _Filed(record, file)


def _with_excluded(found: object, node: object) -> object:
    """A LlamaIndex node's list of metadata that its model is not shown, kept among the tags."""
    excluded = list(getattr(node, EXCLUDED, None) or [])
    record = found.record if isinstance(found, _Filed) else found
    if excluded and isinstance(record, dict):
        record["tags"] = {**(record["tags"] or {}), EXCLUDED: json.dumps(excluded)}
    return found


def _id(value: object) -> str | None:
    value = unwrapped(value)
    if isinstance(value, str) and value.strip():
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _flat(text: str) -> str:
    return " ".join(text.split())


def tags_of(metadata: Mapping[Any, Any]) -> dict[str, str]:
    """Metadata as tags that `metadata_of` makes the same metadata of: texts as they are, other values as JSON."""
    return {str(key): _tag(value) for key, value in metadata.items() if value is not None}


def _tag(value: object) -> str:
    value = unwrapped(value)
    if isinstance(value, str) and _decoded(value) is value:
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def metadata_of(passage: Passage) -> dict[str, Any]:
    """The metadata of a passage that a framework gave, as it had it."""
    return {key: _decoded(value) for key, value in (passage.tags or {}).items()}


def _decoded(text: str) -> Any:
    """The value that a text is the JSON of; the very text where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def turns_of(messages: Iterable[object]) -> tuple[Turn, ...]:
    """The chat messages of a framework (objects with a role or type, and a content or text)."""
    found = []
    for message in messages:
        role = getattr(message, "role", None) or getattr(message, "type", None) or "user"
        role = str(getattr(role, "value", role))
        found.append(Turn(ROLES.get(role, role), text_of(message)))
    return tuple(found)


def text_of(message: object) -> str:
    """The text of a chat message, whose content may be a text or a list of parts."""
    if isinstance(message, str):
        return message
    content = getattr(message, "content", None)
    if content is None:
        content = getattr(message, "text", None)
    if isinstance(content, list | tuple):
        parts = (
            p if isinstance(p, str) else p.get("text") if isinstance(p, Mapping) else None for p in content
        )
        return "\n".join(part for part in parts if part)
    return str(content) if content is not None else ""


def plain_output(role: Role, value: Any) -> Any:
    """What a stage of the user's own code returned, out of the wrapping that its framework put around it."""
    if isinstance(value, Mapping):
        keys = () if {"passages", "text"} & set(value) else WRAPPED.get(role, ())
        inner = next((value[key] for key in keys if key in value), value)
        return inner[0] if role == "model" and isinstance(inner, list | tuple) and inner else inner
    if role in ("retriever", "ranker", "compressor") or isinstance(value, str | tuple | list):
        return value
    choices = getattr(value, "choices", None)  # an OpenAI completion
    if choices:
        message = getattr(choices[0], "message", None)
        text = text_of(message if message is not None else choices[0])
        return _said(text, getattr(value, "usage", None), choices[0])
    if callable(getattr(value, "to_string", None)):
        return value.to_string()
    for name in ("response", "content", "data"):
        found = getattr(value, name, None)
        if isinstance(found, str | list):
            text = found if isinstance(found, str) else text_of(value)
            return _said(text, getattr(value, "usage_metadata", None))
    return value


def _said(text: str, usage: Any, choice: Any = None) -> dict[str, Any]:
    counts = usage if isinstance(usage, Mapping) else getattr(usage, "__dict__", {})
    return {
        "text": text,
        "prompt_tokens": counts.get("prompt_tokens", counts.get("input_tokens")),
        "completion_tokens": counts.get("completion_tokens", counts.get("output_tokens")),
        "finish_reason": getattr(choice, "finish_reason", None),
    }


def missing(framework: str, extra: str, cause: ImportError) -> MissingExtra:
    """The error where a framework's object is there and the framework is not."""
    error = MissingExtra(framework, extra)
    error.__cause__ = cause
    return error
