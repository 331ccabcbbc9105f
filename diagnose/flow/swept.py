"""A log under many settings: the table of scores and costs that sweeps and budgets are read from."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from diagnose.ablate.swap import all_stages
from diagnose.ablate.sweep import Swept, swept
from diagnose.attribute.allocate import frontier_of
from diagnose.core.budget import Cell, Setting, Sweep
from diagnose.core.pipeline import Pipeline
from diagnose.core.report import Interval
from diagnose.core.trace import Trace
from diagnose.errors import BadInput, StageFailed, UsageError, visible
from diagnose.flow.costs import Pace, Prices, money_of, pace_of
from diagnose.flow.counterchecked import UNTESTED, Bounds, put_to_test
from diagnose.flow.found import Progress, silent
from diagnose.flow.paired import clusters_of, intervals
from diagnose.flow.stopped import cut_short, each_until_stopped
from diagnose.replay.memo import Memo
from diagnose.replay.run import Heard, Runner
from diagnose.score.table import Scorer

Floats = NDArray[np.float64]
Overrides = Mapping[str, object]

MOST_REPLAYS = 20_000
"""Replays above which a sweep asks first."""
SHOWN_REASONS = 3


@dataclass(frozen=True)
class Spend:
    """What a sweep may cost: repeats of stages that are not deterministic, a bound on replays, the prices, and whether
    the verdicts of judges are put to the test with counter-questions, of which there are then no more than that bound.
    """

    runs: int = 3
    max_calls: int | None = None
    agreed: bool = False
    prices: Prices | None = None
    seed: int = 0
    counter_check: bool = True

    def for_steady(self, steady: bool) -> Spend:
        """The same where no stage has to be repeated, if it is `steady`."""
        return replace(self, runs=1) if steady else self


@dataclass(frozen=True)
class Grid:
    """Every labelled trace in every cell, the first being the pipeline as it is: `score`, `tokens`, `money` and
    `seconds` are (traces, cells), the latter two None where they cannot be told. `cut` is what the headline of
    an interrupted one begins with."""

    pipelines: Sequence[Pipeline]
    settings: Sequence[Overrides]
    traces: Sequence[Trace]
    score: Floats
    tokens: Floats
    seconds: Floats | None
    money: Floats | None
    model_runs: int
    runs: int
    notes: tuple[str, ...]
    cut: str = ""


def sampled_for(traces: Sequence[Trace], cells: int, spend: Spend) -> list[Trace]:
    """The traces to sweep over: all, or with --max-calls a seeded sample, in the log's order.

    UsageError with an estimate where that is much work and nobody agreed to it, or no trace is within the calls.
    """
    replays = cells * len(traces) * spend.runs
    if spend.max_calls is not None and replays > spend.max_calls:
        n = spend.max_calls // (cells * spend.runs)
        if n == 0:
            raise UsageError(
                f"--max-calls {spend.max_calls}: one trace takes {cells * spend.runs:,} replays in {cells:,} cells; "
                "allow more, or sweep fewer values"
            )
        return [traces[i] for i in sorted(random.Random(spend.seed).sample(range(len(traces)), n))]
    if spend.max_calls is None and not spend.agreed and replays > MOST_REPLAYS:
        raise UsageError(
            f"{cells:,} cells of {len(traces):,} traces are up to {replays:,} replays of the pipeline and as many "
            "model calls: say --yes to run them, bound them with --max-calls, or sweep fewer values"
        )
    return list(traces)


def grid_of(
    traces: Iterable[Trace],
    pipelines: Sequence[Pipeline],
    settings: Sequence[Overrides],
    scorer: Scorer,
    memo: Memo,
    spend: Spend,
    progress: Progress = silent,
    stop: Callable[[], bool] = lambda: False,
) -> Grid:
    """Replay the traces in every cell, until `stop` says so. BadInput where none can be scored, StageFailed where none
    could be replayed, Stopped where it was stopped before."""
    queries = list(traces)
    runs = spend.runs if any(not stage.deterministic for p in pipelines for stage in p.stages) else 1

    def score_of(trace: Trace, said: str) -> float | None:
        return scorer.score(said, trace.gold).value if trace.gold is not None else None

    def replays_of(trace: Trace) -> Swept | None:
        return swept(pipelines, memo, trace, score_of, spend.seed, runs, stop)

    done = each_until_stopped(queries, replays_of, stop, progress)
    kept = [one for one in done if one is not None and one.failure is None]
    cut = cut_short(len(done), len(queries), bool(kept))
    if not kept:
        _refuse(done)
    notes = _notes(done, runs)
    if spend.counter_check and not cut:
        heard = {key: verdict for one in kept for key, verdict in one.heard.items()}
        runner = Runner(pipelines[0], memo, spend.seed, stop)
        said = _tested(runner, heard, pipelines, settings, scorer, queries, spend.max_calls)
        cut = UNTESTED if said is None else ""
        notes = (*notes, *(said or ()))
    prompt = np.stack([one.prompt_tokens for one in kept])
    completion = np.stack([one.completion_tokens for one in kept])
    pace = pace_of(queries)
    return Grid(
        pipelines,
        settings,
        [one.trace for one in kept],
        np.stack([one.score for one in kept]),
        prompt + completion,
        _seconds(pace, prompt + completion),
        money_of(pipelines, spend.prices, prompt, completion),
        sum(one.model_runs for one in kept),
        runs,
        notes,
        cut,
    )


def _tested(
    runner: Runner,
    heard: dict[str, Heard],
    pipelines: Sequence[Pipeline],
    settings: Sequence[Overrides],
    scorer: Scorer,
    traces: Sequence[Trace],
    most: int | None,
) -> tuple[str, ...] | None:
    """What counter-questions say of the judges of all cells; None where they were stopped."""
    runner.heard = heard
    judges = {one.stage.fingerprint for one in heard.values()}
    called = _called(judges, pipelines, settings) if len(judges) > 1 else {}
    return put_to_test(runner, scorer, traces, Bounds(runner.seed, most, called))


def _called(
    judges: Collection[str], pipelines: Sequence[Pipeline], settings: Sequence[Overrides]
) -> dict[str, str]:
    """Each judge by the first cell that it is in."""
    called: dict[str, str] = {}
    for pipeline, changed in zip(pipelines, settings, strict=True):
        cell = ", ".join(f"{key} = {visible(str(value))}" for key, value in changed.items())
        for stage in all_stages(pipeline):
            if stage.fingerprint in judges:
                called.setdefault(
                    stage.fingerprint, f"the verifier with {cell or 'the settings as they are'}"
                )
    return called


def _seconds(pace: Pace | None, tokens: Floats) -> Floats | None:
    return None if pace is None else pace.rest_s + pace.per_call_s + pace.per_token_s * tokens


def _refuse(done: Sequence[Swept | None]) -> None:
    for one in done:
        if one is not None and one.failure is not None:
            raise StageFailed(f"no trace could be replayed: {one.failure.role}: {one.failure.reason}")
    raise BadInput("no trace has a label that the metric can score by: label the queries first")


def _notes(done: Sequence[Swept | None], runs: int) -> tuple[str, ...]:
    notes = []
    failures = [one.failure for one in done if one is not None and one.failure is not None]
    if failures:
        reasons = Counter(visible(f"{f.role} {f.reason}"[:200]) for f in failures)
        told = "; ".join(reason for reason, _ in reasons.most_common(SHOWN_REASONS))
        notes.append(f"{len(failures)} of {len(done)} traces left out, because a stage failed: {told}")
    if unlabelled := sum(one is None for one in done):
        notes.append(f"{unlabelled} of {len(done)} traces left out: nothing to score them by")
    if runs > 1:
        notes.append(f"not every stage is deterministic: each cell was run {runs} times, with common seeds")
    return tuple(notes)


def cells_of(grid: Grid, pass_mark: float, seed: int) -> tuple[Cell, ...]:
    """The cells with their paired change against the first."""
    change = grid.score - grid.score[:, :1]
    ends = intervals(change, clusters_of(grid.traces), seed)
    mean, tokens = grid.score.mean(axis=0), grid.tokens.mean(axis=0)
    best = frontier_of(mean, tokens)
    passed = grid.score >= pass_mark
    return tuple(
        Cell(
            settings={key: setting_of(value) for key, value in grid.settings[i].items()},
            score=float(mean[i]),
            change=Interval(float(change[:, i].mean()), *ends[i]),
            won=int((passed[:, i] & ~passed[:, 0]).sum()),
            lost=int((~passed[:, i] & passed[:, 0]).sum()),
            tokens=float(tokens[i]),
            seconds=_mean(grid.seconds, i),
            money=_mean(grid.money, i),
            frontier=bool(best[i]),
        )
        for i in range(len(mean))
    )


def _mean(values: Floats | None, cell: int) -> float | None:
    return None if values is None else float(values[:, cell].mean())


def setting_of(value: object) -> Setting:
    """A setting as a report holds it: plain values as they are, others as text."""
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)


def sweep_of(grid: Grid, scorer: Scorer, seed: int) -> Sweep:
    """The sweep of a grid."""
    cells = cells_of(grid, scorer.pass_mark, seed)
    best = max(range(len(cells)), key=lambda i: (round(cells[i].score, 9), -cells[i].tokens))
    return Sweep(
        pipeline=grid.pipelines[0].name,
        n=len(grid.traces),
        runs=grid.runs,
        model_runs=grid.model_runs,
        cells=cells,
        seed=seed,
        headline=grid.cut + _headline(cells, best, len(grid.traces)),
        notes=grid.notes,
        partial=bool(grid.cut),
    )


def _headline(cells: Sequence[Cell], best: int, n: int) -> str:
    first, found = cells[0], cells[best]
    if best == 0 or found.change.value <= 0:
        return f"No setting does better than the pipeline as it is: mean score {first.score:.3f} over {n} traces."
    doubt = "" if (found.change.low or 0) > 0 else ", which may be chance"
    named = ", ".join(f"{key} = {value}" for key, value in found.settings.items())
    return (
        f"{named} does best over {n} traces: mean score {found.score:.3f}, {found.change.value:+.3f} "
        f"against the pipeline as it is{doubt}."
    )
