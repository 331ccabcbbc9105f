"""A sweep and a budget made by hand."""

from __future__ import annotations

from diagnose.core.budget import Bin, Budget, Cell, Complexity, Moved, Policy, Sweep, Tier
from diagnose.core.report import Interval

CELLS = (
    Cell({}, 0.8, Interval(0.0, None, None), 0, 0, 900.0, 1.5, 0.002, False),
    Cell({"stages.ranker.top_n": 1}, 0.6, Interval(-0.2, -0.3, -0.1), 1, 21, 150.0, 0.4, 0.0004, True),
    Cell({"stages.ranker.top_n": 3}, 0.82, Interval(0.02, -0.01, 0.05), 4, 2, 400.0, 0.8, 0.0009, True),
)
SWEEP = Sweep("desk", 100, 1, 240, CELLS, 0, "Three passages do best over 100 traces.", ("one note",))
BUDGET = Budget(
    pipeline="desk",
    n=100,
    runs=1,
    model_runs=240,
    folds=5,
    tolerance=0.0,
    cells=CELLS,
    complexity=Complexity(
        {"words": 0.2},
        -1.0,
        150.0,
        90,
        0.12,
        0.2,
        0.11,
        0.03,
        (Bin(0.1, 0.4, 45, 0.2, 0.25), Bin(0.4, 0.9, 45, 0.7, 0.6)),
    ),
    refused=None,
    tiers=(
        Tier("simple", 0.0, 0.4, 50, 0.9, 0.9, 900.0, 150.0, 1, None, None),
        Tier("complex", 0.4, 1.0, 50, 0.7, 0.74, 900.0, 400.0, 2, 2, 0.1),
    ),
    policies=(
        Policy("uniform", 0.8, Interval(0.0, None, None), 900.0, 0.0, 1.5, 0.002),
        Policy("best uniform", 0.82, Interval(0.02, -0.01, 0.05), 400.0, 0.55, 0.8, 0.0009),
        Policy("route", 0.8, Interval(0.0, -0.02, 0.02), 275.0, 0.69, None, None),
        Policy("oracle", 0.84, Interval(0.04, 0.01, 0.08), 200.0, 0.78, 0.5, 0.0005),
    ),
    waste=(Moved("q1", "simple", 1, 900.0, 150.0),),
    starvation=(Moved("q2", "complex", 2, 900.0, 1400.0),),
    toml='[stages.router]\nuse = "by-complexity"\n',
    seed=0,
    headline="Routed by complexity, 100 queries take 69% fewer tokens. A smaller budget still answers 1 of them.",
)
