"""The questions and passages of the benchmark, made ready in `data/` beside the pipeline files.

`hotpotqa`: 500 two-hop questions over 4,937 passages, with the lists of a real dense and a real BM25 retriever and
the order of a real cross-encoder. `clapnq`: the 300 answerable questions with long answers and labelled gold
sentences over 597 passages. `short`: those of clapnq with a short gold span, every passage cut to a stretch that
a small model reads in a second.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
READY = HERE / "data"
SHARED = HERE.parents[2] / "shared" / "data"
SETS = ("hotpotqa", "clapnq", "short")
SHORT_WORDS = 45
"""Words of a passage in `short`: seven of them and a question are some 500 tokens."""

Row = dict[str, Any]


def missing() -> str | None:
    """Why the benchmark cannot run here, or None."""
    for name in ("hotpotqa500", "clapnq"):
        if not (SHARED / name / "queries.jsonl").is_file():
            return f"../shared/data/{name} is absent: the benchmark's questions come from there"
    return None


def made_ready() -> None:
    """Write corpora, queries and ranked lists into `data/`."""
    READY.mkdir(exist_ok=True)
    _write("hotpotqa.corpus", _hotpotqa_corpus())
    _write("hotpotqa.queries", _hotpotqa_queries())
    _write("hotpotqa.lists", _hotpotqa_lists())
    _write("clapnq.corpus", _clapnq_corpus())
    _write("clapnq.queries", _clapnq_queries())
    _write("short.corpus", _short_corpus())
    _write("short.queries", _short_queries())


def _rows(name: str) -> Iterator[Row]:
    with (SHARED / name).open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def _write(name: str, rows: Iterable[Row]) -> None:
    with (READY / f"{name}.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _hotpotqa_corpus() -> Iterator[Row]:
    # The title is part of the text: a passage that opens with "He" says nothing to a reader without it.
    for row in _rows("hotpotqa500/corpus.jsonl"):
        yield {"id": row["doc_id"], "text": f"{row['title']}. {row['text']}"}


def _hotpotqa_queries() -> Iterator[Row]:
    for row in _rows("hotpotqa500/queries.jsonl"):
        passages = [{"id": doc_id} for doc_id in row["gold_doc_ids"]]
        yield {
            "trace_id": row["query_id"],
            "query": {"text": row["question"]},
            "gold": {"answers": row["answers"], "passages": passages},
        }


def _hotpotqa_lists() -> Iterator[Row]:
    questions = {row["query_id"]: row["question"] for row in _rows("hotpotqa500/queries.jsonl")}
    for row in _rows("hotpotqa500/ranked_lists.jsonl"):
        yield {
            "query": questions[row["query_id"]],
            "bm25": row["bm25_top50_doc_ids"],
            "dense": row["dense_top50_doc_ids"],
            "cross_encoder": row["rerank_top50_doc_ids"],
        }


def _clapnq_corpus() -> Iterator[Row]:
    for row in _rows("clapnq/corpus.jsonl"):
        yield {"id": row["doc_id"], "text": row["text"].strip(), "title": row["title"]}


def _clapnq_queries() -> Iterator[Row]:
    for row in _rows("clapnq/queries.jsonl"):
        if row["answerable"]:
            sentences = list(dict.fromkeys(row["gold_sentences"]))
            yield _labelled(row, {"id": row["gold_doc_ids"][0], "sentences": sentences})


def _labelled(row: Row, passage: Row) -> Row:
    return {
        "trace_id": row["query_id"],
        "query": {"text": row["question"]},
        "gold": {"answers": row["answers"], "passages": [passage]},
    }
