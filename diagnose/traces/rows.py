"""Rows of CSV, Parquet, Arrow and saved Hugging Face data sets as plain objects."""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from diagnose.errors import BadInput, visible
from diagnose.traces.account import Account
from diagnose.traces.from_promptfoo import is_prompt_column
from diagnose.traces.limits import DEFAULT_LIMITS, Limits, OverLimit
from diagnose.traces.lines import Meter, Problem, broken_packing, opened, said_of, source_name, translated
from diagnose.traces.literals import literal
from diagnose.traces.returns import Returns
from diagnose.traces.unpacking import PACKED_SUFFIXES, BrokenPackingError

CSV_SUFFIXES = {".csv": ",", ".tsv": "\t"}
PARQUET_SUFFIXES = (".parquet", ".pq")
ARROW_SUFFIXES = (".arrow", ".feather")
BATCH_ROWS = 256
BATCH_BYTES = 16 * 1024 * 1024
"""Unpacked bytes of the rows that are read at once from Parquet, about."""
LOOKED_AT = 1000
"""Groups of rows that are looked at for how wide their rows are."""
DATASET_FILES = ("dataset_info.json", "state.json", "dataset_dict.json")
BOM = b"\xef\xbb\xbf"
_LONE_RETURN = re.compile(rb"\r(?![\n\r]|$)")
"""An end of line as old Macs and some spreadsheets write it."""
HEADER_BYTES = 64 * 1024
SEPARATORS = (",", ";", "\t", "|")
"""What may stand between the cells of a file, the likeliest first."""
NULLS = frozenset({"nan", "None", "null", "NaN", "<NA>", "NaT"})

Row = tuple[int, dict[str, Any]]
"""A row's place, from 1, and what it holds."""


def is_table(path: Path) -> bool:
    """Whether a path is read as a table by its name, or is a saved data set."""
    return table_suffix(path) in (*CSV_SUFFIXES, *PARQUET_SUFFIXES, *ARROW_SUFFIXES) or is_dataset(path)


def is_dataset(path: Path) -> bool:
    """Whether a folder is a data set that `save_to_disk` wrote."""
    return path.is_dir() and any((path / name).is_file() for name in DATASET_FILES)


def table_suffix(path: Path) -> str:
    """The suffix, that of the packed file for packed ones."""
    packed = path.suffix.lower() in PACKED_SUFFIXES
    return Path(path.stem).suffix.lower() if packed else path.suffix.lower()


def read_rows(
    path: Path, limits: Limits = DEFAULT_LIMITS, account: Account | None = None
) -> Iterator[Row | Problem]:
    """The rows of a table, one at a time; `account` notes bytes that are no UTF-8. Raises BadInput where it
    cannot be read as a table."""
    suffix = table_suffix(path)
    if path.is_file():
        limits.check_size(source_name(path), path.stat().st_size)
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
        lines = _Lines(Meter(stream, source, limits), limits.line_bytes)
        separator = _separator(lines.first, CSV_SUFFIXES[table_suffix(path)])
        reader = csv.DictReader(lines, delimiter=separator, strict=False)
        try:
            yield from _rows_of(reader, lines, source, account)
        except OverLimit:
            raise
        except (BadInput, BrokenPackingError) as error:
            if lines.number <= 1:
                raise
            what = (
                said_of(error, source, "the rest of the file")
                if isinstance(error, BadInput)
                else broken_packing(source, error)
            )
            yield msgspec.structs.replace(what, found=f"{what.found}; what came before is kept")


def _rows_of(
    reader: csv.DictReader[str], lines: _Lines, source: str, account: Account
) -> Iterator[Row | Problem]:
    n_long, of_prompts = 0, False
    while True:
        try:
            if lines.number == 0 and reader.fieldnames:
                reader.fieldnames = names = _told_apart(reader.fieldnames)
                # Where a prompt said nothing, its empty cell keeps the next ones in their places.
                of_prompts = any(is_prompt_column(name, names[i + 1 : i + 4]) for i, name in enumerate(names))
            row = next(reader, None)
        except csv.Error as error:  # the next line starts a row again
            yield Problem(source, lines.number, "", "a CSV row", str(error))
            continue
        for number in lines.too_long[n_long:]:
            found = "a longer one: it is left out"
            yield Problem(source, number, "", f"a row of {Limits(lines.most).longest}", found)
        n_long = len(lines.too_long)
        if row is None:
            return
        row.pop(None, None)  # cells beyond the header
        if any("\ufffd" in value for value in row.values() if value):
            account.note("bytes that are no UTF-8 were replaced by U+FFFD", source)
        kept = row if of_prompts else {name: value for name, value in row.items() if value not in ("", None)}
        yield lines.number, kept


def _told_apart(names: Sequence[str]) -> list[str]:
    """The columns' names, those that come again with a number."""
    met: Counter[str] = Counter()
    found = []
    for name in names:
        met[name] += 1
        found.append(name if met[name] == 1 else f"{name} ({met[name]})")
    return found


class _Lines:
    """The lines of a file as text, counted; those over a bound are skipped and their numbers kept."""

    def __init__(self, meter: Meter, most: int) -> None:
        self.number, self.too_long, self.most = 0, list[int](), most
        raw = meter.line()
        header = raw.removeprefix(BOM)[:HEADER_BYTES]
        self._meter: Meter | Returns = meter
        self._waiting: bytes | None = raw.removeprefix(BOM)
        if _LONE_RETURN.search(header):
            self._meter, self._waiting = Returns(meter, self._waiting), None
            header = _LONE_RETURN.split(header)[0]
        self.first = header.decode("utf-8", "replace")

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        while True:
            raw = self._meter.line() if self._waiting is None else self._waiting
            self._waiting = None
            if not raw:
                raise StopIteration
            self.number += 1
            if len(raw) <= self.most:
                return raw.decode("utf-8", "replace")
            self.too_long.append(self.number)
            self._meter.skip_rest(raw)


def _separator(header: str, usual: str) -> str:
    """The separator of the header's columns: the usual one, unless only another stands in it."""
    if usual in header:
        return usual
    return max(SEPARATORS, key=header.count) if any(s in header for s in SEPARATORS) else usual


def _arrow_rows(path: Path, suffix: str) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    source = source_name(path)
    try:
        if suffix in ARROW_SUFFIXES:
            with pa.memory_map(str(path)) as file:
                yield from _numbered(_record_batches(pa, file))
            return
        with pq.ParquetFile(path, pre_buffer=False) as table:
            yield from _numbered(table.iter_batches(batch_size=_batch_rows(table.metadata)))
    except (OSError, ValueError, pa.ArrowException) as error:
        reason = visible(str(error).splitlines()[0][:200]) if str(error) else type(error).__name__
        raise BadInput(f"{source}: expected {suffix[1:]}, found something else ({reason})") from error


def _batch_rows(metadata: Any) -> int:
    """So many rows that a batch of them fits in memory, by the largest group of rows."""
    groups = [metadata.row_group(i) for i in range(min(metadata.num_row_groups, LOOKED_AT))]
    widest = max((group.total_byte_size / max(group.num_rows, 1) for group in groups), default=1.0)
    return max(1, min(BATCH_ROWS, int(BATCH_BYTES / max(widest, 1.0))))


def _record_batches(pa: Any, file: Any) -> Any:
    try:
        return pa.ipc.open_stream(file)
    except pa.ArrowInvalid:
        opened_file = pa.ipc.open_file(file)
        return (opened_file.get_batch(i) for i in range(opened_file.num_record_batches))


def _numbered(batches: Any) -> Iterator[Row]:
    n = 0
    for batch in batches:
        for start in range(0, batch.num_rows, BATCH_ROWS):
            for row in batch.slice(start, BATCH_ROWS).to_pylist():
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
