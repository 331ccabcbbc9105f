"""Which budget the queries of a log need: complexity, tiers, waste, starvation, and a route table tried on held-out
folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diagnose.attribute import allocate, complexity, tiering
from diagnose.core.artifact import Passages
from diagnose.core.budget import Bin, Budget, Complexity, Moved, Policy, Tier
from diagnose.core.report import Interval
from diagnose.core.trace import Trace
from diagnose.errors import BadInput
from diagnose.flow.paired import clusters_of, intervals
from diagnose.flow.routes import route_table
from diagnose.flow.swept import Grid, cells_of
from diagnose.replay.run import Stopped
from diagnose.score.table import Scorer
from diagnose.stages.complexity import FEATURES, features, shape, tier_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

FEWEST = 2 * complexity.FOLDS
"""Traces below which nothing can be held out."""
TIER_NAMES = {1: ("all",), 2: ("simple", "complex"), 3: ("simple", "medium", "complex")}


@dataclass(frozen=True)
class Allocation:
    """How budgets are looked for: the number of tiers and how much mean score (0 to 1) a tier may lose."""

    tiers: int = 3
    tolerance: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class _Data:
    """The grid as arrays: features (n, k), scores and tokens (n, cells), and what each query needs."""

    x: Floats
    score: Floats
    tokens: Floats
    answered: Bools
    needs: Bools
    split: float


def budget_of(grid: Grid, scorer: Scorer, settings: Allocation) -> Budget:
    """The budget of a grid. BadInput (Stopped, where it was interrupted) where it holds too few traces to hold any
    out."""
    if len(grid.traces) < FEWEST:
        if grid.cut:
            raise Stopped
        raise BadInput(f"{len(grid.traces)} traces can be scored; a budget takes at least {FEWEST}")
    data = _data(grid, scorer)
    model, cuts, told, refused = _model(data, grid, settings)
    tiers, chosen = _tiers(data, model, cuts, grid, settings)
    names = [tier.name for tier in tiers]
    where = _tier_rows(data.x, model, cuts)
    policies = _policies(data, grid, scorer, settings)
    waste = allocate.waste_of(data.score, data.tokens, scorer.pass_mark)
    starved = allocate.starvation_of(data.score, data.tokens, scorer.pass_mark)

    def moved(pairs: Sequence[tuple[int, int]]) -> tuple[Moved, ...]:
        return tuple(
            Moved(
                grid.traces[i].trace_id,
                names[where[i]] if where[i] < len(names) else names[-1],
                cell,
                float(data.tokens[i, 0]),
                float(data.tokens[i, cell]),
            )
            for i, cell in pairs
        )

    cells = cells_of(grid, scorer.pass_mark, settings.seed)
    return Budget(
        pipeline=grid.pipelines[0].name,
        n=len(grid.traces),
        runs=grid.runs,
        model_runs=grid.model_runs,
        folds=complexity.FOLDS,
        tolerance=settings.tolerance,
        cells=cells,
        complexity=told,
        refused=refused,
        tiers=tiers,
        policies=policies,
        waste=moved(waste),
        starvation=moved(starved),
        toml=route_table(cells, chosen, told, cuts),
        seed=settings.seed,
        headline=grid.cut + _headline(policies, len(waste), len(starved), len(grid.traces)),
        notes=grid.notes,
        partial=bool(grid.cut),
    )


def _data(grid: Grid, scorer: Scorer) -> _Data:
    x = np.array([[features(t.query)[name] for name in FEATURES] for t in grid.traces])
    answered, needs, split = allocate.needs_of(grid.score, grid.tokens, scorer.pass_mark)
    return _Data(x, grid.score, grid.tokens, answered, needs, split)


def _model(
    data: _Data, grid: Grid, settings: Allocation
) -> tuple[complexity.Model | None, tuple[float, ...], Complexity | None, str | None]:
    """The model of complexity, the thresholds of the tiers, what is told of it, or why there is none."""
    x, needs = data.x[data.answered], data.needs[data.answered]
    if settings.tiers == 1:
        return None, (), None, "one tier was asked for"
    if (why := complexity.refusal(needs)) is not None:
        return None, (), None, why
    model = complexity.trained(x, needs, settings.seed)
    predicted = complexity.held_out(x, needs, settings.seed)
    bins = complexity.bins_of(predicted, needs)
    told = Complexity(
        weights=dict(zip(FEATURES, (round(float(w), 6) for w in model.weights), strict=True)),
        bias=round(model.bias, 6),
        above_tokens=data.split,
        n=len(needs),
        brier=complexity.brier(predicted, needs),
        brier_base=complexity.brier(np.full(len(needs), needs.mean()), needs),
        brier_with_scores=_with_scores(x, needs, grid.traces, data.answered, settings.seed),
        calibration_error=complexity.calibration_error(bins),
        bins=tuple(Bin(*one) for one in bins),
    )
    rounded = complexity.Model(np.array([told.weights[name] for name in FEATURES]), told.bias)
    predicted = rounded.predict(data.x)
    cuts = tiering.cuts_of(predicted, data.score, data.tokens, settings.tolerance, settings.tiers)
    return rounded, cuts, told, None


def _with_scores(
    x: Floats, needs: Bools, traces: Sequence[Trace], answered: Bools, seed: int
) -> float | None:
    """The Brier score with the shape of the logged retriever's scores among the features."""
    shapes = []
    for trace, counts in zip(traces, answered, strict=True):
        if not counts:
            continue
        found = trace.output("retriever")
        seen = shape(found.passages) if isinstance(found, Passages) else None
        if seen is None:
            return None
        shapes.append(list(seen.values()))
    wider = np.column_stack([x, np.array(shapes)])
    return complexity.brier(complexity.held_out(wider, needs, seed), needs)


def _tier_rows(x: Floats, model: complexity.Model | None, cuts: Sequence[float]) -> Ints:
    """The tier of each query (n,)."""
    if model is None:
        return np.zeros(len(x), dtype=np.int64)
    return np.array([tier_of(p, cuts) for p in model.predict(x)], dtype=np.int64)


def _tiers(
    data: _Data, model: complexity.Model | None, cuts: Sequence[float], grid: Grid, settings: Allocation
) -> tuple[tuple[Tier, ...], list[int]]:
    """The tiers, and for each the cell of its smallest budget."""
    where, n = _tier_rows(data.x, model, cuts), len(cuts) + 1
    edges = (0.0, *cuts, 1.0)
    tiers, chosen = [], []
    names = TIER_NAMES.get(n) or tuple(f"tier-{i + 1}" for i in range(n))
    for i in range(n):
        rows = np.flatnonzero(where == i)
        if not len(rows):
            chosen.append(0)
            continue
        score, tokens = data.score[rows], data.tokens[rows]
        cell = allocate.smallest_keeping(score, tokens, settings.tolerance)
        larger, gain = _larger([grid.traces[int(r)] for r in rows], score, tokens, settings.seed)
        chosen.append(cell)
        tiers.append(
            Tier(
                name=names[i],
                low=edges[i],
                high=edges[i + 1],
                n=len(rows),
                before=float(score[:, 0].mean()),
                score=float(score[:, cell].mean()),
                tokens_before=float(tokens[:, 0].mean()),
                tokens=float(tokens[:, cell].mean()),
                cell=cell,
                larger=larger,
                larger_gain=gain,
            )
        )
    return tuple(tiers), chosen


def _larger(
    traces: Sequence[Trace], score: Floats, tokens: Floats, seed: int
) -> tuple[int | None, float | None]:
    """The cheapest cell above the pipeline as it is whose gain's interval is above 0, and the gain."""
    change, price = score - score[:, :1], tokens.mean(axis=0)
    ends = intervals(change, clusters_of(traces), seed)
    for cell in np.argsort(price, kind="stable"):
        low = ends[cell][0]
        if low is None and len(traces) >= FEWEST:
            low = float(change[:, cell].min())  # the same on all of them: no spread, no doubt
        if price[cell] > price[0] and low is not None and low > 0:
            return int(cell), float(change[:, cell].mean())
    return None, None


def _policies(data: _Data, grid: Grid, scorer: Scorer, settings: Allocation) -> tuple[Policy, ...]:
    """The proposed route on held-out folds, beside the uniform pipeline and the oracle."""
    n = len(data.score)
    route, uniform = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    for fold in complexity.folds_of(data.needs, settings.seed):
        rest = np.setdiff1d(np.arange(n), fold)
        route[fold] = _routed(data, rest, fold, settings)
        uniform[fold] = allocate.smallest_keeping(data.score[rest], data.tokens[rest], settings.tolerance)
    oracle = allocate.cheapest_passing(data.score, data.tokens, scorer.pass_mark)
    ways = {
        "uniform": np.zeros(n, dtype=np.int64),
        "best uniform": uniform,
        "route": route,
        "oracle": oracle,
    }
    return tuple(_policy(name, cells, grid, settings.seed) for name, cells in ways.items())


def _routed(data: _Data, rest: Ints, fold: Ints, settings: Allocation) -> Ints:
    """The cells (of the fold's queries) that everything learnt from the rest gives."""
    known = rest[data.answered[rest]]
    model: complexity.Model | None = None
    cuts: tuple[float, ...] = ()
    if settings.tiers > 1 and complexity.refusal(data.needs[known]) is None:
        model = complexity.trained(data.x[known], data.needs[known], settings.seed)
        predicted = model.predict(data.x[rest])
        score, tokens = data.score[rest], data.tokens[rest]
        cuts = tiering.cuts_of(predicted, score, tokens, settings.tolerance, settings.tiers)
    where = _tier_rows(data.x[rest], model, cuts)
    cells = [
        allocate.smallest_keeping(
            data.score[rest[where == i]], data.tokens[rest[where == i]], settings.tolerance
        )
        if (where == i).any()
        else 0
        for i in range(len(cuts) + 1)
    ]
    return np.array([cells[i] for i in _tier_rows(data.x[fold], model, cuts)], dtype=np.int64)


def _policy(name: str, cells: Ints, grid: Grid, seed: int) -> Policy:
    rows = np.arange(len(cells))
    score, tokens = grid.score[rows, cells], grid.tokens[rows, cells]
    change = score - grid.score[:, 0]
    [ends] = intervals(change[:, None], clusters_of(grid.traces), seed)
    before = float(grid.tokens[:, 0].sum())
    return Policy(
        name=name,
        score=float(score.mean()),
        change=Interval(float(change.mean()), *ends),
        tokens=float(tokens.mean()),
        saved=1.0 - float(tokens.sum()) / before if before else 0.0,
        seconds=None if grid.seconds is None else float(grid.seconds[rows, cells].mean()),
        money=None if grid.money is None else float(grid.money[rows, cells].mean()),
    )


def _headline(policies: Sequence[Policy], waste: int, starved: int, n: int) -> str:
    route = next(p for p in policies if p.name == "route")
    saved = f"{abs(route.saved):.0%} {'fewer' if route.saved >= 0 else 'more'} tokens"
    low, high = route.change.low, route.change.high
    doubt = f" (95 %: {low:+.3f} to {high:+.3f})" if low is not None and high is not None else ""
    return (
        f"Routed by complexity, {n} queries take {saved} at a change of {route.change.value:+.3f}{doubt} in mean score "
        f"on held-out folds. A smaller budget still answers {waste} of them; a larger one wins {starved}."
    )
