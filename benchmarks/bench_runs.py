"""Model runs a failure: against the number of different prompts in its game, and for verdicts only.

500 questions of HotpotQA through rank-bm25, tf-idf, a packer and the extractive reader, its own faults only.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from figures import DATA, Figure, tell

from diagnose.ablate.plan import planned
from diagnose.ablate.scene import scene_of
from diagnose.core.artifact import Query
from diagnose.core.pipeline import Pipeline
from diagnose.core.trace import Gold, GoldPassage, Trace
from diagnose.flow import Found, Settings, replayed
from diagnose.flow.failing import failing_of
from diagnose.flow.logged import failed, scored
from diagnose.replay.memo import Memo
from diagnose.replay.run import Meter, Runner
from diagnose.score.label import Library
from diagnose.score.table import Scorer
from diagnose.stages.load import load_pipeline
from diagnose.traces.record import recorded

PIPELINE = """[pipeline]
name = "hotpot"
corpus = "corpus.jsonl"
[stages.retriever]
use = "rank-bm25"
top_k = 7
[stages.ranker]
use = "tfidf"
top_n = 5
[stages.packer]
use = "rank-order"
budget_tokens = 800
[stages.model]
use = "extract"
sentences = 3
"""


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def made(folder: Path) -> tuple[Pipeline, list[Trace]]:
    """The pipeline and what it logs for every question."""
    source = DATA / "hotpotqa500"
    with (folder / "corpus.jsonl").open("w", encoding="utf-8") as file:
        for row in _rows(source / "corpus.jsonl"):
            passage = {"id": row["doc_id"], "title": row["title"], "text": f"{row['title']}. {row['text']}"}
            file.write(json.dumps(passage) + "\n")
    (folder / "pipeline.toml").write_text(PIPELINE)
    pipeline = load_pipeline(folder / "pipeline.toml")
    runner, scorer = Runner(pipeline, Memo()), scorer_of(pipeline)
    log = []
    for row in _rows(source / "queries.jsonl"):
        gold = Gold(tuple(row["answers"]), tuple(GoldPassage(i) for i in row["gold_doc_ids"]))
        asked = Trace(
            str(row["query_id"]), Query(str(row["question"])), gold=gold, tags={"type": str(row["type"])}
        )
        log.append(recorded(asked, pipeline, runner, lambda a, g=gold: scorer.score(a, g).value, None).trace)  # type: ignore[misc]
    return pipeline, log


def scorer_of(pipeline: Pipeline) -> Scorer:
    """The pipeline's scorer."""
    return Scorer.from_settings(pipeline.score, pipeline.abstention)


def prompts_of(pipeline: Pipeline, log: list[Trace]) -> int:
    """Different prompts in the games of all failures, counted from the plans: no game is played for it."""
    runner, scorer, library, total = (
        Runner(pipeline, Memo()),
        scorer_of(pipeline),
        Library(pipeline.corpus),
        0,
    )
    for item in (scored(trace, scorer) for trace in log):
        if failed(item, scorer) and (one := failing_of(item, library, scorer)).label is not None:
            scene = scene_of(runner, item.trace.query, one.label, one.right, Meter(), 0, one.worth)
            plan = planned(runner, item.trace.query, scene, Meter())
            total += len(
                {
                    (v.given.query, v.given.context.text if v.given.context else "")
                    for v in plan.variants.values()
                }
            )
    return total


def main() -> None:
    """Measure and tell."""
    if not (DATA / "hotpotqa500").is_dir():
        tell(
            Figure(
                "model runs a failure",
                "different prompts",
                None,
                1.0,
                "=",
                f"no data at {DATA.name}/hotpotqa500",
            )
        )
        return
    with tempfile.TemporaryDirectory() as folder:
        pipeline, log = made(Path(folder))
        exact, lazy = (_run(pipeline, log, only) for only in (False, True))
    prompts = prompts_of(pipeline, log)
    runs, n = exact.executed["model"], len(exact.blames)
    note = f"{n} failures, {runs / n:.2f} runs each"
    tell(
        Figure(
            "model runs a failure, exact shares, four stages",
            "different prompts in its game",
            runs / prompts,
            1.0,
            "=",
            note,
        )
    )
    same = sum(a.verdict == b.verdict for a, b in zip(exact.blames, lazy.blames, strict=True))
    each = lazy.executed["model"] / n
    note = f"{same} of {n} verdicts alike, {each:.2f} runs a failure, the fidelity check's among them"
    tell(Figure("model runs, --verdict-only", "exact shares", lazy.executed["model"] / runs, 0.7, "<=", note))


def _run(pipeline: Pipeline, log: list[Trace], only: bool) -> Found:
    settings = Settings(probe=False, verdict_only=only)
    return replayed(log, Runner(pipeline, Memo()), scorer_of(pipeline), settings)


if __name__ == "__main__":
    main()
