"""Matches what a stage returned back to the passages it was given: by id, by text, by place in a list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from diagnose.core.artifact import Passage
from diagnose.errors import quoted
from diagnose.stages.passage import (
    Fields,
    WrongField,
    content_id,
    encoded,
    number,
    read_fields,
    shown,
    unwrapped,
)

LEAST_PREFIX = 40
"""Characters of a passage's beginning that must stand in a context for it to count as packed but cut:
shorter beginnings ("The ") are shared by passages that have nothing to do with one another."""


@dataclass(frozen=True)
class Reader:
    """How the entries of a list are to be read.

    `by_id` looks a passage up; `given` are those the stage was called with. `open_ended`: passages without
    an id are new ones (a retriever). `shortened`: a text may be part of a given one's. `in_place`:
    a text that is none of them belongs to the given passage at its place. `packed_into`: the context
    a passage named without a text was packed into.
    """

    by_id: Callable[[str], Passage | None]
    given: tuple[Passage, ...] = ()
    open_ended: bool = False
    shortened: bool = False
    in_place: bool = False
    packed_into: str | None = None


def one_passage(item: object, n: int, reader: Reader) -> Passage:
    """The passage that entry `n` of a list stands for, or WrongField naming the entry."""
    try:
        return _one(item, n, reader)
    except WrongField as exc:
        raise WrongField(f"passages[{n}]{_joined(str(exc))}") from None


def _joined(reason: str) -> str:
    # A field error continues the path (`passages[2].score: …`), any other starts a sentence.
    field = reason.partition(":")[0]
    return f".{reason}" if field.isidentifier() else f": {reason}"


def _one(item: object, n: int, reader: Reader) -> Passage:
    if isinstance(item, (tuple, list)) and len(item) == 2:
        return msgspec.structs.replace(_one(item[0], n, reader), score=number("score", item[1]))
    if isinstance(item, Passage):
        return _completed(item, reader)
    if isinstance(item, Mapping):
        return _from_fields(read_fields(item), n, reader)
    item = unwrapped(item)
    if isinstance(item, int) and not isinstance(item, bool):
        item = str(item)
    if not isinstance(item, str):
        raise WrongField(
            f'expected a passage (a string, a dict with "id" and "text", or a Passage), found {shown(item)}'
        )
    return _from_string(encoded(item).decode(), n, reader)


def _completed(passage: Passage, reader: Reader) -> Passage:
    """A typed passage, its fields checked (nothing does when it is made), and its text looked up where it
    came without one."""
    fields = read_fields(msgspec.structs.asdict(passage))
    if fields.id is None or fields.text is None:
        raise WrongField(f"{'id' if fields.id is None else 'text'}: expected a string, found None")
    known = reader.by_id(fields.id) if not fields.text else None
    text = encoded(fields.text).decode() if known is None else _as_packed(known, reader).text
    return Passage(fields.id, text, fields.score, fields.title, fields.tags)


def _from_fields(fields: Fields, n: int, reader: Reader) -> Passage:
    if fields.id is None:
        if fields.text is None:
            raise WrongField("expected an id or a text, found neither")
        found = _from_string(fields.text, n, reader)
    else:
        known = reader.by_id(fields.id)
        if known is None and fields.text is None:
            raise WrongField(f"text: missing, and no known passage has the id {quoted(fields.id)}")
        if known is None:
            known = Passage(id=fields.id)
        found = msgspec.structs.replace(_as_packed(known, reader), score=None)
    return msgspec.structs.replace(
        found,
        text=found.text if fields.text is None else encoded(fields.text).decode(),
        score=fields.score,
        title=fields.title or found.title,
        tags=fields.tags or found.tags,
    )


def _from_string(text: str, n: int, reader: Reader) -> Passage:
    """The passage a bare string stands for. Its score goes: it was the earlier stage's."""
    if (known := reader.by_id(text)) is not None:
        return msgspec.structs.replace(_as_packed(known, reader), score=None)
    if reader.open_ended:
        return Passage(id=content_id(text), text=text)
    owner = next((passage for passage in reader.given if passage.text == text), None)
    if owner is None and reader.shortened and text:
        owner = _holder(text, n, reader)
    if owner is None:
        raise WrongField(
            f"expected one of the {len(reader.given)} passages it was given, found {quoted(text)}"
        )
    return msgspec.structs.replace(owner, text=text, score=None)


def _holder(text: str, n: int, reader: Reader) -> Passage | None:
    """The given passage that a shortened text was made of; its own place in the list is tried first."""
    own = reader.given[n : n + 1] if reader.in_place else ()
    inside = next((passage for passage in (*own, *reader.given) if text in passage.text), None)
    return inside or (own[0] if own else None)


def _as_packed(passage: Passage, reader: Reader) -> Passage:
    """The passage with its text as it stands in the context, where it was cut there."""
    if reader.packed_into is None:
        return passage
    found = packed_passages(reader.packed_into, (passage,))
    return found[0] if found else passage


def packed_passages(text: str, passages: tuple[Passage, ...]) -> tuple[Passage, ...]:
    """The passages that a context was packed of, in the order they stand in it, texts as cut.

    A passage is in it where its whole text is, or at least its first LEAST_PREFIX characters (then it was
    cut: the longest beginning that is there). Runs of white space count as one space. One that stands there
    twice is listed twice; one that stands only inside another is not listed.
    """
    flat = _flat(text)
    alike: dict[str, list[Passage]] = {}
    for passage in passages:
        alike.setdefault(_flat(passage.text), []).append(passage)
    spans: list[tuple[int, int, Passage]] = []
    for whole, twins in alike.items():
        for i, (start, end) in enumerate(_places(flat, whole)):
            owner = twins[min(i, len(twins) - 1)]
            cut = end - start < len(whole)
            spans.append((start, end, msgspec.structs.replace(owner, text=flat[start:end]) if cut else owner))
    outer = [span for span in spans if not any(_inside(span, other) for other in spans)]
    return tuple(passage for _, _, passage in sorted(outer, key=lambda span: span[0]))


def _flat(text: str) -> str:
    return " ".join(text.split())


def _places(text: str, passage: str) -> list[tuple[int, int]]:
    """Where the passage stands in the text: every whole occurrence, else the first of its longest
    beginning."""
    if not passage:
        return []
    starts, at = [], text.find(passage)
    while at >= 0:
        starts.append(at)
        at = text.find(passage, at + len(passage))
    if starts:
        return [(start, start + len(passage)) for start in starts]
    low, high = 0, len(passage)
    while low < high:  # a beginning that stands there has all shorter ones standing there, too
        middle = (low + high + 1) // 2
        low, high = (middle, high) if passage[:middle] in text else (low, middle - 1)
    length = len(passage[:low].rstrip())
    start = text.find(passage[:length])
    return [(start, start + length)] if length >= LEAST_PREFIX else []


def _inside(span: tuple[int, int, Passage], other: tuple[int, int, Passage]) -> bool:
    """Whether a span lies within another, longer one."""
    return other[0] <= span[0] and span[1] <= other[1] and span[1] - span[0] < other[1] - other[0]
