"""Attributes that are lists, put together again.

Tools flatten them (`retrieval.documents.0.document.id`), nest them (Phoenix's data frames:
`[{"document.id": …}]`), or expand what was a JSON text in them (`…document.metadata.source`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import msgspec

from diagnose.core.artifact import Turn
from diagnose.traces import attributes as names
from diagnose.traces.account import Account, count_name
from diagnose.traces.cited import as_number, identifier, metadata_id, tags_of
from diagnose.traces.said import ROLE_OF, is_redacted, text_of, unwrapped
from diagnose.traces.span import Cited

MAX_ITEMS = 20_000
"""Items of one list that are read: an index can be any number."""

_START = tuple(f"{name}." for name in names.LISTS)
_INDEXED = re.compile(rf"({'|'.join(map(re.escape, names.LISTS))})\.(\d{{1,9}})(?:\.(.*))?", re.DOTALL)
_WRAPPED = ("document.", "message.")
"""What OpenInference wraps the fields of a list's entries in."""
_METADATA = ("metadata.", "langfuse.trace.metadata.", "langfuse.observation.metadata.")
_VARIABLES = "llm.prompt_template.variables."
_OBJECTS = frozenset(
    {*names.INPUT, *names.OUTPUT, *names.VARIABLES, *names.METADATA, *names.USAGE, *names.COST, *names.SYSTEM}
    | {*names.PROMPT, *names.ANSWER, *names.CITED, names.TRACE_INPUT, names.TRACE_OUTPUT}
)
"""Attributes whose value may be an object as it is."""
_READ = _OBJECTS | {
    *names.QUERY,
    *names.TEMPLATE,
    *names.MODEL,
    *names.COMPONENT,
    *names.PROMPT_TOKENS,
    *names.COMPLETION_TOKENS,
    *names.FINISH,
    *names.ERROR,
    *names.TAG_LISTS,
    *(attribute for attribute, _ in names.TAGS),
    *(attribute for attribute, _ in names.KINDS),
    *names.DATABASE,
    names.HAYSTACK_TYPE,
}


class Listed(msgspec.Struct, gc=False):
    """A span's attributes: plain ones in `flat`, lists by name, and the parts of objects that were expanded."""

    flat: dict[str, Any] = {}
    lists: dict[str, dict[int, Any]] = {}
    facts: dict[str, tuple[int, Any]] = {}
    metadata: dict[str, Any] = {}
    variables: dict[str, Any] = {}

    def first(self, fact: str) -> Any:
        """The value of the first of the attributes for a fact that has one."""
        found = self.facts.get(fact)
        return found[1] if found is not None else None

    def list(self, keys: Sequence[str]) -> list[Any] | None:
        """The items of the first of the lists that is there, in order; None where none is."""
        for key in keys:
            if key in self.lists:
                items = self.lists[key]
                return [items[i] for i in sorted(items)]
        return None


def split(attributes: Iterable[tuple[str, Any]], account: Account) -> Listed:
    """Sorts attributes into plain ones, lists and expanded objects, and counts those nobody reads."""
    listed = Listed()
    same, item = None, None  # the fields of an entry stand together
    for key, value in attributes:
        if value is None:
            continue
        entry, rest, place = placed(key)
        if entry is None:
            put(listed, key, value, place, account)
        elif entry is same and rest is not None:
            if type(item) is dict:
                item[rest] = value
        else:
            same, item = entry, _entered(listed.lists, place, value)
    return listed


def _entered(lists: dict[str, dict[int, Any]], place: Place, value: Any) -> Any:
    """The entry of a list that an attribute belongs to, with it; None where the list is too long."""
    items = lists.get(place.name)
    if items is None:
        items = lists[place.name] = {}
    item = items.get(place.position)
    if item is None:
        if len(items) < MAX_ITEMS:
            item = items[place.position] = value if place.rest is None else {place.rest: value}
    elif place.rest is not None and type(item) is dict:
        item[place.rest] = value
    return item


class Place(NamedTuple):
    """What an attribute's name says: a plain one, an entry of a list, a part of an object, or nothing to us."""

    what: Literal["plain", "entry", "metadata", "variables", "unread"]
    name: str = ""
    position: int = 0
    rest: str | None = None
    facts: tuple[tuple[str, int], ...] = ()


@lru_cache(maxsize=16_384)
def placed(key: str) -> tuple[tuple[str, int] | None, str | None, Place]:
    """The entry of a list that a name belongs to (one object for all names of an entry), which field of it this
    is, and all of that. Cached, since every span repeats the same few hundred names."""
    place = _place(key)
    return (_entry(place.name, place.position) if place.what == "entry" else None), place.rest, place


@lru_cache(maxsize=16_384)
def _entry(name: str, position: int) -> tuple[str, int]:
    return name, position


def _place(key: str) -> Place:
    if key.startswith(_START) and (match := _INDEXED.fullmatch(key)):
        rest = match[3]
        for wrapped in _WRAPPED:
            rest = rest and rest.removeprefix(wrapped)
        return Place("entry", match[1], int(match[2]), rest)
    if key in _READ:
        facts = tuple((fact, keys.index(key)) for fact, keys in names.FACTS.items() if key in keys)
        return Place("plain", facts=facts)
    if key.startswith(_METADATA):
        return Place("metadata", key.partition("metadata.")[2])
    if key.startswith(_VARIABLES):
        return Place("variables", key[len(_VARIABLES) :])
    return Place("plain" if key.startswith(names.PASSED_OVER) else "unread")


def put(listed: Listed, key: str, value: Any, place: Place, account: Account, depth: int = 0) -> None:
    """Puts an attribute that is no entry of a list where it belongs, and counts it where nobody reads it."""
    if isinstance(value, list) and key in names.LISTS:
        listed.lists[key] = dict(enumerate(value[:MAX_ITEMS]))
        return
    if isinstance(value, dict) and key not in _OBJECTS and depth < 6:
        _put_nested(listed, key, value, account, depth + 1)
        return
    listed.flat[key] = value
    for fact, rank in place.facts:
        before = listed.facts.get(fact)
        if (before is None or rank < before[0]) and value != "" and not is_redacted(value):
            listed.facts[fact] = (rank, value)
    if place.what == "metadata":
        listed.metadata[place.name] = value
    elif place.what == "variables":
        listed.variables[place.name] = value
    elif place.what == "unread":
        count_name(account.attributes, key)


def _put_nested(listed: Listed, key: str, value: dict[str, Any], account: Account, depth: int) -> None:
    """The attributes inside one that a data frame nested."""
    for name, inner in value.items():
        if inner is None:
            continue
        longer = f"{key}.{name}"
        place = placed(longer)[2]
        if place.what == "entry":
            items = listed.lists.setdefault(place.name, {})
            item = items.setdefault(place.position, {}) if len(items) < MAX_ITEMS else None
            if isinstance(item, dict) and place.rest is not None:
                item[place.rest] = inner
        else:
            put(listed, longer, inner, place, account, depth)


def passages_of(items: Iterable[Any], tagged: bool = False) -> tuple[Cited, ...]:
    """The passages of a list of OpenInference documents, with the plain values of their metadata if `tagged`."""
    return tuple([_document(item, tagged) for item in items])


def _document(item: Any, tagged: bool) -> Cited:
    if type(item) is dict:
        # Nearly every passage of nearly every log.
        name, body, score = item.get("id"), item.get("content"), item.get("score")
        if type(name) is str and name and type(body) is str and type(score) is float and score - score == 0:
            text = "" if is_redacted(body) else body
            if not tagged:
                return Cited(name, text, score, None, None, "id")
            if len(item) == 4 and type(metadata := unwrapped(item.get("metadata"))) is dict:
                title = metadata.get("title")
                shown = title if type(title) is str and title else None
                return Cited(name, text, score, shown, tags_of(metadata), "id")
    return _any_document(_levelled(item, "document"), tagged)


def _any_document(raw: Mapping[str, Any], tagged: bool) -> Cited:
    fields = raw
    if "content" not in fields:
        fields = {key.removeprefix("document."): value for key, value in raw.items() if value is not None}
    content, explicit = fields.get("content"), identifier(fields, ("id",))
    score = as_number(fields.get("score"))
    text = content if isinstance(content, str) and not is_redacted(content) else ""
    if explicit and score is not None and not tagged:
        return Cited(explicit, text, score, id_from="id")
    metadata = unwrapped(fields.get("metadata"))
    inside = dict(metadata) if isinstance(metadata, dict) else {}
    inside.update({k[len("metadata.") :]: v for k, v in fields.items() if k.startswith("metadata.")})
    named, id_from = (explicit, "id") if explicit else metadata_id(inside)
    if score is None:
        score = as_number(inside.get("relevance_score", inside.get("score")))
    title = inside.get("title")
    return Cited(
        id=named,
        text=text,
        score=score,
        title=title if isinstance(title, str) and title else None,
        tags=tags_of(inside) if tagged else None,
        id_from=id_from,
    )


def _levelled(item: Any, under: str) -> dict[str, Any]:
    """An item's fields, those of the object it wraps beside its own."""
    if not isinstance(item, dict):
        return {"content": item}
    if isinstance(inner := item.get(under), dict):
        return {**inner, **{key: value for key, value in item.items() if key != under}}
    return item


def joined(stated: tuple[Cited, ...], in_output: Sequence[Cited]) -> tuple[Cited, ...]:
    """Stated passages, with the ids that only the span's output has: by text, or by place where that fits."""
    if not in_output or all(passage.id_from == "id" for passage in stated):
        return stated
    by_text = {passage.text: passage for passage in in_output if passage.text}
    same_length = len(stated) == len(in_output)
    found = []
    for i, passage in enumerate(stated):
        twin = by_text.get(passage.text)
        if twin is None and same_length and not (passage.text and in_output[i].text):
            twin = in_output[i]
        if passage.id_from != "id" and twin is not None and twin.id and twin.id_from == "output":
            score = passage.score if passage.score is not None else twin.score
            text, tags = passage.text or twin.text, passage.tags or twin.tags
            found.append(Cited(twin.id, text, score, passage.title, tags, "output"))
        else:
            found.append(passage)
    return tuple(found)


def messages_of(items: Iterable[Any]) -> tuple[Turn, ...]:
    """The chat messages of a flattened list."""
    return tuple(turn for item in items if (turn := _message(item)) is not None)


def _message(item: Any) -> Turn | None:
    if isinstance(item, str):
        return Turn("user", item)
    fields = {key.removeprefix("message."): value for key, value in _levelled(item, "message").items()}
    for wrapped in ("prompt", "completion"):
        if isinstance(text := fields.get(f"{wrapped}.text"), str):
            return Turn("user" if wrapped == "prompt" else "assistant", text)
    role = fields.get("role")
    role = ROLE_OF.get(role, role) if isinstance(role, str) else "user"
    content = unwrapped_parts(fields.get("content"))
    text = text_of(content) if content is not None else None
    if text is None:
        text = _parts(fields)
    return Turn(role, text) if text is not None else None


def unwrapped_parts(content: Any) -> Any:
    """A message's content, where it is the JSON of a list of parts that list."""
    inner = unwrapped(content)
    return inner if isinstance(inner, list) and text_of(inner) is not None else content


def _parts(fields: Mapping[str, Any]) -> str | None:
    contents = fields.get("contents")
    if isinstance(contents, list):
        flat = [_levelled(item, "message_content") for item in contents]
        texts = [v for item in flat for k, v in item.items() if k.endswith("text") and isinstance(v, str)]
    else:
        keyed = [(k, v) for k, v in fields.items() if k.startswith("contents.") and k.endswith(".text")]
        texts = [v for _, v in sorted(keyed) if isinstance(v, str)]
    return "\n".join(texts) if texts else None
