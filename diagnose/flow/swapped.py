"""Two pipelines over the same queries: which of the stages that differ moved the score, and by how much."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import factorial

import msgspec
import numpy as np
from numpy.typing import NDArray

from diagnose.ablate.swap import Bench, Swapped, all_stages, bench_of, swapped
from diagnose.attribute.remedy import SAME_WORTH, minimal_masks
from diagnose.attribute.shapley import interaction_numerators, share_numerators, stack
from diagnose.core.coalition import SEPARATOR, keys, members
from diagnose.core.pipeline import Pipeline
from diagnose.core.report import Interval
from diagnose.core.stage import Role
from diagnose.core.swap import Swaps, SwapShare, SwapTrace
from diagnose.core.trace import Trace
from diagnose.errors import BadInput, StageFailed, UsageError, visible
from diagnose.flow.counterchecked import UNTESTED, Bounds, put_to_test
from diagnose.flow.found import Progress, silent
from diagnose.flow.paired import clusters_of, intervals
from diagnose.flow.stopped import cut_short, each_until_stopped
from diagnose.replay.memo import Memo
from diagnose.replay.run import Runner
from diagnose.score.table import Scorer

Floats = NDArray[np.float64]

TOLERANCE = 0.01
"""Mean scores closer than this count as the same where sets of stages are looked for."""
RUNS = 3
"""Repeats of each replay where a stage is not deterministic."""
SHOWN_REASONS = 3


def swaps_of(
    traces: Iterable[Trace],
    a: Pipeline,
    b: Pipeline,
    scorer: Scorer,
    memo: Memo,
    seed: int = 0,
    runs: int = RUNS,
    tolerance: float = TOLERANCE,
    progress: Progress = silent,
    stop: Callable[[], bool] = lambda: False,
    counter_check: bool = True,
) -> Swaps:
    """Run both pipelines and every mixture of them over the traces, and divide the change of the mean score.

    `counter_check` puts the verdicts of judges to the test (`flow.counterchecked`). Once `stop` says so, it is that of
    the traces replayed until then, and `partial`; Stopped where there are none.
    UsageError where nothing differs; BadInput where no trace has a label that the metric can score by;
    StageFailed where none could be replayed.
    """
    bench = bench_of(a, b, memo, seed, runs, stop)
    if not bench.roles:
        raise UsageError("the two pipelines do not differ in any stage: there is nothing to compare")
    queries = list(traces)
    done = each_until_stopped(queries, lambda trace: swapped(bench, trace, _score_of(scorer)), stop, progress)
    played = [one for one in done if one.game is not None]
    cut = cut_short(len(done), len(queries), bool(played))
    _check_any(done, played)
    notes = _notes(done, bench)
    if counter_check and not cut:
        said = _tested(bench, Runner(a, memo, seed, stop), scorer, queries, b.abstention)
        cut = UNTESTED if said is None else ""
        notes = (*notes, *(said or ()))
    found = _summed(a, b, bench, played, notes, seed, tolerance)
    return msgspec.structs.replace(found, headline=cut + found.headline, partial=bool(cut))


def _score_of(scorer: Scorer) -> Callable[[Trace, str], float | None]:
    def score(trace: Trace, said: str) -> float | None:
        return scorer.score(said, trace.gold).value if trace.gold is not None else None

    return score


def _tested(
    bench: Bench, runner: Runner, scorer: Scorer, traces: Sequence[Trace], abstention: str
) -> tuple[str, ...] | None:
    """What counter-questions say of the judges of both pipelines; None where they were stopped."""
    runner.heard = heard = bench.heard
    judges = {one.stage.fingerprint for one in heard.values()}
    first = {s.fingerprint for s in all_stages(runner.pipeline)}
    called = {judge: f"the verifier of {'A' if judge in first else 'B'}" for judge in judges}
    bounds = Bounds(
        runner.seed, None, called if len(judges) > 1 else {}, (runner.pipeline.abstention, abstention)
    )
    return put_to_test(runner, scorer, traces, bounds)


def _check_any(done: Sequence[Swapped], played: Sequence[Swapped]) -> None:
    if played:
        return
    failures = [one.failure for one in done if one.failure is not None]
    if failures:
        raise StageFailed(f"no trace could be replayed: {failures[0].role}: {failures[0].reason}")
    raise BadInput("no trace has a label that the metric can score by: label the queries first")


def _notes(done: Sequence[Swapped], bench: Bench) -> tuple[str, ...]:
    notes = []
    failures = [one.failure for one in done if one.failure is not None]
    if failures:
        reasons = dict.fromkeys(visible(f"{f.role} {f.reason}"[:200]) for f in failures)
        told = "; ".join(list(reasons)[:SHOWN_REASONS])
        notes.append(f"{len(failures)} of {len(done)} traces left out, because a stage failed: {told}")
    if unlabelled := sum(one.game is None and one.failure is None for one in done):
        notes.append(f"{unlabelled} of {len(done)} traces left out: nothing to score them by")
    if bench.runs > 1:
        notes.append(
            f"not every stage is deterministic: each replay was run {bench.runs} times, with the "
            "same seeds on both sides"
        )
    return tuple(notes)


def _summed(
    a: Pipeline,
    b: Pipeline,
    bench: Bench,
    played: Sequence[Swapped],
    notes: tuple[str, ...],
    seed: int,
    tolerance: float,
) -> Swaps:
    roles, n = bench.roles, len(bench.roles)
    games = [one.game for one in played if one.game is not None]
    worth = stack(games)[0].worth
    # Not rounded, so that the shares add up to the change but for the last bits of a sum.
    each = worth @ share_numerators(n) / factorial(n)
    # Of right and wrong answers these sums are whole numbers: the one division comes last.
    total = worth.sum(axis=0)
    mean = total / len(games)
    shares = total @ share_numerators(n) / (factorial(n) * len(games))
    mixing = total @ interaction_numerators(n) / (factorial(max(n - 1, 0)) * len(games))
    pairs = [SEPARATOR.join((roles[i], roles[j])) for i in range(n) for j in range(i + 1, n)]
    clusters = clusters_of([one.trace for one in played])
    spread = intervals(np.column_stack([each, worth[:, -1] - worth[:, 0]]), clusters, seed)
    parts = [
        SwapShare(
            role=role,
            before=_named(a, role),
            after=_named(b, role),
            share=float(shares[i]),
            low=spread[i][0],
            high=spread[i][1],
            alone=float(mean[1 << i] - mean[0]),
            last=float(mean[-1] - mean[len(mean) - 1 - (1 << i)]),
        )
        for i, role in enumerate(roles)
    ]
    change = Interval(float(mean[-1] - mean[0]), *spread[-1])
    ordered = tuple(sorted(parts, key=lambda p: (p.share, roles.index(p.role))))
    minimal, reverts, best = _sets(roles, mean, tolerance)
    return Swaps(
        pipeline_a=a.name,
        pipeline_b=b.name,
        n=len(played),
        runs=bench.runs,
        before=float(mean[0]),
        after=float(mean[-1]),
        change=change,
        shares=ordered,
        worth=dict(zip(keys(roles), mean.tolist(), strict=True)),
        interactions=dict(zip(pairs, mixing.tolist(), strict=True)),
        minimal=minimal,
        reverts=reverts,
        best=best,
        traces=_traces(played, worth, each, roles),
        tolerance=tolerance,
        seed=seed,
        headline=_headline(ordered, change, len(played), reverts),
        notes=notes,
    )


def _named(pipeline: Pipeline, role: Role) -> str | None:
    stage = pipeline.stage(role)
    return stage.name if stage is not None else None


Sets = tuple[tuple[Role, ...], ...]


def _sets(roles: tuple[Role, ...], mean: Floats, tolerance: float) -> tuple[Sets, Sets, tuple[Role, ...]]:
    """Minimal sets that bring the change about, smallest sets to revert, and the best set."""
    change = mean[-1] - mean[0]
    everything = len(mean) - 1
    size = np.array([mask.bit_count() for mask in range(len(mean))])
    best = members(roles, int(np.lexsort((size, -np.round(mean, 12)))[0]))
    if abs(change) <= tolerance:
        return (), (), best
    # A set of B's stages moves A as far as all of them: mirrored where the score fell, so that higher is
    # nearer.
    toward = mean if change > 0 else -mean
    minimal = minimal_masks(toward[None, :], float(toward[-1]) - tolerance)[0]
    reverts: Sets = ()
    if change < 0:
        # mean[N without R] by R.
        without = mean[everything - np.arange(len(mean))]
        back = minimal_masks(without[None, :], float(mean[0]) - tolerance)[0]
        fewest = min((int(size[m]) for m in np.flatnonzero(back)), default=0)
        found = [int(m) for m in np.flatnonzero(back) if size[m] == fewest]
        reverts = tuple(members(roles, m) for m in sorted(found, key=lambda m: -without[m]))
    order = sorted(map(int, np.flatnonzero(minimal)), key=lambda m: (size[m], m))
    return tuple(members(roles, m) for m in order), reverts, best


def _traces(
    played: Sequence[Swapped], worth: Floats, each: Floats, roles: tuple[Role, ...]
) -> tuple[SwapTrace, ...]:
    """The traces whose score differs, the worst first."""
    moved = [i for i in range(len(played)) if abs(worth[i, -1] - worth[i, 0]) > SAME_WORTH]
    everything = worth.shape[1] - 1
    found = []
    for i in sorted(moved, key=lambda i: (worth[i, -1] - worth[i, 0], played[i].trace.trace_id)):
        without = worth[i, everything - np.arange(everything + 1)]
        fell = worth[i, -1] < worth[i, 0]
        back = minimal_masks(without[None, :], float(worth[i, 0]))[0] if fell else np.zeros(0)
        order = sorted(map(int, np.flatnonzero(back)), key=lambda m: (m.bit_count(), m))
        found.append(
            SwapTrace(
                trace_id=played[i].trace.trace_id,
                before=float(worth[i, 0]),
                after=float(worth[i, -1]),
                shares=dict(zip(roles, (np.round(each[i], 12) + 0.0).tolist(), strict=True)),
                reverts=tuple(members(roles, m) for m in order),
            )
        )
    return tuple(found)


def _headline(shares: Sequence[SwapShare], change: Interval, n: int, reverts: Sets) -> str:
    total = _points(change.value)
    verb = "lost" if change.value < 0 else "won"
    told = [
        f"the {s.role} {'lost' if s.share < 0 else 'won'} {_points(s.share)}" for s in shares if _tells(s)
    ]
    what = (
        f"B {verb} {total} of mean score over {n} traces"
        if _points(change.value) != "0 points"
        else (f"The score is the same over {n} traces")
    )
    said = f"{what}: {', '.join(told)}." if told else f"{what}."
    if reverts:
        said += f" Reverting the {' and the '.join(reverts[0])} wins it back."
    return said


def _tells(share: SwapShare) -> bool:
    return _points(share.share) != "0 points"


def _points(value: float) -> str:
    """A part of the mean score in points (hundredths)."""
    text = f"{abs(value) * 100:.1f}".removesuffix(".0")
    return f"{text} point" if text == "1" else f"{text} points"
