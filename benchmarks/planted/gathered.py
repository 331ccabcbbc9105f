"""The questions and passages of the benchmark, made ready in `data/` beside the pipeline files.

`hotpotqa`: 500 two-hop questions over 4,937 passages, with the lists of a real dense and a real BM25 retriever
and the order of a real cross-encoder. `clapnq`: the 300 answerable questions with long answers and labelled
gold sentences, over 597 passages. `short`: the bridge questions of hotpotqa over passages cut to what a small
model reads in a second.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from diagnose.stages.sentences import sentences_of

HERE = Path(__file__).parent
READY = HERE / "data"
SHARED = HERE.parents[2] / "shared" / "data"
SHORT_WORDS = 40
"""Words of a passage in `short`: five of them and a question are some 350 tokens."""
NOT_ANSWERED = "NA"
"""What an annotator of clapnq wrote instead of an answer."""

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
        yield _labelled(row, [{"id": doc_id} for doc_id in row["gold_doc_ids"]])


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
            yield _labelled(row, [{"id": row["gold_doc_ids"][0], "sentences": sentences}])


def _labelled(row: Row, passages: list[Row]) -> Row:
    answers = [answer for answer in row["answers"] if answer != NOT_ANSWERED]
    return {
        "trace_id": row["query_id"],
        "query": {"text": row["question"]},
        "gold": {"answers": answers, "passages": passages},
    }


def _short_corpus() -> Iterator[Row]:
    rows = list(_rows("hotpotqa500/queries.jsonl"))
    answers = {doc_id: row["answers"] for row in rows for doc_id in row["gold_doc_ids"]}
    for row in _rows("hotpotqa500/corpus.jsonl"):
        yield {"id": row["doc_id"], "text": _cut(row["title"], row["text"], answers.get(row["doc_id"], []))}


def _cut(title: str, text: str, answers: list[str]) -> str:
    """The title and first sentence of a passage, and the first other one that states an answer."""
    first, *rest = [sentence.text for sentence in sentences_of(text)] or [""]
    telling = [s for s in rest if any(answer.lower() in s.lower() for answer in answers)]
    keep = [first] if any(answer.lower() in first.lower() for answer in answers) else [first, *telling[:1]]
    return f"{title}. {' '.join(' '.join(keep).split()[:SHORT_WORDS])}"


def _short_queries() -> Iterator[Row]:
    for row in _rows("hotpotqa500/queries.jsonl"):
        if row["type"] == "bridge" and row["answers"][0].lower() not in ("yes", "no"):
            yield _labelled(row, [{"id": doc_id} for doc_id in row["gold_doc_ids"]])


if __name__ == "__main__":
    absent = missing()
    if absent:
        raise SystemExit(absent)
    made_ready()
    print(f"written into {READY}")
