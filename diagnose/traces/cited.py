"""Lists of passages in the inputs and outputs that tracing tools log, whatever shape a library gave them.

LangChain (`page_content`), LlamaIndex (`{"node", "score"}` and the text form of a node), Haystack (`content`,
`meta`, and its text form), MLflow (`doc_uri`), rerank endpoints (`{"index", "relevance_score"}`), vector stores
(Chroma's parallel lists, `matches`, `hits`, `points`) and plain lists of texts.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from diagnose.traces.span import Cited, IdFrom

TEXT_KEYS = (
    "page_content",
    "content",
    "text",
    "contents",
    "document",
    "chunk",
    "passage",
    "body",
    "snippet",
    "chunk_text",
)
ID_KEYS = (
    "id",
    "doc_id",
    "document_id",
    "id_",
    "node_id",
    "chunk_id",
    "passage_id",
    "_id",
    "docid",
    "uuid",
)
METADATA_ID_KEYS = ("chunk_id", "doc_id", "document_id", "id", "_id", "node_id", "passage_id", "uuid", "pk")
FILE_KEYS = ("doc_uri", "source", "source_id", "file_path", "path", "url", "uri", "filename", "file_name")
"""Metadata that names the file a passage is from: an id of last resort, since its passages share it."""
SCORE_KEYS = ("score", "relevance_score", "rerank_score", "similarity", "similarity_score", "_score")
METADATA_KEYS = ("metadata", "meta", "payload", "_source", "fields", "properties", "attributes", "extra_info")
LIST_KEYS = (
    "documents",
    "docs",
    "source_documents",
    "retrieved_documents",
    "retrieved_docs",
    "reranked_documents",
    "output_documents",
    "nodes",
    "source_nodes",
    "passages",
    "chunks",
    "retrieved_contexts",
    "retrieved_chunks",
    "contexts",
    "context",
    "search_results",
    "matches",
    "hits",
    "points",
    "results",
    "items",
    "data",
    "value",
    "output",
    "outputs",
    "result",
    "input",
    "inputs",
)
MESSAGE_TYPES = frozenset({"human", "ai", "system", "tool", "function", "chat", "HumanMessage", "AIMessage"})
NO_TAGS = frozenset({*TEXT_KEYS, *SCORE_KEYS})
MAX_PASSAGES = 10_000
MAX_TAGS = 12
TAG_CHARACTERS = 300

_NODE = re.compile(r"^<?NodeWithScore\(node=\w+\(id_=(?P<id>.*?)\), score=(?P<score>[^)]*)\)>?$", re.DOTALL)
_HAYSTACK = re.compile(
    r"^Document\(id=(?P<id>[^,]*)(?:, content: (?P<quote>['\"])(?P<text>.*)(?P=quote))?"
    r"(?P<rest>(?:, \w+: .*)?)\)$",
    re.DOTALL,
)


def passages_in(value: Any, *, bare: bool = False, given: Sequence[Cited] = ()) -> tuple[Cited, ...] | None:
    """The passages that a logged value holds, best first; None where it is no such list.

    With `bare`, a list of texts or of ids and scores counts as well: what a retriever gives cannot be
    anything else. `given` resolves positions in it (`{"index": 3}`), which rerank endpoints answer with.
    """
    items = _listed(value, bare, 0)
    if items is None:
        return None
    found = [_passage(item, bare, given) for item in items[:MAX_PASSAGES]]
    if any(passage is None for passage in found):
        return None
    return tuple(passage for passage in found if passage is not None)


def _listed(value: Any, bare: bool, depth: int) -> Sequence[Any] | None:
    """The list of items in a value, through the keys that libraries wrap one in."""
    if isinstance(value, list | tuple):
        if len(value) == 1 and isinstance(value[0], list) and value[0] and isinstance(value[0][0], dict):
            return value[0]  # a batch of one
        return value
    if not isinstance(value, dict) or depth > 2:
        return None
    if parallel := _parallel(value):
        return parallel
    for key in LIST_KEYS:
        inner = value.get(key)
        if isinstance(inner, list) and (bare or _holds_passages(inner)):
            return inner
        if isinstance(inner, dict) and (found := _listed(inner, bare, depth + 1)) is not None:
            return found
    return None


def _holds_passages(items: list[Any]) -> bool:
    return bool(items) and all(_passage(item, False, ()) is not None for item in items[:3])


def _parallel(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Chroma's answer: one list of ids, one of texts, one of distances, each in a batch of one."""
    ids, texts = _unbatched(value.get("ids")), _unbatched(value.get("documents"))
    if not ids or not all(isinstance(item, str | int) for item in ids):
        return []
    metadatas = _unbatched(value.get("metadatas"))
    distances = _unbatched(value.get("distances"))
    return [
        {
            "id": name,
            "text": texts[i] if i < len(texts) and isinstance(texts[i], str) else "",
            "metadata": metadatas[i] if i < len(metadatas) else None,
            "distance": distances[i] if i < len(distances) else None,
        }
        for i, name in enumerate(ids)
    ]


def _unbatched(value: Any) -> list[Any]:
    if not isinstance(value, list):
        return []
    return value[0] if len(value) == 1 and isinstance(value[0], list) else value


def _passage(item: Any, bare: bool, given: Sequence[Cited]) -> Cited | None:
    if isinstance(item, str):
        return _from_text(item, bare)
    if isinstance(item, list | tuple) and len(item) == 2 and is_number(item[1]):
        first = _passage(item[0], True, given)  # similarity_search_with_score
        return first and _scored(first, item[1])
    if isinstance(item, dict):
        return _from_object(item, bare, given)
    return None


def _from_text(text: str, bare: bool) -> Cited | None:
    start = text[:16]
    if "NodeWithScore" in start and (node := _NODE.match(text)):
        return Cited(id=node["id"], score=as_number(node["score"]), id_from="output")
    if start.startswith("Document(id=") and (parts := _HAYSTACK.match(text)):
        score = re.search(r", score: ([-+.\deE]+)", parts["rest"] or "")
        body = (parts["text"] or "").encode().decode("unicode_escape", "replace") if "\\" in text else ""
        return Cited(
            id=parts["id"],
            text=body or parts["text"] or "",
            score=as_number(score[1]) if score else None,
            id_from="output",
        )
    return Cited(text=text) if bare and text.strip() else None


def _from_object(item: Mapping[str, Any], bare: bool, given: Sequence[Cited]) -> Cited | None:
    if "role" in item or _is_message(item.get("type")) or "lc" in item:
        return _from_constructor(item, bare)
    if isinstance(node := item.get("node"), dict):
        inner = _from_object(node, True, given)
        return inner and _scored(inner, item.get("score"))
    index = item.get("index")
    if isinstance(index, int) and 0 <= index < len(given):
        return _scored(given[index], _first(item, SCORE_KEYS))
    if isinstance(wrapped := item.get("document"), dict):
        inner = _from_object(wrapped, True, given)
        return inner and _scored(inner, _first(item, SCORE_KEYS))
    return _from_fields(item, bare)


def _is_message(kind: Any) -> bool:
    return isinstance(kind, str) and kind in MESSAGE_TYPES


def _from_constructor(item: Mapping[str, Any], bare: bool) -> Cited | None:
    """LangChain's serialised form of an object; chat messages in it are no passages."""
    name = item.get("id")
    if isinstance(name, list) and name and name[-1] == "Document" and isinstance(item.get("kwargs"), dict):
        return _from_fields(item["kwargs"], bare)
    return None


def _from_fields(item: Mapping[str, Any], bare: bool) -> Cited | None:
    metadata = _metadata(item)
    text = _first_text(item, TEXT_KEYS)
    if text is None:
        text = _first_text(metadata, TEXT_KEYS)
    explicit = identifier(item, ID_KEYS)
    score = as_number(_first(item, SCORE_KEYS))
    if text is None and not (bare and (explicit is not None or identifier(item, FILE_KEYS))):
        return None
    found, id_from = (explicit, "output") if explicit else metadata_id(metadata)
    if found is None and (file := identifier(item, FILE_KEYS)):
        found, id_from = file, "metadata"
    title = item.get("title", metadata.get("title"))
    return Cited(
        id=found,
        text=text or "",
        score=as_number(_first(metadata, SCORE_KEYS)) if score is None else score,
        title=title if isinstance(title, str) and title else None,
        tags=tags_of(metadata, item.get("distance")),
        id_from=id_from,
    )


def _metadata(item: Mapping[str, Any]) -> Mapping[str, Any]:
    for key in METADATA_KEYS:
        if isinstance(inner := item.get(key), dict):
            return inner
    return {}


def metadata_id(metadata: Mapping[str, Any]) -> tuple[str | None, IdFrom]:
    """The id that a passage's metadata gives it: of the passage, else of its file."""
    found = identifier(metadata, METADATA_ID_KEYS) or identifier(metadata, FILE_KEYS)
    return found, "metadata" if found else "text"


def identifier(item: Mapping[str, Any], keys: Sequence[str]) -> str | None:
    """The first of the keys that holds an id: a text that is not blank, or a whole number."""
    for key in keys:
        value = item.get(key)
        if isinstance(value, str) and value.strip():
            return value
        if isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1:
            return str(int(value))
    return None


def tags_of(metadata: Mapping[str, Any], distance: Any = None) -> dict[str, str] | None:
    """The plain values of a passage's metadata. A distance is one of them and no score: lower is better."""
    tags: dict[str, str] = {}
    for key, value in metadata.items():
        kind = type(value)
        if kind is str:
            text = value
        elif kind is int or kind is float or kind is bool:
            text = str(value)
        else:
            continue
        if text and len(text) <= TAG_CHARACTERS and key not in NO_TAGS:
            tags[str(key)[:TAG_CHARACTERS]] = text
            if len(tags) >= MAX_TAGS:
                break
    if is_number(distance):
        tags["distance"] = str(distance)
    return tags or None


def _scored(passage: Cited, score: Any) -> Cited:
    number = as_number(score)
    if number is None:
        return passage
    return Cited(passage.id, passage.text, number, passage.title, passage.tags, passage.id_from)


def _first(item: Mapping[str, Any], keys: Sequence[str]) -> Any:
    return next((item[key] for key in keys if item.get(key) is not None), None)


def _first_text(item: Mapping[str, Any], keys: Sequence[str]) -> str | None:
    return next(_texts(item, keys), None)


def _texts(item: Mapping[str, Any], keys: Sequence[str]) -> Iterator[str]:
    for key in keys:
        if isinstance(value := item.get(key), str):
            yield value


def is_number(value: Any) -> bool:
    """Whether a value is a finite number and no truth value."""
    # An integer of hundreds of digits is no float.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def as_number(value: Any) -> float | None:
    """A finite float out of a number or a text that is one; None otherwise."""
    if type(value) is float:
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    return float(value) if is_number(value) else None
