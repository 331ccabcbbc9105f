"""The one place that turns what a callable returned into the output type of its role.

A callable may return the types of `diagnose.core` or plain values. What it may return by role:

    router      the name of a declared route, {"route"}, Route
    rewriter    a string, {"text"} or {"query"}, Text
    retriever   passages: a list of strings, dicts, (passage, score) pairs or Passage; {"passages"}; Passages
    ranker      the same; ids and bare texts are looked up among the passages it was given
    compressor  the same; a list of shortened texts goes by its place in the list
    packer      a string, {"text", "passages"}, (text, passages), Context; what a bare string was packed
                of is read off the string
    model       a string, {"text", …}, Answer
    verifier    true or false, {"accept", "text"}, {"text"} alone to say that instead, (accept, text), Decision
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import msgspec

from diagnose.core.artifact import Answer, Context, Decision, Output, Passage, Passages, Route, Text
from diagnose.core.pipeline import Corpus
from diagnose.core.stage import Given, Role
from diagnose.errors import quoted
from diagnose.stages.framework_values import plain_passages
from diagnose.stages.match import Reader, one_passage, packed_passages
from diagnose.stages.passage import WrongField, encoded, shown, unwrapped


@dataclass(frozen=True)
class Known:
    """What an output may refer to by name (passages of the corpus, declared routes), and the keys of the environment,
    which it may not have in it."""

    corpus: Corpus | None = None
    routes: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()


NOTHING_KNOWN = Known()


def adapt(role: Role, value: object, given: Given, known: Known = NOTHING_KNOWN) -> Output:
    """The output of a stage of this role that returned `value` when called with `given`.

    Raises WrongField, saying what was found and expected, where the value is no such output.
    """
    if isinstance(value, (Route, Text, Answer, Decision)):
        # Nothing checks a type's fields when a value of it is made; as a dict they are.
        value = msgspec.structs.asdict(value)
    return _READERS[role](value, given, known)


def _route(value: object, given: Given, known: Known) -> Route:
    name = _text_in(value, ("route",), "the name of a route")
    if known.routes and name not in known.routes:
        raise WrongField(f"expected one of the routes {', '.join(known.routes)}, found {quoted(name)}")
    return Route(name)


def _query(value: object, given: Given, known: Known) -> Text:
    return Text(_text_in(value, ("text", "query"), "a query"))


def _retrieved(value: object, given: Given, known: Known) -> Passages:
    reader = Reader(known.corpus.get if known.corpus is not None else _nothing, open_ended=True)
    return Passages(tuple(one_passage(item, n, reader) for n, item in enumerate(_items(value))))


def _selected(value: object, given: Given, known: Known) -> Passages:
    reader = Reader(_by_id(given.passages), given.passages)
    return Passages(tuple(one_passage(item, n, reader) for n, item in enumerate(_items(value))))


def _compressed(value: object, given: Given, known: Known) -> Passages:
    items = _items(value)
    in_place = len(items) == len(given.passages)
    reader = Reader(_by_id(given.passages), given.passages, shortened=True, in_place=in_place)
    return Passages(tuple(one_passage(item, n, reader) for n, item in enumerate(items)))


def _packed(value: object, given: Given, known: Known) -> Context:
    text, items = _context_parts(value)
    if items is None:
        return Context(text, packed_passages(text, given.passages))
    reader = Reader(_by_id(given.passages), given.passages, shortened=True, packed_into=text)
    return Context(text, tuple(one_passage(item, n, reader) for n, item in enumerate(items)))


def _answer(value: object, given: Given, known: Known) -> Answer:
    text = _text_in(value, ("text", "answer"), "an answer")
    if not isinstance(value, Mapping):
        return Answer(text)
    reason = value.get("finish_reason")
    return Answer(
        text,
        prompt_tokens=_count(value, "prompt_tokens"),
        completion_tokens=_count(value, "completion_tokens"),
        finish_reason=None if reason is None else str(reason),
    )


def _decision(value: object, given: Given, known: Known) -> Decision:
    accept, text = value, None
    if isinstance(value, Mapping):
        text = value.get("text")
        # Text without a verdict is what to say instead.
        accept = value.get("accept", False if text is not None else None)
    elif isinstance(value, (tuple, list)) and len(value) == 2:
        accept, text = value
    accept = unwrapped(accept)
    if not isinstance(accept, bool):
        wanted = "true or false (or a dict with accept, with text to say instead, or with both)"
        raise WrongField(f"expected {wanted}, found {shown(accept)}")
    if text is not None and not isinstance(text, str):
        raise WrongField(f"text: expected a string or None, found {shown(text)}")
    return Decision(accept, None if text is None else clean(text))


def clean(text: str) -> str:
    """The text as a file can hold it: lone surrogates become question marks."""
    return str(text) if text.isascii() else encoded(text).decode()


def _text_in(value: object, keys: tuple[str, ...], what: str) -> str:
    """The text in a string or under one of a dict's keys."""
    if isinstance(value, Mapping):
        value = next((value[key] for key in keys if key in value), value)
    if not isinstance(value, str):
        raise WrongField(f"expected {what} (a string, or a dict with {keys[0]!r}), found {shown(value)}")
    return clean(value)


def _items(value: object) -> list[object]:
    """The entries of a list of passages in any accepted form."""
    if isinstance(value, Passages):
        return list(value.passages)
    if isinstance(value, Mapping) and "passages" in value:
        value = value["passages"]
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise WrongField(f"expected a list of passages, found {shown(value)}")
    return plain_passages(list(value))


def _context_parts(value: object) -> tuple[str, list[object] | None]:
    """The text of a context and the passages that were named with it, or None where none were."""
    passages: object = None
    if isinstance(value, Context):
        passages, value = value.passages or None, value.text
    elif isinstance(value, Mapping):
        passages = value.get("passages")
        value = value.get("text", value.get("context", value))
    elif isinstance(value, (tuple, list)) and len(value) == 2:
        value, passages = value
    if not isinstance(value, str):
        raise WrongField(
            f"expected a context (a string, or a dict with text and passages), found {shown(value)}"
        )
    return clean(value), None if passages is None else _items(passages)


def _count(record: Mapping[object, object], key: str) -> int | None:
    value = unwrapped(record.get(key))
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise WrongField(f"{key}: expected a whole number or None, found {shown(value)}")
    return value


def _by_id(passages: tuple[Passage, ...]) -> Callable[[str], Passage | None]:
    # Of two passages under one id the first is meant: the better ranked.
    return {passage.id: passage for passage in reversed(passages)}.get


def _nothing(passage_id: str) -> Passage | None:
    return None


_READERS: dict[Role, Callable[[object, Given, Known], Output]] = {
    "router": _route,
    "rewriter": _query,
    "retriever": _retrieved,
    "ranker": _selected,
    "compressor": _compressed,
    "packer": _packed,
    "model": _answer,
    "verifier": _decision,
}
