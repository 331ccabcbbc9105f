"""A retrieval benchmark's folder (BEIR): `queries.jsonl` and the relevance judgements beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from diagnose.traces.account import Account
from diagnose.traces.documents import Document, read_documents
from diagnose.traces.limits import Limits
from diagnose.traces.lines import Problem
from diagnose.traces.rows import read_rows

QUERIES, CORPUS = "queries.jsonl", "corpus.jsonl"
JUDGEMENTS = ("qrels/*.tsv", "qrels.tsv")


def is_beir(folder: Path) -> bool:
    """Whether a folder is laid out so."""
    return (folder / QUERIES).is_file() and (bool(_judgements(folder)) or (folder / CORPUS).is_file())


def beir_rows(folder: Path, account: Account, limits: Limits) -> Iterator[Document | Problem]:
    """A row for every query with judgements (every query, where there are none): its id, its text, the ids of
    the passages judged relevant. The passages themselves are for `--corpus`."""
    relevant, judged = _relevant(folder, account, limits), bool(_judgements(folder))
    n_without = 0
    for item in read_documents(folder / QUERIES, account, limits):
        if isinstance(item, Problem) or not isinstance(item.value, Mapping):
            yield item
            continue
        name = str(item.value.get("_id", item.value.get("id", "")))
        if judged and name not in relevant:
            n_without += 1
            continue
        row = {"query_id": name, "question": item.value.get("text"), "gold_doc_ids": relevant.get(name, [])}
        yield Document(item.source, item.line, row)
    if n_without:
        account.note("queries without relevance judgements: left out", QUERIES, n_without)
    account.note(f"passages are in {CORPUS}: give it as --corpus, or as a pipeline's corpus")


def _judgements(folder: Path) -> list[Path]:
    return sorted(path for pattern in JUDGEMENTS for path in folder.glob(pattern))


def _relevant(folder: Path, account: Account, limits: Limits) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in _judgements(folder):
        for row in read_rows(path, limits, account):
            if isinstance(row, Problem):
                continue
            cells = row[1]
            name, passage = cells.get("query-id"), cells.get("corpus-id")
            if name is not None and passage is not None and _is_relevant(cells.get("score", 1)):
                listed = found.setdefault(str(name), [])
                if str(passage) not in listed:
                    listed.append(str(passage))
    return found


def _is_relevant(score: object) -> bool:
    try:
        return float(str(score)) > 0
    except ValueError:
        return False
