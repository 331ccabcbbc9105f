"""Reports made by hand: one of a replayed log, one of an observed one, one in which every text is hostile."""

from __future__ import annotations

import msgspec

from diagnose.core.game import Runs
from diagnose.core.report import (
    Cohort,
    Cost,
    Fidelity,
    Findings,
    FixStep,
    Gain,
    PassingCheck,
    Ranked,
    Report,
    RunProvenance,
    StageCost,
    StageIdentity,
    Triage,
    UndecidedCount,
)

PROVENANCE = RunProvenance(
    version="0.1.0",
    command="diagnose run traces.jsonl --pipeline pipeline.toml -o reports/handbook",
    seed=0,
    metric="contains",
    pass_mark=0.5,
    pipeline="handbook-qa",
    stages=(
        StageIdentity("retriever", "rank-bm25", "bm25:9c01d2"),
        StageIdentity("ranker", "tfidf", "tfidf:77ab10"),
        StageIdentity("packer", "rank-order", "rank-order:1f00aa"),
        StageIdentity("model", "llama-cpp", "llama-cpp:5e5e5e"),
    ),
    corpus="c0ffee0123456789",
    traces="feedbeef01234567",
)

DEMOTED = {"demoted": 11, "cut": 3}

REPLAYED = Report(
    n_traces=200,
    n_failures=31,
    score=0.845,
    levels={"replayed": 31},
    fidelity={role: Fidelity(31, 1.0, 0.0, 0.0) for role in ("retriever", "ranker", "packer", "model")},
    ranking=(
        Ranked(
            "ranker",
            0.5531,
            0.3817,
            0.7243,
            0.943,
            14.38,
            Gain(0.065, 0.035, 0.1),
            14,
            {"demoted": 11, "cut": 3},
        ),
        Ranked("packer", 0.2308, 0.0912, 0.3846, 0.041, 6.0, Gain(0.03, 0.01, 0.055), 6, {"truncated": 6}),
        Ranked(
            "model",
            0.1923,
            0.0657,
            0.3462,
            0.016,
            5.0,
            Gain(0.025, 0.005, 0.045),
            5,
            {"ignored": 3, "over-abstained": 2},
        ),
        Ranked("retriever", 0.0238, -0.0126, 0.08, 0.0, 0.62, Gain(0.0, None, None), 1, {"missed": 1}),
    ),
    findings=Findings(scorer=("q014", "q101"), corpus=("q050",), label=()),
    undecided=UndecidedCount(2, {"noise": 1, "no-loss": 1}, 40),
    triage=Triage(
        blames={"retriever": 5, "model": 26},
        replay={
            "ranker": 14,
            "packer": 6,
            "model": 5,
            "scorer": 2,
            "undecided": 2,
            "retriever": 1,
            "corpus": 1,
        },
        agrees=6,
        model_acquitted=18,
    ),
    fix_order=(
        FixStep("ranker", 0.065, 0.91),
        FixStep("packer", 0.035, 0.945),
        FixStep("model", 0.025, 0.97),
        FixStep("retriever", 0.005, 0.975),
    ),
    cohorts=(
        Cohort("tenant", "acme", 60, 14, {"ranker": 0.86, "model": 0.14}, "ranker", 0.008),
        Cohort("tenant", "globex", 140, 17, {"ranker": 0.3, "packer": 0.4, "model": 0.3}, None, None),
    ),
    cost=Cost(
        stages={
            "retriever": StageCost(0.8121, None, None, None, 200),
            "model": StageCost(412.25, 162400, 4019, 0.1823, 200),
        },
        tokens_per_right_answer=984.7,
        seconds_per_right_answer=2.444,
        money_per_right_answer=0.00108,
    ),
    runs=Runs(88, 410, 1042),
    provenance=PROVENANCE,
    roles=("retriever", "ranker", "packer", "model"),
    headline=(
        "Fix the ranker first: it costs 14.4 of 31 failures (95 % interval 9.9 to 18.8); the model, which "
        "usual triage blames for 26, costs 5. 2 are undecided and 3 are the scorer's, the corpus's or the "
        "label's."
    ),
    residual=2.0,
    funnel={"retriever": 2, "ranker": 14, "packer": 6, "model": 9},
    fragile=("q003", "q077"),
    passing=PassingCheck(40, {"ranker": 1, "packer": 0}),
    notes=("Repaired together, the ranker and the packer gain 0.110 in mean score.",),
)

DRIFTED = msgspec.structs.replace(
    REPLAYED,
    fidelity={"model": Fidelity(31, 0.9, 0.0, 0.097), "retriever": Fidelity(31, 0.871, 0.129, 0.0)},
)

OBSERVED = msgspec.structs.replace(
    REPLAYED,
    levels={"observed": 28, "unlabelled": 3},
    fidelity={},
    ranking=(),
    findings=Findings(scorer=("q014",)),
    undecided=UndecidedCount(30, {"observed-only": 27, "no-label": 3}),
    triage=Triage({"retriever": 5, "model": 23}, {"undecided": 27, "scorer": 1}, 0, 0),
    fix_order=(),
    cohorts=(),
    runs=Runs(),
    provenance=msgspec.structs.replace(PROVENANCE, pipeline=None, stages=(), corpus=None),
    headline=(
        "Nothing was replayed, so no stage is convicted. Of 28 failures the evidence was lost at the "
        "ranker in 13."
    ),
    residual=None,
    funnel={"retriever": 5, "ranker": 13, "packer": 4, "model": 6},
    passing=None,
    fragile=(),
    notes=(),
)

PERFECT = msgspec.structs.replace(
    OBSERVED,
    n_failures=0,
    score=1.0,
    levels={},
    findings=Findings(),
    undecided=UndecidedCount(0, {}),
    triage=None,
    cost=Cost({}, None, None, None),
    headline="No failures in 200 traces: nothing to blame.",
    funnel={},
)
