"""Rewriters on real conversations: what each built-in finds, and whether faults planted in one are found out.

MTRAG (Katsis et al., 2025) has 159 tasks, each the last question of a conversation with the passages that answer it.
All passages of all tasks are the corpus. There are no reference rewrites: the reference query of a task is the
window of the user's last two turns, and the planted faults are departures from it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diagnose.core.artifact import Answer, Output, Passage, Passages, Query, Turn
from diagnose.core.pipeline import Pipeline, ScoreSettings
from diagnose.core.stage import Given, Role, Stage
from diagnose.core.trace import Gold, GoldPassage, Trace
from diagnose.core.trust import Trust
from diagnose.flow.trust import trusted
from diagnose.replay.memo import Memo
from diagnose.replay.run import Runner
from diagnose.score.label import Library, label_of
from diagnose.score.table import Scorer
from diagnose.stages.bm25 import bm25s
from diagnose.stages.corpus import MemoryCorpus
from diagnose.stages.faults import FAULTS
from diagnose.stages.pack import rank_order
from diagnose.stages.rewrite import history_window, last_turn
from diagnose.stages.tfidf import tfidf

ROWS = Path(__file__).parents[3] / "shared" / "data" / "mtrag" / "traces_human_eval.jsonl"
TOP_K, TOP_N, BUDGET_TOKENS = 20, 5, 2500
Rewrite = Callable[[Query], str]
REWRITERS: dict[str, Rewrite] = {
    "last-turn": last_turn(),
    "history-window, 1 turn of the user": history_window(turns=1),
    "history-window, 2 turns of the user": history_window(turns=2),
    "history-window, 4 turns of the user": history_window(turns=4),
    "history-window, 2 turns of both": history_window(turns=2, roles="all"),
}
"""The built-ins that need no model."""
FAULTY = ("drifted", "drops-context", "intruding-memory")


@dataclass(frozen=True)
class Found:
    """What the retriever finds with a rewriter's queries: the mean part of the gold among its first 5 and 20, over
    opening questions and over follow-ups."""

    name: str
    first_5: float
    first_20: float
    follow_up_5: float
    follow_up_20: float


def missing() -> str | None:
    """Why this part cannot run here, or None."""
    return None if ROWS.is_file() else "../shared/data/mtrag is absent: the conversations come from there"


def tasks() -> tuple[list[Trace], MemoryCorpus]:
    """The answerable tasks with their gold passages, and all passages."""
    traces: list[Trace] = []
    passages: dict[str, Passage] = {}
    for row in _rows():
        contexts = [Passage(c["document_id"], c["text"]) for c in row["contexts"]]
        passages.update({p.id: p for p in contexts})
        if not contexts or row["answerability"] != ["ANSWERABLE"]:
            continue
        *before, (_, asked) = row["turns"]
        history = tuple(Turn("user" if who == "user" else "assistant", said) for who, said in before)
        query = Query(asked, history)
        gold = Gold(
            (row["reference"][0],),
            tuple(GoldPassage(p.id) for p in contexts),
            "any",
            query=history_window(turns=1)(query),
        )
        traces.append(Trace(row["task_id"], query, gold=gold))
    return traces, MemoryCorpus(passages.values(), "mtrag")


def _rows() -> Iterator[dict[str, Any]]:
    """Each task once: its rows differ in the system that answered."""
    seen: set[str] = set()
    with ROWS.open(encoding="utf-8") as file:
        for row in map(json.loads, file):
            if row["task_id"] not in seen:
                seen.add(row["task_id"])
                yield row


def found() -> list[Found]:
    """Recall of gold passages by rewriter."""
    traces, corpus = tasks()
    retriever = bm25s(corpus, top_k=TOP_K)
    return [_found(name, rewrite, traces, retriever) for name, rewrite in REWRITERS.items()]


def _found(
    name: str, rewrite: Rewrite, traces: list[Trace], retriever: Callable[[str], list[Passage]]
) -> Found:
    parts: dict[tuple[bool, int], list[float]] = {(later, k): [] for later in (False, True) for k in (5, 20)}
    for trace in traces:
        assert trace.gold is not None
        gold = {p.id for p in trace.gold.passages}
        ids = [p.id for p in retriever(rewrite(trace.query))]
        for k in (5, 20):
            parts[bool(trace.query.history), k].append(len(gold & set(ids[:k])) / len(gold))
    mean = {key: sum(values) / len(values) for key, values in parts.items()}
    return Found(name, mean[False, 5], mean[False, 20], mean[True, 5], mean[True, 20])


def planted() -> Trust:
    """Faults planted in a rewriter (the user's last two turns), read by a simulated reader: right exactly where a gold
    passage is in its context."""
    traces, corpus = tasks()
    library = Library(corpus)
    evidence = {}
    for trace in traces:
        label = label_of(trace.gold, trace.query, library)
        assert label is not None
        evidence[trace.query] = label

    def read(given: Given) -> Output:
        label = evidence[given.conversation]
        assert given.context is not None
        held = label.evidence.held_in_text(given.context.text, given.context.passages)
        return Answer(label.reference or "" if label.evidence.enough(held) else "It depends.")

    rewrite, retrieve = history_window(turns=1), bm25s(corpus, top_k=TOP_K)
    rank, pack = tfidf(corpus, top_n=TOP_N), rank_order(budget_tokens=BUDGET_TOKENS)
    stages = (
        _stage("rewriter", lambda g: _text(rewrite(g.conversation))),
        _stage("retriever", lambda g: Passages(tuple(retrieve(g.query)))),
        _stage("ranker", lambda g: Passages(tuple(rank(g.query, g.passages)))),
        _stage("packer", lambda g: pack(g.query, g.passages), budget_tokens=BUDGET_TOKENS),
        _stage("model", read),
    )
    pipeline = Pipeline("mtrag", stages, corpus, ScoreSettings("exact"))
    faults = [(FAULTS[name],) for name in FAULTY]
    return trusted(traces, Runner(pipeline, Memo()), Scorer("exact"), faults)


def _text(query: str) -> Output:
    from diagnose.core.artifact import Text

    return Text(query)


def _stage(role: Role, run: Callable[[Given], Output], **settings: object) -> Stage:
    # A simulated reader knows the question by its conversation, which a model's memo key does not hold.
    def ran(given: Given, seed: int | None) -> Output:
        return run(given)

    return Stage(
        role, f"{role} of the benchmark", ran, f"mtrag/{role}", deterministic=True, settings=settings
    )
