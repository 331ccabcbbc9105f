"""Intervals of means over the traces of a log, paired by trace."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from diagnose.core.trace import Trace
from diagnose.stats.bootstrap import cluster_sums, percentile_interval

Floats = NDArray[np.float64]

RESAMPLES = 1000
CLUSTER_TAG = "cluster"
FLAT = 1e-9
"""Columns that vary by less have no spread to see."""


def clusters_of(traces: Sequence[Trace]) -> NDArray[np.str_] | None:
    """The cluster of each trace (n,), from its tag `cluster`; None where no trace has one."""
    named = [trace.tags.get(CLUSTER_TAG) for trace in traces]
    if not any(named):
        return None
    # A trace without one is its own; the blank keeps its name apart from any cluster's.
    return np.array([name or f" {trace.trace_id}" for name, trace in zip(named, traces, strict=True)])


def intervals(
    columns: Floats, clusters: NDArray[np.str_] | None, seed: int
) -> list[tuple[float | None, float | None]]:
    """The 95 % cluster-bootstrap interval of the mean of each column of (n, k); two Nones where there is no
    spread."""
    counted = np.column_stack([columns, np.ones(len(columns))])
    drawn = cluster_sums(counted, clusters, RESAMPLES, seed)
    n = len(columns) if clusters is None else len(np.unique(clusters))
    found: list[tuple[float | None, float | None]] = []
    for i in range(columns.shape[1]):
        ends = percentile_interval(drawn[:, i] / drawn[:, -1], n_clusters=n)
        flat = np.ptp(columns[:, i]) <= FLAT
        found.append((None, None) if ends is None or flat else ends)
    return found
