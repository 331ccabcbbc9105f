"""One pipeline under many settings: every trace replayed whole in every cell, through one memo.

Stages that a setting leaves alone, or whose input it does not change, run once for all cells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from diagnose.ablate.swap import all_stages
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import Failure
from diagnose.core.trace import Trace
from diagnose.replay.memo import Memo
from diagnose.replay.run import Broken, Heard, Meter, Runner, State, replayed
from diagnose.stages.tokens import count_words_and_marks

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Swept:
    """What the cells gave on one trace: each array is (cells,), means over the repeats. `failure` is the first
    of a stage in any cell, and then the arrays are NaN. `model_runs` counts different runs of the model; `heard` is
    what verifiers said that could be asked again, by run."""

    trace: Trace
    score: Floats
    prompt_tokens: Floats
    completion_tokens: Floats
    failure: Failure | None = None
    model_runs: int = 0
    heard: Mapping[str, Heard] = field(default_factory=dict)


Score = Callable[[Trace, str], float | None]


def swept(
    cells: Sequence[Pipeline],
    memo: Memo,
    trace: Trace,
    score_of: Score,
    seed: int = 0,
    repeats: int = 1,
    stop: Callable[[], bool] = lambda: False,
) -> Swept | None:
    """One trace in every cell; None where its label gives nothing to score by, Stopped once `stop` says so.

    Cells share the memo and their seeds, so that they differ by their settings alone. `repeats` count where a
    stage is not deterministic.
    """
    meter = Meter()
    values = np.full((3, len(cells)), np.nan)
    heard: dict[str, Heard] = {}
    for i, pipeline in enumerate(cells):
        runner = Runner(pipeline, memo, seed, stop)
        times = 1 if all(stage.deterministic for stage in all_stages(pipeline)) else repeats
        try:
            drawn = [_once(runner, trace, score_of, meter, repeat) for repeat in range(times)]
        except Broken as error:
            nothing = np.full(len(cells), np.nan)
            return Swept(trace, nothing, nothing, nothing, error.failure)
        if any(one is None for one in drawn):
            return None
        values[:, i] = np.mean([one for one in drawn if one is not None], axis=0)
        heard |= runner.heard
    return Swept(trace, values[0], values[1], values[2], None, meter.runs.model, heard)


def _once(
    runner: Runner, trace: Trace, score_of: Score, meter: Meter, repeat: int
) -> tuple[float, float, float] | None:
    state = replayed(runner, trace.query, meter, repeat)
    score = score_of(trace, state.said or "")
    return None if score is None else (score, *tokens_of(runner.pipeline, state))


def tokens_of(pipeline: Pipeline, state: State) -> tuple[float, float]:
    """Tokens that the model read and wrote: those it tells of, else query and context, and the answer, counted by
    its tokenizer or as words and marks."""
    model = pipeline.stage("model", state.route)
    assert model is not None
    assert state.answer is not None
    answer, given = state.answer, state.given()
    count = model.count_tokens or _counted
    read, wrote = answer.prompt_tokens, answer.completion_tokens
    if read is None:
        read = count(given.query) + (count(given.context.text) if given.context is not None else 0)
    if wrote is None:
        wrote = count(answer.text)
    return float(read), float(wrote)


@lru_cache(maxsize=4096)
def _counted(text: str) -> int:
    # Cells that differ in one setting often give a model the same context.
    return count_words_and_marks(text)
