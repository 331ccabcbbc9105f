"""Our own lines (traces, games, blames) as Parquet, a row for each, and back."""

from __future__ import annotations

import os
import types
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from diagnose.core.artifact import Frozen
from diagnose.errors import NO_SPACE, BadInput, NoSpace, UsageError, visible
from diagnose.traces.limits import DEFAULT_LIMITS, Limits
from diagnose.traces.lines import STDIN, Line, Problem, source_name
from diagnose.traces.rows import PARQUET_SUFFIXES, read_rows
from diagnose.traces.to_jsonl import PRIVATE, SCHEMAS, encode_line
from diagnose.traces.to_jsonl import Line as Value

ROWS = 1_000
"""Rows that are held and written at once."""
KEY = b"diagnose"
"""Under which a file's metadata names the format of its rows."""
MAY_BE_NULL = frozenset({"evidence"})
"""Fields in which null says something; any other that is null was left out of the line."""


def is_parquet(path: Path | str) -> bool:
    """Whether a path is a Parquet file by its name."""
    return str(path) != STDIN and Path(path).suffix.lower() in PARQUET_SUFFIXES


def schema_in(path: Path | str) -> str | None:
    """The format of the rows of a Parquet file of ours (`diagnose.trace/1`), None for any other file."""
    if not is_parquet(path):
        return None
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_schema(path).metadata or {}
    except (OSError, ValueError, pa.ArrowException):
        return None
    found = metadata.get(KEY)
    return found.decode(errors="replace") if found is not None else None


def write_parquet(path: Path | str, values: Iterable[Value], kind: type[Value]) -> int:
    """Writes values of one kind, a row each, and returns how many there were. The file appears whole or not at all.

    What a line holds is in the columns, objects with free keys as maps. UsageError where the file cannot be written.
    """
    import pyarrow.parquet as pq

    schema = arrow_schema(kind)
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name[:200]}.{os.getpid()}.tmp")
    n = 0
    try:
        with (
            open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE), "wb") as file,
            pq.ParquetWriter(file, schema) as writer,
        ):
            for some in batched_by(values, ROWS):
                writer.write_batch(_batch(some, schema))
                n += len(some)
        temporary.replace(target)
    except OSError as error:
        reason = visible(error.strerror or str(error))
        told = f"{source_name(path)}: cannot be written: {reason}"
        raise (
            NoSpace(f"{told}; make room and run again") if error.errno in NO_SPACE else UsageError(told)
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    return n


def parquet_lines(path: Path | str, limits: Limits = DEFAULT_LIMITS) -> Iterator[Line | Problem]:
    """The rows of a Parquet file as the lines they stand for. BadInput for a file that is none."""
    from diagnose.traces.account import Account

    source, n = source_name(path), 0
    for row in read_rows(Path(path), limits, Account()):
        n += 1
        if isinstance(row, Problem):
            yield row
        else:
            yield Line(source, row[0], msgspec.json.encode(_plain(row[1])))
    if not n:
        raise BadInput(f"{source}: expected rows, found none")


def arrow_schema(kind: type[Frozen]) -> Any:
    """The columns of a kind of value."""
    import pyarrow as pa

    fields = [pa.field(name, _arrow(hint)) for name, hint in _fields([kind]).items()]
    return pa.schema(fields, metadata={KEY: SCHEMAS[kind].encode()})


def batched_by(values: Iterable[Value], size: int) -> Iterator[list[Value]]:
    """The values in lists of at most `size`."""
    some: list[Value] = []
    for value in values:
        some.append(value)
        if len(some) == size:
            yield some
            some = []
    if some:
        yield some


def _batch(values: list[Value], schema: Any) -> Any:
    import pyarrow as pa

    rows = [msgspec.json.decode(encode_line(value)) for value in values]
    columns = [
        pa.array([_cell(row.get(field.name), field.type) for row in rows], field.type) for field in schema
    ]
    return pa.record_batch(columns, schema=schema)


def _cell(value: Any, kind: Any) -> Any:
    """A value as Arrow takes it: maps as pairs, an empty one as nothing."""
    import pyarrow as pa

    if value is None:
        return None
    if pa.types.is_map(kind):
        return [(name, _cell(item, kind.item_type)) for name, item in value.items()] or None
    if pa.types.is_struct(kind):
        return {field.name: _cell(value.get(field.name), field.type) for field in kind}
    if pa.types.is_list(kind):
        return [_cell(item, kind.value_type) for item in value]
    return value


def _plain(value: Any) -> Any:
    """A cell as it stands in a line."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items() if item is not None or name in MAY_BE_NULL}
    if isinstance(value, list):
        if value and isinstance(value[0], tuple):  # a map
            return {name: _plain(item) for name, item in value}
        return [_plain(item) for item in value]
    return value


def _fields(kinds: Iterable[type]) -> dict[str, Any]:
    """The fields of structs, those of several kinds together, by name."""
    return {name: hint for kind in kinds for name, hint in get_type_hints(kind).items()}


def _arrow(hint: Any) -> Any:
    import pyarrow as pa

    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return pa.string()
    if origin in (Union, types.UnionType):
        return _united([part for part in inner if part not in (type(None), msgspec.UnsetType)])
    if origin is tuple:
        return pa.list_(_arrow(inner[0]))
    if origin is dict:
        return pa.map_(pa.string(), _arrow(inner[1]))
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return pa.struct([pa.field(name, _arrow(part)) for name, part in _fields([hint]).items()])
    return {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}[hint]


def _united(kinds: list[Any]) -> Any:
    """One column for values of several kinds: texts, or structs with the fields of all."""
    import pyarrow as pa

    if len(kinds) == 1:
        return _arrow(kinds[0])
    if all(get_origin(kind) is Literal or kind is str for kind in kinds):
        return pa.string()
    return pa.struct([pa.field(name, _arrow(part)) for name, part in _fields(kinds).items()])
