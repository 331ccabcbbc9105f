"""How far each trace of a log sways what is computed of all its failures, by the pass rates they have in common."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from diagnose.ablate.cells import KINDS, Cells, Floats, Kind
from diagnose.ablate.spread import Logged, Sampled, alike, seen_of
from diagnose.stats import belief, influence, pooled

Columns = Callable[[Floats], Floats]
"""What is computed of games [m, 2ⁿ] for each trace: [m, c], to be added up over a log."""
STEP = 1e-4
"""Half the stretch of a pass rate over which a slope is taken."""


@dataclass(frozen=True)
class Sway:
    """For each failure [n, c], and for each right answer of the log [m, c], what it adds to c totals of the log by what
    it tells of the others' pass rates. The rows add up to nought: only how they vary matters."""

    failing: Floats
    right: Floats


def sway_of(ways: Sequence[Sampled], logged: Logged, columns: Columns, counted: Floats) -> Sway:
    """The sway of traces that were sampled together over the totals of `columns`; `counted` [n, c] is nought where
    a trace does not count in a total."""
    outcomes = seen_of(ways, logged)
    priors = np.stack(pooled.pooled(outcomes).priors)
    seen = [pooled.kind_seen(*one) for one in outcomes]
    pulls = np.zeros((len(KINDS), len(belief.GRID), counted.shape[1]))
    known: dict[Hashable, Mapping[Kind, Floats]] = {}
    for way, weight in zip(ways, counted, strict=True):
        if (key := alike(way)) not in known:
            known[key] = _pulls(way.cells, priors, columns)
        for kind, pull in known[key].items():
            pulls[KINDS.index(kind)] += pull * weight
    moved = influence.influences(seen, list(pulls))
    tables = [_table(one, rows) for one, rows in zip(seen, moved, strict=True)]
    failing = np.stack([_row(way.cells, tables, counted.shape[1]) for way in ways]) if ways else counted
    passed = [
        np.tile(table[1.0, 0.0], (n, 1))
        for kind, table in zip(KINDS, tables, strict=True)
        if (n := logged.passes.get(kind, 0))
    ]
    right = np.concatenate([np.zeros((0, counted.shape[1])), *passed])
    mean = np.concatenate([failing, right]).mean(axis=0) if len(failing) + len(right) else 0.0
    return Sway(failing - mean, right - mean)


def _pulls(cells: Cells, priors: Floats, columns: Columns) -> dict[Kind, Floats]:
    """By kind [g, c]: the slope of a trace's columns in the weights of the prior of the kind."""
    prior = priors[[KINDS.index(kind) for kind in cells.kinds]]
    means = belief.means(belief.posterior(prior, cells.passes, cells.fails))
    steps = np.concatenate([np.eye(len(means)), -np.eye(len(means))]) * STEP
    up, down = np.split(columns(cells.worths(means + steps)), 2)
    by_rate = (up - down) / (2.0 * STEP)
    by_weight = influence.mean_slopes(prior, cells.passes, cells.fails)
    found: dict[Kind, Floats] = {}
    for unit, kind in enumerate(cells.kinds):
        found[kind] = found.get(kind, 0.0) + np.outer(by_weight[unit], by_rate[unit])
    return found


def _table(seen: pooled.Seen, rows: Floats) -> dict[tuple[float, float], Floats]:
    return {(p, f): row for (p, f), row in zip(seen.outcomes.tolist(), rows, strict=True)}


def _row(cells: Cells, tables: Sequence[Mapping[tuple[float, float], Floats]], n_columns: int) -> Floats:
    """[c]: the sway of a trace: that of its prompts."""
    swayed = np.zeros(n_columns)
    for kind, p, f in zip(cells.kinds, cells.passes.tolist(), cells.fails.tolist(), strict=True):
        if p + f > 0:
            swayed += tables[KINDS.index(kind)][p, f]
    return swayed
