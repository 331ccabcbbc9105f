"""Passages as other people write them down: the accepted names of each field."""

from __future__ import annotations

import hashlib
import math
import numbers
from collections.abc import Mapping

from diagnose.core.artifact import Frozen, Passage
from diagnose.errors import quoted

ID_KEYS = ("id", "doc_id", "_id")
TEXT_KEYS = ("text", "contents", "page_content", "content")


class WrongField(ValueError):
    """A field holds something else than it should; the message starts with the field's name."""


class Fields(Frozen, frozen=True):
    """The fields of a passage that a record has; None where it has none."""

    id: str | None = None
    text: str | None = None
    score: float | None = None
    title: str | None = None
    tags: dict[str, str] | None = None


def read_fields(record: Mapping[str, object]) -> Fields:
    """The passage's fields in a record, under any of their accepted names; WrongField says which is wrong."""
    return Fields(
        id=_identifier(*_first(record, ID_KEYS)),
        text=_string(*_first(record, TEXT_KEYS)),
        score=number("score", record.get("score")),
        title=_string("title", record.get("title")),
        tags=_tags(record.get("tags")),
    )


def passage_from(record: Mapping[str, object]) -> Passage:
    """A passage with an id and a text, or WrongField."""
    fields = read_fields(record)
    if fields.id is None:
        raise WrongField(f"id: missing (also looked for {' and '.join(ID_KEYS[1:])})")
    if fields.text is None:
        raise WrongField(f"text: missing (also looked for {', '.join(TEXT_KEYS[1:])})")
    return Passage(id=fields.id, text=fields.text, score=fields.score, title=fields.title, tags=fields.tags)


def searchable(passage: Passage) -> str:
    """What an index reads of a passage: its title, where it has one, and its text."""
    return f"{passage.title}\n{passage.text}" if passage.title else passage.text


def content_id(text: str) -> str:
    """An id for a passage that came without one: the same text has the same id in every run."""
    return "sha256:" + hashlib.sha256(encoded(text)).hexdigest()[:16]


def encoded(text: str) -> bytes:
    """UTF-8; lone surrogates, which no file can hold, as question marks."""
    return text.encode("utf-8", "replace")


def number(field: str, value: object) -> float | None:
    """A finite float; None for a missing, infinite or NaN one (they order nothing)."""
    if value is None:
        return None
    value = unwrapped(value)
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise WrongField(f"{field}: expected a number, found {shown(value)}")
    try:
        found = float(value)
    except OverflowError:  # an integer of hundreds of digits
        return None
    return found if math.isfinite(found) else None


def unwrapped(value: object) -> object:
    """The Python value of a numpy or torch scalar; anything else as it is."""
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "shape", None) in ((), None):
        return item()
    return value


def shown(value: object) -> str:
    """A foreign value for an error message, without calling its `repr`."""
    if isinstance(value, str):
        return quoted(value)
    if value is None or isinstance(value, (bool, int, float)):
        return str(value)
    return f"a value of type {type(value).__name__}"


def _first(record: Mapping[str, object], keys: tuple[str, ...]) -> tuple[str, object]:
    """The first of the keys that holds something, and what it holds."""
    return next(((key, record[key]) for key in keys if record.get(key) is not None), (keys[0], None))


def _string(field: str, value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, str):
        return str(value)  # also of numpy's strings, which no encoder takes
    raise WrongField(f"{field}: expected a string, found {shown(value)}")


def _identifier(field: str, value: object) -> str | None:
    value = unwrapped(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value == "":
        raise WrongField(f"{field}: expected an id, found an empty string")
    return _string(field, value)


def _tags(value: object) -> dict[str, str] | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise WrongField(f"tags: expected a table of strings, found {shown(value)}")
    return {str(key): str(entry) for key, entry in value.items() if entry is not None}
