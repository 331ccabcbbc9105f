"""Every log people have, as traces: which tool wrote it is found out by looking, file by file, entry by entry."""

from __future__ import annotations

import glob
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from diagnose.core.pipeline import Corpus
from diagnose.core.trace import TRACE_SCHEMA, Trace
from diagnose.errors import BadInput, UsageError, quoted
from diagnose.traces.account import Account
from diagnose.traces.documents import Document, read_documents
from diagnose.traces.from_beir import beir_rows, is_beir
from diagnose.traces.from_jsonl import read_traces
from diagnose.traces.groups import SpanGroups
from diagnose.traces.infer import spans_to_traces
from diagnose.traces.labels import Labels
from diagnose.traces.limits import DEFAULT_LIMITS, Limits, OverLimit, counted
from diagnose.traces.lines import STDIN, Problem, said_of, source_name
from diagnose.traces.native import is_native
from diagnose.traces.of_document import Reading, filled, of_document
from diagnose.traces.once import Once
from diagnose.traces.passage_ids import TextOf
from diagnose.traces.rows import is_dataset, is_table, read_rows
from diagnose.traces.sniff import TOOLS
from diagnose.traces.to_parquet import schema_in

_URL = re.compile(r"^(https?):/+")
SKIPPED_FILES = (".md", ".txt", ".html", ".png", ".yaml", ".yml", ".toml", ".py", ".sqlite", ".db", ".log")
"""Files of a folder that are no logs; a file named by itself is always read."""

Source = Path | str


def read_log(
    sources: Source | Sequence[Source],
    *,
    format: str = "auto",
    corpus: Corpus | None = None,
    gold: Labels | None = None,
    mapping: Mapping[str, str] | None = None,
    project: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
    account: Account | None = None,
) -> Iterator[Trace | Problem]:
    """The traces of files, folders, globs, `-` (standard input) or a Phoenix or MLflow server's URL.

    `corpus` gives the text of passages that are logged by id alone, `gold` the labels of a file beside the log,
    `mapping` the columns of a table (`{"query": "question"}`), `project` the project or experiment of a
    server. Our own traces stream through; spans are gathered by trace first, in bounded memory (a temporary
    file holds what exceeds it). What makes no trace comes out as a Problem and costs nothing else;
    `account` counts what was recovered and lists what was not mapped. Raises UsageError for an unknown
    format, BadInput, on the first `next`, where there is nothing to read at all.
    """
    if format not in TOOLS:
        raise UsageError(f"--format: expected one of {', '.join(TOOLS)}, found {quoted(format)}")
    reading = Reading(
        format, text_of(corpus), gold, mapping, project, limits, Account() if account is None else account
    )
    reading.account.limits = limits
    named = [sources] if isinstance(sources, Path | str) else list(sources)
    alone: list[bool] = []
    found = _finished(_everything(named, reading, alone), reading, alone)
    return counted(found, Trace, limits, source_name(named[0]) if len(named) == 1 else "log")


def is_ours(path: Source, limits: Limits = DEFAULT_LIMITS) -> bool:
    """Whether this is one file of our own traces, to be read line by line."""
    text = str(path)
    if _URL.match(text) or (text != STDIN and (is_table(Path(path)) or Path(path).is_dir())):
        return False
    return (text == STDIN or Path(path).exists() or not glob.has_magic(text)) and is_native(path, limits)


def text_of(corpus: Corpus | None) -> TextOf | None:
    """A look-up of passage texts in a corpus."""
    if corpus is None:
        return None

    def find(name: str) -> str | None:
        passage = corpus.get(name)
        return passage.text if passage is not None else None

    return find


def _finished(
    found: Iterator[Trace | Problem], reading: Reading, alone: list[bool]
) -> Iterator[Trace | Problem]:
    """Traces with their labels and texts, each id once. `alone` says, once the first is there, whether all are of one
    file of ours, whose reader sees to that."""
    seen, n = Once(), 0
    for item in found:
        if isinstance(item, Problem):
            yield item
            continue
        n += 1
        if alone != [True] and seen.first(item.trace_id, n) != n:
            reading.account.n["left out"] += 1
            where = item.provenance.source if item.provenance else None
            yield Problem(
                where or "log", None, "trace_id", "an id of its own", f"{quoted(item.trace_id)} again"
            )
            continue
        yield reading.gold.joined(item, reading.account) if reading.gold else item
    if reading.gold:
        reading.gold.tell(reading.account)


def _everything(named: Sequence[Source], reading: Reading, of_one: list[bool]) -> Iterator[Trace | Problem]:
    sources = list(itertools.chain.from_iterable(_expanded(name) for name in named))
    alone = len(sources) == 1
    of_one.append(alone and _read_by_line(sources[0], reading))
    usable = 0
    with SpanGroups() as groups:
        for source in sources:
            try:
                for item in _read(source, reading, groups):
                    usable += 1
                    yield item
            except OverLimit:
                raise
            except BadInput as error:
                if alone:
                    raise
                reading.account.n["left out"] += 1
                yield said_of(error, source_name(source), "a log")
        label = source_name(named[0]) if len(named) == 1 else "log"
        for spans in groups.traces(reading.account):
            yield from spans_to_traces(spans, reading.account, label, reading.text_of, reading.judgements)
        if reading.judgements:
            what = "annotations of spans and traces that are not in the log"
            reading.account.note(what, next(iter(reading.judgements)), len(reading.judgements))


def _plain(name: Source) -> str:
    """The source as it was written: a Path makes one slash of a URL's two."""
    text = str(name)
    return _URL.sub(r"\1://", text) if _URL.match(text) else text


def _expanded(name: Source) -> Iterator[Source]:
    """A folder's files, a glob's, or the source as it is."""
    text = _plain(name)
    if text == STDIN or _URL.match(text):
        yield text
        return
    path = Path(name)
    if path.is_dir() and not is_dataset(path) and not is_beir(path):
        files = sorted(file for file in path.rglob("*") if _is_log_file(file, path))
        if not files:
            raise BadInput(f"{source_name(name)}: expected a folder of logs, found no such file in it")
        yield from files
    elif not path.exists() and glob.has_magic(text):
        matches = sorted(glob.glob(text, recursive=True))  # noqa: PTH207  # Path.glob takes no absolute pattern
        if not matches:
            raise BadInput(f"{source_name(name)}: no file matches")
        for match in matches:
            yield from _expanded(Path(match)) if Path(match).is_dir() else [Path(match)]
    else:
        yield path


def _is_log_file(file: Path, folder: Path) -> bool:
    inside = file.relative_to(folder)
    if any(part.startswith(".") for part in inside.parts) or any(
        is_dataset(p) for p in file.parents if p != folder
    ):
        return is_dataset(file)
    return is_dataset(file) or (file.is_file() and file.suffix.lower() not in SKIPPED_FILES)


def _read_by_line(source: Source, reading: Reading) -> bool:
    """Whether a source is a file of our own traces, and read as one."""
    if reading.format not in ("auto", "diagnose") or reading.mapping or str(source) == STDIN:
        return False
    return Path(source).is_file() and is_ours(source, reading.limits)


def _read(source: Source, reading: Reading, groups: SpanGroups) -> Iterator[Trace | Problem]:
    if isinstance(source, str) and _URL.match(source):
        from diagnose.traces.from_server import documents_of_server

        documents: Iterable[Document | Problem] = documents_of_server(
            source, reading.format, reading.project, reading.limits
        )
    elif source != STDIN and Path(source).is_dir() and is_beir(Path(source)):
        documents = beir_rows(Path(source), reading.account, reading.limits)
    elif source != STDIN and schema_in(source) == TRACE_SCHEMA:
        yield from _native(source, reading)
        return
    elif source != STDIN and is_table(Path(source)):
        documents = _rows(Path(source), reading)
    elif reading.format in ("auto", "diagnose") and not reading.mapping and is_native(source, reading.limits):
        yield from _native(source, reading)
        return
    else:
        documents = read_documents(source, reading.account, reading.limits)
    for document in documents:
        if isinstance(document, Problem):
            reading.account.n["left out"] += 1
            yield document
        else:
            yield from of_document(document, reading, groups)


def _rows(path: Path, reading: Reading) -> Iterator[Document | Problem]:
    source = source_name(path)
    for row in read_rows(path, reading.limits, reading.account):
        yield row if isinstance(row, Problem) else Document(source, row[0], row[1])


def _native(source: Source, reading: Reading) -> Iterator[Trace | Problem]:
    for item in read_traces(source, limits=reading.limits):
        reading.account.n["left out" if isinstance(item, Problem) else "traces"] += 1
        if isinstance(item, Trace):
            reading.account.formats["diagnose"] += 1
            for step in item.steps:
                reading.account.stages[step.role] += 1
            yield filled(item, reading)
        else:
            yield item
