"""OTLP JSON lines in the specification's spelling, decoded by type: what most large logs are, and twice as fast."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from diagnose.traces.any_value import VECTOR, any_value, whole_number


class Value(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """An any-value; lists and objects stay undecoded until somebody wants them."""

    string_value: str | None = None
    int_value: int | str | None = None
    double_value: float | str | None = None
    bool_value: bool | None = None
    array_value: msgspec.Raw = msgspec.Raw()
    kvlist_value: msgspec.Raw = msgspec.Raw()


class Pair(msgspec.Struct, gc=False):
    """An attribute."""

    key: str
    value: Value = Value()


class LineSpan(msgspec.Struct, rename="camel"):
    """A span."""

    trace_id: str
    span_id: str
    parent_span_id: str | None = None
    name: str = ""
    start_time_unix_nano: int | str = 0
    end_time_unix_nano: int | str = 0
    attributes: list[Pair] = []
    events: list[Any] = []
    status: dict[str, Any] | None = None


class LineScope(msgspec.Struct):
    """Spans of one instrumentation."""

    spans: list[LineSpan] = []


class LineResource(msgspec.Struct, rename="camel"):
    """Spans of one process."""

    resource: dict[str, Any] | None = None
    scope_spans: list[LineScope] = []


class OtlpLine(msgspec.Struct, rename="camel"):
    """A line."""

    resource_spans: list[LineResource]


_DECODER = msgspec.json.Decoder(OtlpLine)
_STARTS = (b'{"resourceSpans":', b'{"resourceSpans" :', b'{ "resourceSpans":')


def decode_otlp_line(data: bytes) -> OtlpLine | None:
    """The line, or None where it is none of these or spells something another way: the slow way reads it then."""
    if not data.startswith(_STARTS) or b"instrumentationLibrarySpans" in data:
        return None
    try:
        return _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def pairs_of(attributes: list[Pair]) -> Iterator[tuple[str, Any]]:
    """Names and plain values."""
    for pair in attributes:
        value = pair.value
        if (text := value.string_value) is not None:
            yield pair.key, text
        elif value.double_value is not None:
            yield pair.key, value.double_value
        elif value.int_value is not None:
            yield pair.key, whole_number(value.int_value)
        elif value.bool_value is not None:
            yield pair.key, value.bool_value
        else:
            yield from _nested(pair.key, value)


def _nested(key: str, value: Value) -> Iterator[tuple[str, Any]]:
    if key.endswith(VECTOR):
        return
    for kind, raw in (("arrayValue", value.array_value), ("kvlistValue", value.kvlist_value)):
        if not bytes(raw):
            continue
        try:
            inner = msgspec.json.decode(raw)
        except (msgspec.DecodeError, RecursionError):
            return
        if inner is not None:
            yield key, any_value({kind: inner})
            return
