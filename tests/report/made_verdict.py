"""A gate's verdict, a comparison and a swap made by hand, with everything in them."""

from __future__ import annotations

from diagnose.core.report import Interval
from diagnose.core.swap import Swaps, SwapShare, SwapTrace
from diagnose.core.verdict import (
    Changed,
    CohortChange,
    Comparison,
    Delta,
    GateVerdict,
    Moved,
    Needed,
    RuleVerdict,
    StageChange,
)

COMPARISON = Comparison(
    before="main",
    after="new",
    n_before=200,
    n_after=201,
    score=Delta(200, 0.9, 0.81, -0.09, -0.13, -0.055, 0.0001),
    flips=0.1,
    stages=(
        StageChange("retriever", "same", Delta(200, 0.02, 0.02, 0.0, None, None, 1.0), 0),
        StageChange("ranker", "changed", Delta(200, 0.03, 0.125, 0.095, 0.06, 0.14, 0.0001), 19),
        StageChange("model", "unknown", None, 1),
    ),
    cohorts=(
        CohortChange("tenant", "acme", Delta(60, 0.9, 0.6, -0.3, -0.42, -0.18, 0.00001)),
        CohortChange("tenant", "globex", Delta(140, 0.9, 0.9, 0.0, None, None, 1.0)),
    ),
    regressed=tuple(Moved(f"q{i:03}", 1.0, 0.0, None, "ranker", None, "demoted") for i in range(24)),
    repaired=(Moved("q100", 0.0, 1.0, "model", None, "ignored", None),),
    failing=(
        Moved("q101", 0.0, 0.0, "ranker", "ranker", "cut", "cut"),
        Moved("q102", 0.0, 0.0, "corpus", "undecided"),
    ),
    changed=(Changed("corpus", "c0ffee", "feedbeef"), Changed("ranker", "tfidf 77ab10", "tfidf 1f00aa")),
    steady=False,
    headline="Mean score 0.900 → 0.810 (9 points lost): 24 traces regressed, 1 repaired.",
    notes=("1 trace of the report not in the baseline: left out",),
)
FAILED = GateVerdict(
    outcome="fail",
    headline="Failed: mean score 0.900 → 0.810, 9 points lost. The ranker: its blame rose by 9.5 points.",
    stage="ranker",
    rules=(
        RuleVerdict("score", None, "fail", "9 points lost", -0.09, -0.13, -0.055, -0.01, 0.0001, 0.0125),
        RuleVerdict("blame", "retriever", "pass", "costs 2 points", 0.0, None, None, 0.01, 1.0, 0.0175),
        RuleVerdict("blame", "ranker", "fail", "costs 12.5 points", 0.095, 0.06, 0.14, 0.01, 0.0004, 0.0175),
        RuleVerdict(
            "cohort", "tenant=acme", "inconclusive", "mean score 0.6", 0.6, 0.5, 0.7, 0.7, 0.2, 0.0175
        ),
    ),
    comparison=COMPARISON,
    alpha=0.0125,
    alpha_others=0.005,
    seed=0,
    needed=Needed(640, 3),
)
SWAPS = Swaps(
    pipeline_a="a",
    pipeline_b="b",
    n=200,
    runs=1,
    before=0.9,
    after=0.84,
    change=Interval(-0.06, -0.1, -0.02),
    shares=(
        SwapShare("ranker", "tfidf", "mine:ranker", -0.08, -0.12, -0.04, -0.09, -0.07),
        SwapShare("model", "extract", "extract", 0.02, 0.0, 0.04, 0.01, 0.03),
        SwapShare("packer", None, "rank-order", 0.0, None, None, 0.0, 0.0),
    ),
    worth={
        "": 0.9,
        "ranker": 0.81,
        "packer": 0.9,
        "ranker+packer": 0.81,
        "model": 0.91,
        "ranker+model": 0.84,
        "packer+model": 0.91,
        "ranker+packer+model": 0.84,
    },
    interactions={"ranker+packer": 0.0, "ranker+model": 0.02, "packer+model": 0.0},
    minimal=(("ranker",),),
    reverts=(("ranker",),),
    best=("model",),
    traces=tuple(
        SwapTrace(f"q{i:03}", 1.0, 0.0, {"ranker": -1.0, "packer": 0.0, "model": 0.0}, (("ranker",),))
        for i in range(30)
    ),
    tolerance=0.01,
    seed=0,
    headline="B lost 6 points of mean score over 200 traces: the ranker lost 8 points, the model won 2 points.",
    notes=("1 of 201 traces left out: nothing to score them by",),
)
