"""Rows of CSV, Parquet, Arrow and saved Hugging Face data sets as plain objects."""

from __future__ import annotations

import csv
import io
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from diagnose.errors import BadInput, visible
from diagnose.traces.account import Account
from diagnose.traces.lines import DEFAULT_LIMITS, Limits, Meter, Problem, opened, source_name, translated
from diagnose.traces.literals import literal

CSV_SUFFIXES = {".csv": ",", ".tsv": "\t"}
PARQUET_SUFFIXES = (".parquet", ".pq")
BATCH_ROWS = 256
DATASET_FILES = ("dataset_info.json", "state.json", "dataset_dict.json")
SEPARATORS = (",", ";", "\t", "|")
"""What may stand between the cells of a file, the likeliest first."""
NULLS = frozenset({"nan", "None", "null", "NaN", "<NA>", "NaT"})

Row = tuple[int, dict[str, Any]]
"""A row's place, from 1, and what it holds."""


def is_table(path: Path) -> bool:
    """Whether a path is read as a table by its name, or is a saved data set."""
    return table_suffix(path) in (*CSV_SUFFIXES, *PARQUET_SUFFIXES, ".arrow") or is_dataset(path)


def is_dataset(path: Path) -> bool:
    """Whether a folder is a data set that `save_to_disk` wrote."""
    return path.is_dir() and any((path / name).is_file() for name in DATASET_FILES)


def table_suffix(path: Path) -> str:
    """The suffix, that of the packed file for gzip."""
    return Path(path.stem).suffix.lower() if path.suffix.lower() == ".gz" else path.suffix.lower()


def read_rows(
    path: Path, limits: Limits = DEFAULT_LIMITS, account: Account | None = None
) -> Iterator[Row | Problem]:
    """The rows of a table, one at a time; `account` notes bytes that are no UTF-8. Raises BadInput where it
    cannot be read as a table."""
    suffix = table_suffix(path)
    if is_dataset(path):
        yield from _dataset_rows(path)
    elif suffix in CSV_SUFFIXES:
        yield from _csv_rows(path, limits, account or Account())
    else:
        yield from _arrow_rows(path, suffix)


def _csv_rows(path: Path, limits: Limits, account: Account) -> Iterator[Row | Problem]:
    source = source_name(path)
    csv.field_size_limit(max(csv.field_size_limit(), limits.line_bytes))
    with opened(path, source) as stream, translated(source):
        meter = Meter(stream, source, limits)
        text = io.TextIOWrapper(io.BufferedReader(_Read(meter)), "utf-8-sig", errors="replace", newline="")
        header = text.readline()
        lines = itertools.chain((header,), text)
        separator = _separator(header, CSV_SUFFIXES[table_suffix(path)])
        reader = csv.DictReader(lines, delimiter=separator, strict=False)
        try:
            for row in reader:
                row.pop(None, None)  # cells beyond the header
                if any("\ufffd" in value for value in row.values() if value):
                    account.note("bytes that are no UTF-8 were replaced by U+FFFD", source)
                yield reader.line_num, {name: value for name, value in row.items() if value not in ("", None)}
        except csv.Error as error:
            yield Problem(source, reader.line_num, "", "a CSV row", str(error))


def _separator(header: str, usual: str) -> str:
    """The separator of the header's columns: the usual one, unless only another stands in it."""
    if usual in header:
        return usual
    return max(SEPARATORS, key=header.count) if any(s in header for s in SEPARATORS) else usual


class _Read(io.RawIOBase):
    """A meter as a stream for the text layer."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed: WriteableBuffer
        data = self._meter.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _arrow_rows(path: Path, suffix: str) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    source = source_name(path)
    try:
        if suffix == ".arrow":
            with pa.memory_map(str(path)) as file:
                yield from _numbered(_record_batches(pa, file))
            return
        with pq.ParquetFile(path) as table:
            yield from _numbered(table.iter_batches(batch_size=BATCH_ROWS))
    except (OSError, ValueError, pa.ArrowException) as error:
        reason = visible(str(error).splitlines()[0][:200]) if str(error) else type(error).__name__
        raise BadInput(f"{source}: expected {suffix[1:]}, found something else ({reason})") from error


def _record_batches(pa: Any, file: Any) -> Any:
    try:
        return pa.ipc.open_stream(file)
    except pa.ArrowInvalid:
        opened_file = pa.ipc.open_file(file)
        return (opened_file.get_batch(i) for i in range(opened_file.num_record_batches))


def _numbered(batches: Any) -> Iterator[Row]:
    n = 0
    for batch in batches:
        for row in batch.to_pylist():
            n += 1
            yield n, row


def _dataset_rows(path: Path) -> Iterator[Row]:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import datasets

    source = source_name(path)
    try:
        found = datasets.load_from_disk(str(path))
    except Exception as error:  # any damage to any of its files
        reason = visible(str(error).splitlines()[0][:200]) if str(error) else type(error).__name__
        raise BadInput(
            f"{source}: expected a saved data set, found one that cannot be read ({reason})"
        ) from error
    splits = [found] if isinstance(found, datasets.Dataset) else list(found.values())
    n = 0
    for split in splits:
        for table in split.with_format("arrow").iter(batch_size=BATCH_ROWS):
            for row in table.to_pylist():
                n += 1
                yield n, row


def plain_cell(value: Any) -> Any:
    """A table's cell as a value: JSON and Python literals in text are read, lists and objects kept.

    CSV has text only, so tools write lists as JSON or as Python prints them. What is neither stays text.
    """
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text in NULLS:
        return None
    if text[:1] not in ("{", "[", '"') or text[-1:] not in ("}", "]", '"'):
        return value
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return literal(text, value)
