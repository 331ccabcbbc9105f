"""Labels from a file beside the log, joined to its traces by id or by the question's words."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from diagnose.core.trace import Gold, Outcome, Trace
from diagnose.errors import BadInput, visible
from diagnose.traces.account import Account
from diagnose.traces.cited import as_number
from diagnose.traces.columns import ALIASES, columns_for, grouped
from diagnose.traces.documents import Document, read_documents
from diagnose.traces.from_beir import beir_rows, is_beir
from diagnose.traces.from_promptfoo import rows_of_cells
from diagnose.traces.gold_columns import gold_of
from diagnose.traces.limits import DEFAULT_LIMITS, Limits
from diagnose.traces.lines import Problem, source_name
from diagnose.traces.rows import is_table, read_rows
from diagnose.traces.said import query_in
from diagnose.traces.sniff import format_of, held
from diagnose.traces.table_row import Row

ID_TAGS = ("query_id", "question_id", "qid", "example_id", "id")
"""Tags of a trace that may hold the id its label goes by."""


@dataclass
class Labels:
    """Gold by id and by question; rows of one id or one question are one label. People's feedback goes by id alone: it
    is of one answer, and another trace may have answered the same question otherwise."""

    by_id: dict[str, Gold] = field(default_factory=dict)
    by_query: dict[str, Gold] = field(default_factory=dict)
    feedback: dict[str, float] = field(default_factory=dict)
    n_rows: int = 0
    met: set[int] = field(default_factory=set)

    def joined(self, trace: Trace, account: Account) -> Trace:
        """The trace with its label and feedback, which win over those the log has."""
        trace = self._marked(trace, account)
        by_id = next((gold for name in _names(trace) if (gold := self.by_id.get(name))), None)
        gold = by_id or self.by_query.get(worded(trace.query.text))
        if gold is None:
            account.labels["traces without a label"] += 1
            return trace
        self.met.add(id(gold))
        account.labels["joined by id" if by_id else "joined by question"] += 1
        return msgspec.structs.replace(trace, gold=_over(trace.gold, gold))

    def _marked(self, trace: Trace, account: Account) -> Trace:
        said = next((self.feedback[name] for name in _names(trace) if name in self.feedback), None)
        if said is None:
            return trace
        account.labels["feedback joined by id"] += 1
        outcome = msgspec.structs.replace(trace.outcome or Outcome(), feedback=said)
        return msgspec.structs.replace(trace, outcome=outcome)

    def tell(self, account: Account) -> None:
        """Notes the labels that met no trace."""
        everything = {id(gold) for gold in (*self.by_id.values(), *self.by_query.values())}
        if left := len(everything - self.met):
            account.note("labels whose question is not in the log", n=left)


def read_labels(
    path: Path, mapping: Mapping[str, str] | None = None, limits: Limits = DEFAULT_LIMITS
) -> Labels:
    """The labels of a file: our own traces or queries, or a table (JSON lines, CSV, Parquet, a saved data set)
    with columns for the id or the question and for answers, gold passages (ids or texts), gold sentences; `feedback`
    (-1 to 1) on the answer of the trace with that id.

    Raises BadInput where the file cannot be read or holds no label.
    """
    account, labels = Account(), Labels()
    for document in _documents(path, account, limits):
        if isinstance(document.value, Mapping):
            _put(labels, document, mapping, account)
    if not (labels.by_id or labels.by_query or labels.feedback):
        expected = "gold answers or gold passages, with an id or a question (--map gold.answers=COLUMN)"
        raise BadInput(f"{source_name(path)}: expected {expected}, found none in {labels.n_rows} rows")
    return labels


def _documents(path: Path, account: Account, limits: Limits) -> Iterator[Document]:
    source = source_name(path)
    if path.is_dir() and is_beir(path):
        rows_of_beir = beir_rows(path, account, limits)
        yield from (row for row in rows_of_beir if not isinstance(row, Problem))
        return
    if is_table(path):
        rows = read_rows(path, limits)
        yield from (Document(source, row[0], row[1]) for row in rows if not isinstance(row, Problem))
        return
    for item in read_documents(path, account, limits):
        if isinstance(item, Problem):
            raise BadInput(str(item))
        inner = format_of(item.value)
        if inner in ("envelope", "frame"):
            yield from (Document(source, item.line, value) for value in held(item.value, inner))
        else:
            yield item


def _put(labels: Labels, document: Document, mapping: Mapping[str, str] | None, account: Account) -> None:
    labels.n_rows += 1
    found = format_of(document.value)
    if found == "diagnose" or isinstance(document.value.get("gold"), Mapping):
        gold, question = _native(document)
        names = [str(name) for name in (document.value.get("trace_id"),) if name]
        outcome = document.value.get("outcome")
        said = outcome.get("feedback") if isinstance(outcome, Mapping) else None
    else:
        preset = found if found in ("ragas", "ragchecker", "deepeval", "promptfoo") else "records"
        row = Row(rows_of_cells(grouped(document.value))[0], columns_for(preset, mapping), preset)
        question = query_in(row.get("query"))
        values = [
            row.row.get(column) for column in (*ALIASES["trace_id"], (mapping or {}).get("trace_id", ""))
        ]
        names = [str(v) for v in values if isinstance(v, str | int) and not isinstance(v, bool) and str(v)]
        gold, said = gold_of(row, "gold", account, labels_only=True), row.get("feedback")
    if (mark := as_number(said)) is not None and -1 <= mark <= 1:
        labels.feedback |= dict.fromkeys(names, mark)
    if gold is None or document.value.get("score") in (0, "0"):  # a judged passage that is not relevant
        return
    for name in names:
        labels.by_id[name] = _over(labels.by_id.get(name), gold)
    if question:
        labels.by_query[worded(question)] = _over(labels.by_query.get(worded(question)), gold)


def _native(document: Document) -> tuple[Gold | None, str | None]:
    query: Any = document.value.get("query")
    question = query.get("text") if isinstance(query, Mapping) else query if isinstance(query, str) else None
    if document.value.get("gold") is None:
        return None, None
    try:
        return msgspec.convert(document.value["gold"], Gold), question
    except (msgspec.ValidationError, UnicodeEncodeError) as error:  # a name that is half a surrogate pair
        raise BadInput(f"{document.source}:{document.line} gold: {visible(str(error))}") from error


def _over(one: Gold | None, other: Gold) -> Gold:
    """Two labels of one question: all their answers and passages; the second decides the rest."""
    if one is None or one == other:
        return other
    passages = [*one.passages, *(p for p in other.passages if p not in one.passages)]
    return Gold(
        tuple(dict.fromkeys((*other.answers, *one.answers))),
        tuple(passages),
        other.match,
        other.answerable,
        other.query or one.query,
    )


def _names(trace: Trace) -> Iterator[str]:
    yield trace.trace_id
    if trace.provenance and trace.provenance.id:
        yield trace.provenance.id
    yield from (trace.tags[tag] for tag in ID_TAGS if tag in trace.tags)


def worded(question: str) -> str:
    """A question's words: case, blanks and Unicode forms do not tell two questions apart."""
    return " ".join(unicodedata.normalize("NFKC", question).casefold().split())
