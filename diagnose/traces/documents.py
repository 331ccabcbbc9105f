"""The JSON documents of a file, whatever its layout: lines, one document, a list, or one object after another.

Lines are decoded one by one, the fast way. Anything else, and a line that is longer than a line may be, is read
through a scanner that takes large documents apart: the spans of a batch, the rows of an answer come out as
documents of the same shape with one entry each, so that memory holds one entry and never the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from diagnose.errors import BadInput, quoted
from diagnose.traces.account import Account
from diagnose.traces.limits import DEFAULT_LIMITS, Limits, OverLimit, nested_deeper
from diagnose.traces.lines import Meter, Problem, opened, said_of, source_name, translated
from diagnose.traces.native import without_stamp
from diagnose.traces.otlp_line import decode_otlp_line
from diagnose.traces.scanner import BrokenValue, Scanner

NESTED = frozenset(
    {
        *("resourceSpans", "resource_spans", "scopeSpans", "scope_spans", "batches"),
        *("resourceLogs", "resource_logs", "scopeLogs", "scope_logs"),
        *("instrumentationLibrarySpans", "instrumentation_library_spans"),
    }
)
"""Lists of objects that hold lists of spans themselves."""
TAKEN_APART = frozenset(
    {
        *("spans", "data", "traces", "runs", "observations", "results", "post", "patch"),
        *("testCases", "samples", "test_results", "logRecords", "log_records", "rows", "examples"),
    }
)
"""Lists whose entries stand for themselves."""
BOM = b"\xef\xbb\xbf"


class Document(NamedTuple):
    """A JSON value of a file; `line` is where it starts, from 1."""

    source: str
    line: int
    value: Any


def read_documents(
    path: Path | str, account: Account, limits: Limits = DEFAULT_LIMITS
) -> Iterator[Document | Problem]:
    """The documents of a file (`-`: standard input; gzip is unpacked); lists come out item by item.

    What is broken or too long comes out as a Problem and costs nothing around it, bytes that are no UTF-8
    as U+FFFD and a note. A stream that breaks off keeps what was read before. Raises BadInput, on the first
    `next`, for a file that is missing, unreadable, empty or binary.
    """
    source, n = source_name(path), 0
    try:
        for item in _read(path, source, account, limits):
            n += 1
            yield item
    except OverLimit:
        raise
    except BadInput as error:
        if not n:
            raise
        problem = said_of(error, source, "the rest of the file")
        yield msgspec.structs.replace(problem, found=f"{problem.found}; what came before is kept")
    if not n:
        raise BadInput(f"{source}: expected JSON, found an empty file or list")


def _read(path: Path | str, source: str, account: Account, limits: Limits) -> Iterator[Document | Problem]:
    with opened(path, source) as stream, translated(source):
        meter = Meter(stream, source, limits)
        number, any_line = 0, False
        while raw := meter.line():
            number += 1
            data = raw.removeprefix(BOM) if number == 1 else raw
            if data[:1].isdigit() and len(printed := without_stamp(data)) < len(data):
                data, any_line = printed, True  # a container's log is lines, whatever they hold
            if data.isspace() or not data:
                continue
            if len(raw) <= limits.line_bytes and limits.too_deep(data):
                any_line = True
                yield Problem(source, number, "", limits.deepest, "a line that is deeper")
                continue
            value = _decoded(data, source, account) if len(raw) <= limits.line_bytes else None
            if value is None and (
                len(raw) > limits.line_bytes or not any_line or data.strip() in (b"{", b"[")
            ):
                scanner = Scanner(meter.read, data, number, limits.line_bytes)
                yield from _shallow(_scanned(scanner, source, account), limits)
                return
            any_line = True
            if value is None:
                yield _broken_line(data, source, number)
            elif isinstance(value, list):
                yield from (Document(source, number, item) for item in value)
            else:
                yield Document(source, number, value)


def _shallow(found: Iterator[Document | Problem], limits: Limits) -> Iterator[Document | Problem]:
    """The documents, those that nest too deep as Problems."""
    for item in found:
        if (
            isinstance(item, Document)
            and limits.depth is not None
            and nested_deeper(item.value, limits.depth)
        ):
            yield Problem(item.source, item.line, "", limits.deepest, "an entry that is deeper")
        else:
            yield item


def _decoded(data: bytes, source: str, account: Account) -> Any | None:
    """The line's value (an OtlpLine for the commonest of formats), or None where it is no JSON by itself."""
    if (line := decode_otlp_line(data)) is not None:
        return line
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    text = data.decode("utf-8", "replace")
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
    if "\ufffd" in text:
        account.note("bytes that are no UTF-8 were replaced by U+FFFD", source)
    return value


def _broken_line(data: bytes, source: str, number: int) -> Problem:
    text = data.decode("utf-8", "replace").strip()
    try:
        json.loads(text, strict=False)
    except json.JSONDecodeError as error:
        if error.pos >= len(text) or error.msg.startswith("Unterminated"):
            return Problem(source, number, "", "a JSON object", "a line that ends in the middle of one")
        what = f"broken JSON at column {error.pos + 1}: {quoted(text[error.pos : error.pos + 40], 20)}"
        return Problem(source, number, "", "a JSON object", what)
    except RecursionError:
        return Problem(source, number, "", "a JSON object", "one nested too deep")
    except ValueError:
        pass
    return Problem(source, number, "", "a JSON object", quoted(text[:200], 40))


def _scanned(scanner: Scanner, source: str, account: Account) -> Iterator[Document | Problem]:
    """Documents one after another, each taken apart where it is a list or an envelope around one."""
    while character := scanner.peek():
        line = scanner.line
        if character == "[":
            scanner.take("[")
            yield from _items(scanner, source, nested=False)
        elif character == "{":
            yield from _pieces(scanner, source)
        elif not scanner.take(","):
            found = quoted(scanner.start_of_value(), 30)
            yield Problem(source, line, "", "JSON", f"{found} (lines up to the next object are passed over)")
            scanner.skip_to_object()
    if scanner.replaced:
        account.note("bytes that are no UTF-8 were replaced by U+FFFD", source, scanner.replaced)


def _items(scanner: Scanner, source: str, nested: bool) -> Iterator[Document | Problem]:
    """The items of a list whose bracket was just passed; those of `nested` lists taken apart in turn."""
    while (character := scanner.peek()) and not scanner.take("]"):
        if scanner.take(","):
            continue
        if nested and character == "{":
            yield from _pieces(scanner, source)
            continue
        line = scanner.line
        try:
            yield Document(source, line, scanner.value())
        except BrokenValue as broken:
            yield _problem(broken, scanner, source, line)
            if broken.cut or not _past(scanner):
                return


def _pieces(scanner: Scanner, source: str) -> Iterator[Document | Problem]:
    """An object as it is, or for every entry of a list in it that object with that entry alone."""
    line = scanner.line
    scanner.take("{")
    seen: dict[str, Any] = {}
    apart: dict[str, Any] = {}
    while (character := scanner.peek()) and not scanner.take("}"):
        if scanner.take(","):
            continue
        try:
            key = scanner.value() if character == '"' else None
            if not isinstance(key, str) or not scanner.take(":"):
                raise BrokenValue("expected a name and a colon")
            if scanner.peek() == "[" and key in NESTED | TAKEN_APART:
                scanner.take("[")
                for item in _items(scanner, source, nested=key in NESTED):
                    yield _wrapped(item, seen, key)
                apart[key] = []
            else:
                seen[key] = scanner.value()
        except BrokenValue as broken:
            yield _problem(broken, scanner, source, scanner.line)
            if broken.cut or not (broken.too_long and _past(scanner)):
                scanner.skip_to_object()
                return
    if not apart or seen:
        yield Document(source, line, {**seen, **apart})


def _wrapped(item: Document | Problem, seen: dict[str, Any], key: str) -> Document | Problem:
    if isinstance(item, Problem):
        return item
    return Document(item.source, item.line, {**seen, key: [item.value]})


def _past(scanner: Scanner) -> bool:
    return scanner.peek() in ("{", "[", '"') and scanner.skip_value()


def _problem(broken: BrokenValue, scanner: Scanner, source: str, line: int) -> Problem:
    if broken.too_long:
        return Problem(
            source, line, "", f"an entry of {Limits(scanner.most).longest}", "a longer one: it is left out"
        )
    if broken.cut:
        return Problem(source, line, "", "a whole JSON value", "a file that ends in the middle of one")
    return Problem(source, line, "", "a JSON value", f"{broken}: {quoted(scanner.start_of_value(), 30)}")
