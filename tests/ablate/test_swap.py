from __future__ import annotations

from dataclasses import replace

import pytest

from diagnose.ablate.swap import bench_of, differing, mixed, swapped
from diagnose.core.artifact import Answer, Decision, Output
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import Given
from diagnose.core.trace import Trace
from diagnose.errors import StageFailed, UsageError
from diagnose.replay.memo import Memo
from tests.ablate.made_pipelines import asked, finds, keeps, packs, pipeline, says_all, stage

GOOD = pipeline(
    "good",
    retriever=("r1", finds("noise", "gold")),
    ranker=("k1", keeps(2)),
    packer=("p1", packs),
    model=("m1", says_all),
)
BAD = pipeline(
    "bad",
    retriever=("r2", finds("gold", "noise")),
    ranker=("k2", keeps(1)),
    packer=("p1", packs),
    model=("m1", says_all),
)


def score(trace: Trace, said: str) -> float | None:
    return None if trace.gold is None else float(trace.gold.answers[0] in said)


def test_stages_differ_by_fingerprint_or_by_being_there() -> None:
    assert differing(GOOD, GOOD) == ()
    assert differing(GOOD, BAD) == ("retriever", "ranker")
    without = replace(GOOD, stages=tuple(s for s in GOOD.stages if s.role != "ranker"))
    assert differing(GOOD, without) == ("ranker",)
    routed = replace(GOOD, routes={"cheap": {"model": stage("model", "m2", says_all)}})
    assert differing(GOOD, routed) == ("model",)


def test_a_mixture_takes_the_stages_it_is_told_to() -> None:
    made = mixed(GOOD, BAD, ("ranker",))
    assert [s.fingerprint for s in made.stages] == ["r1", "k2", "p1", "m1"]
    routed = replace(BAD, routes={"cheap": {"ranker": stage("ranker", "k3", keeps(1))}})
    assert mixed(GOOD, routed, ("ranker",)).routes == {"cheap": routed.routes["cheap"]}
    assert mixed(GOOD, routed, ("retriever",)).routes == {"cheap": {}}


def test_a_game_over_swapped_stages() -> None:
    """The new ranker loses the gold unless the new retriever puts it first."""
    bench = bench_of(GOOD, BAD, Memo(), seed=0, runs=3)
    assert bench.runs == 1
    found = swapped(bench, asked(1)[0], score)
    assert found.game is not None
    assert found.game.roles == ("retriever", "ranker")
    assert found.game.worth == {"": 1.0, "retriever": 1.0, "ranker": 0.0, "retriever+ranker": 1.0}


def test_what_is_alike_runs_once() -> None:
    bench = bench_of(GOOD, BAD, Memo(), seed=0, runs=1)
    swapped(bench, asked(1)[0], score)
    # Two retrievers; each list through both rankers; of those four, two leave different contexts than the others.
    assert bench.executed["retriever"] == 2
    assert bench.executed["ranker"] == 4
    assert bench.executed["model"] <= 4


def test_a_stage_that_only_one_pipeline_has() -> None:
    without = replace(GOOD, stages=tuple(s for s in GOOD.stages if s.role != "packer"))
    found = swapped(bench_of(GOOD, without, Memo(), 0, 1), asked(1)[0], score)
    assert found.game is not None
    assert found.game.worth == {"": 1.0, "packer": 1.0}

    def blocks(given: Given, seed: int | None) -> Output:
        return Decision(False)

    strict = replace(GOOD, stages=(*GOOD.stages, stage("verifier", "v1", blocks)), abstention="gold? no idea")
    found = swapped(bench_of(GOOD, strict, Memo(), 0, 1), asked(1, "noise")[0], score)
    assert found.game is not None
    assert found.game.worth == {"": 1.0, "verifier": 0.0}


def flaky(given: Given, seed: int | None) -> Output:
    return Answer("gold" if (seed or 0) % 2 else "wrong")


def seeded(name: str, model: str) -> Pipeline:
    made = pipeline(name, retriever=("r1", finds("gold")), packer=("p1", packs), model=(model, flaky))
    return replace(made, stages=(*made.stages[:-1], stage("model", model, flaky, False, seeded=True)))


def test_what_is_not_deterministic_is_repeated_with_common_seeds() -> None:
    bench = bench_of(seeded("a", "m1"), seeded("b", "m2"), Memo(), seed=0, runs=4)
    assert bench.runs == 4
    found = swapped(bench, asked(1)[0], score)
    assert found.game is not None
    assert found.game.worth == {"": 0.5, "model": 0.5}


def test_a_stage_that_fails_leaves_the_trace_out_and_says_where() -> None:
    def broken(given: Given, seed: int | None) -> Output:
        raise StageFailed("no index")

    bad = replace(BAD, stages=(stage("retriever", "r9", broken), *BAD.stages[1:]))
    found = swapped(bench_of(GOOD, bad, Memo(), 0, 1), asked(1)[0], score)
    assert found.game is None
    assert found.failure is not None
    assert (found.failure.role, found.failure.reason) == ("retriever", "with retriever of B: no index")


def test_an_unlabelled_trace_has_no_game() -> None:
    trace = Trace("q", asked(1)[0].query)
    found = swapped(bench_of(GOOD, BAD, Memo(), 0, 1), trace, score)
    assert (found.game, found.failure) == (None, None)


def test_a_pipeline_without_a_model() -> None:
    silent = replace(GOOD, stages=GOOD.stages[:-1])
    with pytest.raises(UsageError, match='"good with model of good" has no model'):
        bench_of(GOOD, silent, Memo(), 0, 1)
