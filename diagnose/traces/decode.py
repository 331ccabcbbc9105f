"""One JSON line into a typed value, or everything that is wrong with it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cached_property
from itertools import chain, islice
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import inspect

from diagnose.errors import quoted
from diagnose.traces.fields import MAX_FINDINGS, findings, found, join
from diagnose.traces.lines import Finding, Line

T = TypeVar("T")
JSON_OBJECT = "a JSON object"

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<field>[^`]*)`)?$", re.DOTALL)


class _Head(msgspec.Struct):
    schema: Any = None


_HEAD = msgspec.json.Decoder(_Head)


class LineDecoder(Generic[T]):
    """Decodes lines of one schema.

    `schema` is optional on a line; another one than expected is a finding, whatever else is on the line.
    Half surrogate pairs, which clipped JavaScript strings end in, come out as U+FFFD.
    """

    def __init__(self, kind: type[T], schema: str) -> None:
        self.schema = schema
        self._kind = kind
        self._decoder = msgspec.json.Decoder(kind)
        # What our own writers and Python's json put first: such a line needs no second look at its schema.
        self._starts = (f'{{"schema":"{schema}"'.encode(), f'{{"schema": "{schema}"'.encode())

    @cached_property
    def shape(self) -> inspect.Type:
        """The type as `findings` takes it: milliseconds to make, and wanted for broken lines only."""
        return inspect.type_info(self._kind)

    def decode(self, line: Line) -> T | list[Finding]:
        """The line's value, or at least one finding."""
        try:
            known = line.data.startswith(self._starts) or _HEAD.decode(line.data).schema in (
                None,
                self.schema,
            )
            return self._decoder.decode(line.data) if known else self._refused(line.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._refused(line.data)

    def _refused(self, data: bytes) -> T | list[Finding]:
        plain = _plain_json(data)
        if isinstance(plain, Finding):
            return [plain]
        if isinstance(plain, dict) and plain.get("schema") not in (None, self.schema):
            return [Finding("schema", quoted(self.schema), found(plain["schema"]))]
        if not isinstance(plain, dict):
            return [Finding("", JSON_OBJECT, found(plain))]
        wrong = list(islice(chain(_non_finite(plain), findings(plain, self.shape)), MAX_FINDINGS))
        if wrong:
            return list(dict.fromkeys(wrong))
        try:
            return msgspec.convert(plain, self._kind)
        except msgspec.ValidationError as error:
            return [_translated(error)]


def _plain_json(data: bytes) -> Any | Finding:
    """The line as plain objects (NaN and Infinity let through), or why it is no JSON."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        return Finding("", "UTF-8 text", f"byte 0x{data[error.start]:02x} at byte {error.start + 1}")
    try:
        value = json.loads(text)
        return json.loads(_sound(text, value)) if _mentions_surrogate(text) else value
    except RecursionError:
        return Finding("", JSON_OBJECT, "one nested too deep")
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()):
            return Finding("", JSON_OBJECT, "a line that ends in the middle of one")
        what = quoted(text[error.pos : error.pos + 40].rstrip(), 20)
        return Finding("", JSON_OBJECT, f"broken JSON at column {error.pos + 1}: {what} ({error.msg})")
    except ValueError:
        return Finding("", "a number a computer can hold", "one of thousands of digits")


def _mentions_surrogate(text: str) -> bool:
    return "\\ud" in text or "\\uD" in text


def _sound(text: str, value: object) -> str:
    return _LONE_SURROGATE.sub("\ufffd", json.dumps(value, ensure_ascii=False))


def _non_finite(value: object, field: str = "") -> Iterator[Finding]:
    """Numbers JSON does not have, wherever they are: Python writes them, and other readers choke."""
    if isinstance(value, float) and value - value != 0.0:
        yield Finding(field, "a number", found(value))
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _non_finite(item, join(field, quoted(name)[1:-1]))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _non_finite(item, f"{field}[{i}]")


def _translated(error: Exception) -> Finding:
    """A rule that a type checks when it is built; our own types word these themselves."""
    match = _AT.match(str(error))
    assert match is not None  # the pattern matches every text
    return Finding(match["field"] or "", "fields that agree", match["what"])
