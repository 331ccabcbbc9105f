"""A pipeline run over labelled queries there and then, as one side of a gate."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from diagnose.core.baseline import Baseline
from diagnose.core.pipeline import Pipeline
from diagnose.core.report import Report
from diagnose.core.trace import Trace
from diagnose.errors import StageFailed
from diagnose.flow.outcomes import outcomes_of
from diagnose.flow.replayed import replayed
from diagnose.flow.reported import reported
from diagnose.gate.side import side_of
from diagnose.replay.memo import Memo
from diagnose.replay.run import Runner
from diagnose.score.table import Scorer
from diagnose.traces.record import recorded

LOG_REPEAT = 1_000_003
"""Added to the seed when the queries are logged, so that a replay of a flaky stage is a draw of its own."""


def live_side(
    queries: Sequence[Trace], pipeline: Pipeline, scorer: Scorer, memo: Memo, seed: int = 0
) -> tuple[Baseline, Report]:
    """Log the queries, replay the failures, and give the outcomes with the report. StageFailed where a query
    could not be answered at all: it has no outcome to compare."""
    logger = Runner(pipeline, memo, seed + LOG_REPEAT)
    log = []
    for query in queries:
        made = recorded(query, pipeline, logger, _score_of(scorer, query), None)
        if made.failure is not None:
            raise StageFailed(f"{query.trace_id}: {made.failure.reason}")
        log.append(made.trace)
    found = replayed(log, Runner(pipeline, memo, seed), scorer)
    report = reported(found, pipeline, scorer, seed, "")
    return side_of(report, outcomes_of(found, scorer.pass_mark), found.blames, pipeline.name), report


def _score_of(scorer: Scorer, query: Trace) -> Callable[[str], float | None]:
    def score(answer: str) -> float | None:
        return scorer.score(answer, query.gold).value if query.gold else None

    return score
