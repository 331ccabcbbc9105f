"""Reads the passages a retriever searches, from JSON Lines, Parquet or a saved dataset."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from diagnose.core.artifact import Passage
from diagnose.core.pipeline import Corpus
from diagnose.errors import BadInput, quoted
from diagnose.stages.failure import one_line
from diagnose.stages.passage import ID_KEYS, TEXT_KEYS, WrongField, passage_from

if TYPE_CHECKING:
    import datasets

PROBLEMS_SHOWN = 5
"""How many wrong rows, or doubled ids, an error lists before it counts the rest."""
COLUMNS = (*ID_KEYS, *TEXT_KEYS, "score", "title", "tags")
LINE_SUFFIXES = (".jsonl", ".ndjson", ".json")

Row = tuple[str, Mapping[str, object]]
"""Where a row stands (`corpus.jsonl:17`) and what it holds."""


class MemoryCorpus:
    """All passages, in file order, in memory. Implements `core.pipeline.Corpus`.

    Raises BadInput, naming them, where two passages share an id.
    """

    def __init__(self, passages: Iterable[Passage], source: str = "corpus") -> None:
        self._passages = tuple(passages)
        self._by_id = {passage.id: passage for passage in self._passages}
        if len(self._by_id) < len(self._passages):
            raise BadInput(_doubled(self._passages, source))

    def __len__(self) -> int:
        return len(self._passages)

    def __iter__(self) -> Iterator[Passage]:
        return iter(self._passages)

    def get(self, passage_id: str) -> Passage | None:
        """The passage with this id, or None."""
        return self._by_id.get(passage_id)

    @cached_property
    def digest(self) -> str:
        """sha256 over every passage (id, text, title, tags) in order."""
        total = hashlib.sha256()
        for passage in self._passages:
            total.update(msgspec.json.encode(passage) + b"\n")
        return total.hexdigest()


def read_corpus(path: Path, name: str | None = None) -> Corpus:
    """The corpus in a `.jsonl` or `.parquet` file, a folder of `.parquet` files or a saved Hugging Face
    dataset.

    A row has `id` (or `doc_id`, `_id`) and `text` (or `contents`, `page_content`, `content`), and may have
    `title` and `tags`. `name` is what errors call it. Raises BadInput with the line and field of
    every wrong row (the first few, and how many more). Opens no connection.
    """
    name = name or path.name
    if not path.exists():
        raise BadInput(f"{name}: expected a corpus, found no such file or folder")
    if path.is_file() and path.suffix in LINE_SUFFIXES:
        rows = _rows_of_lines
    elif path.is_dir() or path.suffix == ".parquet":
        rows = _rows_of_dataset
    else:
        accepted = ".jsonl, .parquet or a saved dataset's folder"
        raise BadInput(f"{name}: expected {accepted}, found {quoted(path.suffix)}")
    try:
        passages = _passages(rows(path, name))
    except OSError as exc:
        raise BadInput(f"{name}: expected a corpus, found none to read: {one_line(exc)}") from exc
    if not passages:
        raise BadInput(f"{name}: expected passages, found none")
    return MemoryCorpus(passages, name)


def _passages(rows: Iterable[Row]) -> list[Passage]:
    passages: list[Passage] = []
    problems: list[str] = []
    for where, row in rows:
        try:
            passages.append(passage_from(row))
        except WrongField as exc:
            problems.append(f"{where} {exc}")
    if problems:
        raise BadInput(_listed(problems, "\n"))
    return passages


def _rows_of_lines(path: Path, name: str) -> Iterator[Row]:
    """Decoded here and not by `datasets`: it reports neither line nor field of a mistake, refuses rows whose
    tags differ, and costs 0.7 s of import where reading 5,000 passages costs 0.02 s."""
    with path.open("rb") as file:
        for n, raw in enumerate(file, start=1):
            line = raw.removeprefix(b"\xef\xbb\xbf") if n == 1 else raw
            if not line.strip():
                continue
            try:
                row = _row_of(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
                raise BadInput(f"{name}:{n}: expected one JSON object a line: {one_line(exc)}") from exc
            if not isinstance(row, dict):
                found = quoted(line.decode(errors="replace").strip())
                raise BadInput(f"{name}:{n}: expected a JSON object, found {found}")
            yield f"{name}:{n}", row


def _row_of(line: bytes) -> object:
    """The line's JSON. Half a surrogate pair, as clipped JavaScript strings end in, is a replacement character, as it
    is in a log."""
    try:
        return msgspec.json.decode(line)
    except msgspec.DecodeError:
        if b"\\ud" not in line and b"\\uD" not in line:
            raise
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if row is None:
            raise
        text = (
            json.dumps(row, ensure_ascii=False).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        )
        return msgspec.json.decode(text)


def _rows_of_dataset(path: Path, name: str) -> Iterator[Row]:
    # Telemetry off for good; HF_HUB_OFFLINE is left alone, because it is read once per process
    # and would also cut off a stage of the user's that downloads its own model.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import datasets

    # A cache of our own, thrown away: reading a file must leave nothing behind in the user's.
    with tempfile.TemporaryDirectory(prefix="diagnose-") as cache, _quiet():
        try:
            found = _dataset(path, cache)
        except (OSError, ValueError, datasets.exceptions.DatasetsError) as exc:
            raise BadInput(f"{name}: expected Parquet or a saved dataset: {one_line(exc)}") from exc
    if not isinstance(found, datasets.Dataset):
        splits = ", ".join(found)
        raise BadInput(
            f"{name}: expected one dataset, found the splits {splits}: name the folder of one of them"
        )
    # Other columns may hold what takes a decoder (images) or much room (vectors).
    columns = [column for column in found.column_names if column in COLUMNS]
    rows: Iterable[Mapping[str, object]] = found.select_columns(columns) if columns else ({},)
    return ((f"{name} row {n}", row) for n, row in enumerate(rows, start=1))


def _dataset(path: Path, cache: str) -> datasets.Dataset | datasets.DatasetDict:
    import datasets

    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not files:
        return datasets.load_from_disk(str(path), keep_in_memory=True)
    # `datasets` takes a file's name for a pattern.
    names = [glob.escape(str(file)) for file in files]
    return datasets.Dataset.from_parquet(names, cache_dir=cache, keep_in_memory=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars and no log lines from `datasets`; what the user had set comes back afterwards."""
    import datasets

    level, bars = datasets.logging.get_verbosity(), datasets.are_progress_bars_disabled()
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        datasets.logging.set_verbosity(level)
        if not bars:
            datasets.enable_progress_bars()


def _doubled(passages: tuple[Passage, ...], source: str) -> str:
    """The message for ids that more than one passage has."""
    counts = Counter(passage.id for passage in passages)
    doubled = [f"{quoted(key)} ({n} times)" for key, n in counts.items() if n > 1]
    return f"{source}: expected every id once, found {_listed(doubled, ', ')}"


def _listed(items: list[str], separator: str) -> str:
    text = separator.join(items[:PROBLEMS_SHOWN])
    more = len(items) - PROBLEMS_SHOWN
    return f"{text}{separator}and {more} more" if more > 0 else text
