"""The questions of hotpotqa500, its passages, and pipelines over them with faults on part of the questions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from diagnose.core.artifact import Output, Passage
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import Given, Role, Stage
from diagnose.core.trace import Trace
from diagnose.score.evidence import Evidence
from diagnose.score.label import Library, label_of
from diagnose.stages.faults import Around, Fault, faulty
from diagnose.stages.load import load_pipeline
from diagnose.traces.from_jsonl import read_traces

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "hotpotqa500"

Settings = Mapping[Role, Mapping[str, object]]

USUAL: Settings = {
    "retriever": {"use": "rank-bm25", "top_k": 20},
    "ranker": {"use": "tfidf", "top_n": 5},
    "packer": {"use": "rank-order", "budget_tokens": 800},
    "model": {"use": "extract", "sentences": 3},
}


def missing() -> str | None:
    """Why the benchmark cannot run here, or None."""
    return None if (SHARED / "queries.jsonl").is_file() else "../shared/data/hotpotqa500 is absent"


def queries(folder: Path, n: int) -> list[Trace]:
    """The first `n` questions whose answer is not yes or no; corpus and queries are written into the folder."""
    with (folder / "corpus.jsonl").open("w", encoding="utf-8") as file:
        for row in _rows("corpus.jsonl"):
            # The title is part of the text: a passage that opens with "He" says nothing without it.
            file.write(json.dumps({"id": row["doc_id"], "text": f"{row['title']}. {row['text']}"}) + "\n")
    asked = [row for row in _rows("queries.jsonl") if row["answers"][0].lower() not in ("yes", "no")][:n]
    with (folder / "queries.jsonl").open("w", encoding="utf-8") as file:
        for row in asked:
            gold = {"answers": row["answers"], "passages": [{"id": i} for i in row["gold_doc_ids"]]}
            line = {"trace_id": row["query_id"], "query": {"text": row["question"]}, "gold": gold}
            file.write(json.dumps(line) + "\n")
    return [t for t in read_traces(folder / "queries.jsonl") if isinstance(t, Trace)]


def _rows(name: str) -> list[dict[str, Any]]:
    with (SHARED / name).open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def pipeline(folder: Path, name: str, settings: Settings = USUAL) -> Pipeline:
    """A pipeline over the passages with these settings of its stages."""
    lines = [f'[pipeline]\nname = "{name}"\ncorpus = "corpus.jsonl"']
    for role, table in settings.items():
        lines.append(f"[stages.{role}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in table.items()]
    file = folder / f"{name}.toml"
    file.write_text("\n".join([*lines, '[score]\nmetric = "contains"\n']), encoding="utf-8")
    return load_pipeline(file)


GoldOf = Callable[[str, Sequence[Passage]], tuple[bool, ...]]


def gold_of(traces: Sequence[Trace], corpus_of: Pipeline) -> GoldOf:
    """Which passages carry the evidence of a question: what faults are told."""
    library = Library(corpus_of.corpus)
    evidence: dict[str, Evidence] = {}
    for trace in traces:
        label = label_of(trace.gold, trace.query, library)
        if label is not None and label.evidence:
            evidence[trace.query.text] = label.evidence

    def gold(question: str, passages: Sequence[Passage]) -> tuple[bool, ...]:
        known = evidence.get(question)
        return tuple(known is not None and bool(known.held([p])) for p in passages)

    return gold


@dataclass(frozen=True)
class Planted:
    """A fault and the questions that it strikes, as a seeded part of all."""

    fault: Fault
    part: float
    seed: int

    def strikes(self, question: str) -> bool:
        """Whether a question is struck."""
        digest = hashlib.sha256(f"{self.seed}/{question}".encode()).digest()
        return int.from_bytes(digest[:6], "big") < self.part * (1 << 48)


def spoiled(healthy: Pipeline, planted: Planted, gold: GoldOf, seed: int = 0) -> Pipeline:
    """The pipeline with the fault in it."""
    stages = tuple(
        _struck(stage, faulty(stage, planted.fault, Around(gold), seed), planted)
        if stage.role == planted.fault.role
        else stage
        for stage in healthy.stages
    )
    return replace(healthy, stages=stages)


def _struck(sound: Stage, broken: Stage, planted: Planted) -> Stage:
    def run(given: Given, seed: int | None) -> Output:
        return (broken if planted.strikes(given.conversation.text) else sound).run(given, seed)

    mark = f"{broken.fingerprint}/{planted.part}/{planted.seed}"
    return replace(broken, run=run, fingerprint=hashlib.sha256(mark.encode()).hexdigest())


def flaky(healthy: Pipeline, rate: float, gold: GoldOf, seed: int) -> Pipeline:
    """The pipeline with a model that is wrong at this rate, whatever it reads; the seed draws anew."""
    from diagnose.stages.faults import FAULTS

    stages = tuple(
        faulty(stage, FAULTS["flaky"], Around(gold, rate), seed) if stage.role == "model" else stage
        for stage in healthy.stages
    )
    return replace(healthy, stages=stages)
