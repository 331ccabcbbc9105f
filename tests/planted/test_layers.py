"""All eight layers at once: faults in each of them, alone and in pairs, in a pipeline of plain functions.

A part of the questions and of the pairs; `benchmarks/layers/bench_layers.py` runs all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import pytest

from diagnose.attribute import shapley
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import ROLES, Role
from diagnose.core.trace import Gold, Trace
from diagnose.core.trust import Trial, Trust
from diagnose.flow import Found
from diagnose.flow.trust import Bench, combinations_of, trusted
from diagnose.replay.memo import Memo
from diagnose.replay.run import Runner
from diagnose.score.table import Scorer
from diagnose.stages.faults import FAULTS, Fault
from tests.planted.desk import diagnosed, log_of, scorer_of
from tests.planted.town import questions, town

NEW: tuple[Role, ...] = ("router", "rewriter", "compressor", "verifier")
MODES: dict[str, set[str]] = {
    "always-cheapest": {"starved"},
    "always-dearest": {"wasteful"},
    "turned-round": {"starved", "wasteful"},
    "random-route": {"starved", "wasteful"},
    "drifted": {"drifted"},
    "drops-context": {"dropped-context"},
    "stale-memory": {"stale"},
    "intruding-memory": {"intruding"},
    "drops-evidence": {"lost"},
    "first-words": {"lost"},
    "wrong-numbers": {"distorted"},
    "negated": {"distorted"},
    "wrong-names": {"distorted"},
    "rejects-all": {"false-reject"},
    "rewrites": {"false-reject"},
    "accepts-all": {"false-accept"},
    "contrary": {"false-reject", "false-accept"},
    "lure": {"stale"},
    "refuses": {"over-abstained"},
}
"""Faults and what they have to be found out as."""
OF_OLD_ROLES = ("lose-gold", "no-op", "dropped", "cut-off")
"""One fault of each of the other roles, to pair the new ones with."""
SUBSTITUTES = {
    (router, other)
    for router in ("always-dearest", "turned-round", "random-route")
    for other in ("cut-off", "negated")
}
"""Pairs of which one repair covers for the other: a model that was repaired bears the clutter of a dear route, and
clutter in which everything is negated is none."""


@pytest.fixture(scope="module")
def eight(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """All eight stages."""
    return town(tmp_path_factory.mktemp("eight"))


@pytest.fixture(scope="module")
def unverified(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """Without the verifier."""
    return town(tmp_path_factory.mktemp("unverified"), tuple(r for r in ROLES if r != "verifier"))


def planted(pipeline: Pipeline, faults: Sequence[Sequence[Fault]], every: int, first: int = 0) -> Trust:
    """What comes of planting these faults."""
    scorer = Scorer.from_settings(pipeline.score, pipeline.abstention)
    return trusted(questions()[first::every], Runner(pipeline, Memo()), scorer, faults)


def of_one(fault: str) -> list[tuple[Fault, ...]]:
    return [(FAULTS[fault],)]


@pytest.fixture(scope="module")
def singles(eight: Pipeline) -> Trust:
    """Every fault by itself."""
    return planted(eight, [c for c in combinations_of(eight, False) if not c[0].noisy], every=3)


def counted(trust: Trust, names: set[str]) -> tuple[int, int, int]:
    """Failures that these faults caused, right verdicts, wrong ones."""
    trials = [t for t in trust.trials if t.faults[0] in names]
    return sum(t.failed for t in trials), sum(t.right for t in trials), sum(t.wrong for t in trials)


def test_the_healthy_pipeline_answers_everything(eight: Pipeline) -> None:
    """Else the faults that are planted would not be the only ones."""
    log = log_of(eight, questions())
    assert len(log) > 150
    assert all(t.outcome is not None and t.outcome.score == 1.0 for t in log)
    tags = {t.tags["size"] for t in log}
    assert tags == {"one", "2", "3", "none"}


def test_single_faults_are_found(singles: Trust) -> None:
    assert singles.n_earned == singles.n_queries
    assert singles.failed > 1000
    assert singles.right is not None
    assert singles.right >= 0.97
    assert singles.wrong is not None
    assert singles.wrong <= 0.01
    assert singles.model_runs_per_failure is not None
    assert singles.model_runs_per_failure <= 3.0


@pytest.mark.parametrize("role", NEW)
def test_at_least_four_faults_of_each_new_role_are_found(singles: Trust, role: Role) -> None:
    names = {fault.name for fault in FAULTS.values() if fault.role == role}
    told = [t for t in singles.trials if t.faults[0] in names and t.failed]
    assert len(told) >= 4
    failed, right, wrong = counted(singles, names)
    assert right >= 0.97 * failed
    assert wrong <= 0.01 * failed


@pytest.mark.parametrize("fault", MODES)
def test_a_fault_is_found_out_as_what_it_is(singles: Trust, fault: str) -> None:
    [trial] = [t for t in singles.trials if t.faults == (fault,)]
    assert trial.failed > 0
    assert set(trial.modes) <= MODES[fault]


def test_nobody_is_convicted_of_what_the_model_invents_but_the_model(unverified: Pipeline) -> None:
    [trial] = planted(unverified, of_one("invents"), every=1).trials
    assert trial.failed >= 10
    assert trial.verdicts == {"model": trial.failed}
    assert trial.modes == {"invented": trial.failed}


def test_a_lure_that_the_retriever_feeds_is_the_retrievers(unverified: Pipeline) -> None:
    [trial] = planted(unverified, of_one("lure"), every=1).trials
    assert trial.failed >= 10
    assert trial.verdicts == {"retriever": trial.failed}


PAIRS = [
    (FAULTS[a], FAULTS[b])
    for a, b in combinations([f.name for f in FAULTS.values() if f.role in NEW] + list(OF_OLD_ROLES), 2)
    if FAULTS[a].role != FAULTS[b].role and {FAULTS[a].role, FAULTS[b].role} & set(NEW)
]


def test_pairs_are_found(eight: Pipeline) -> None:
    found = planted(eight, PAIRS[::4], every=9)
    trials = [t for t in found.trials if t.failed and t.faults not in SUBSTITUTES]
    failed = sum(t.failed for t in trials)
    assert len(trials) > 20
    assert failed > 200
    assert sum(t.right for t in trials) >= 0.97 * failed
    assert sum(t.wrong for t in trials) <= 0.01 * failed
    assert sum(t.model_runs for t in trials) <= 3.0 * failed


def test_one_repair_may_do_for_two_faults(eight: Pipeline) -> None:
    """Then the one that does is convicted, and nobody else."""
    pairs = [tuple(FAULTS[name] for name in pair) for pair in sorted(SUBSTITUTES)]
    trials: Sequence[Trial] = planted(eight, pairs, every=9).trials
    assert all(t.failed and not t.wrong and not t.undecided for t in trials)


def test_eight_stage_games_add_up(eight: Pipeline) -> None:
    seen: list[Found] = []
    scorer = scorer_of(eight)
    faults = [(FAULTS["always-cheapest"], FAULTS["drops-context"]), (FAULTS["contrary"],)]
    trusted(
        questions()[::9],
        Runner(eight, Memo()),
        scorer,
        faults,
        watch=lambda faults, log, found: seen.append(found),
    )
    games = [game for found in seen for game in found.games]
    assert len(games) > 10
    assert {len(game.worth) for game in games} == {256}
    for game in games:
        parts = shapley.divide(game)
        full = "+".join(game.roles)
        assert sum(parts.shares.values()) == pytest.approx(game.worth[full] - game.worth[""], abs=1e-9)


def test_where_abstaining_is_worth_something_a_lax_verifier_shares_the_blame(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """A model that is wrong and a verifier that lets it pass: blocked, the answer would have been worth 0.4."""
    extra = '[score]\nmetric = "contains"\nabstention_worth = 0.4\n'
    pipeline = town(tmp_path_factory.mktemp("worth"), extra=extra)
    asked = [q for q in questions() if q.tags["size"] == "one"][::6]
    lax = spoiled(pipeline, "ignores-context", "accepts-all")
    blames = diagnosed(lax, log_of(lax, asked)).blames
    assert len(blames) == len(asked)
    for blame in blames:
        assert (blame.verdict, blame.mode) == ("model", "closed-book")
        assert blame.shares["model"] == pytest.approx(0.8)
        assert blame.shares["verifier"] == pytest.approx(0.2)


def test_of_an_invention_the_verifier_that_lets_it_pass_is_convicted_and_the_model_shares(
    eight: Pipeline,
) -> None:
    asked = [q for q in questions() if q.gold == Gold(answerable=False)]
    lax = spoiled(eight, "accepts-all")
    log = [t for t in log_of(lax, asked) if t.outcome is not None and t.outcome.score == 0.0]
    blames = diagnosed(lax, log).blames
    assert len(blames) >= 10
    for blame in blames:
        assert (blame.verdict, blame.mode) == ("verifier", "false-accept")
        assert blame.shares["verifier"] == blame.shares["model"] == pytest.approx(0.5)
        assert set(blame.minimal_repairs) == {("model",), ("verifier",)}


def spoiled(pipeline: Pipeline, *faults: str) -> Pipeline:
    """The pipeline with these faults in it."""
    bench = Bench(pipeline, Runner(pipeline, Memo()), scorer_of(pipeline), {}, 0)
    return bench.planted([FAULTS[fault] for fault in faults])


def test_questions_are_told_apart() -> None:
    asked: Sequence[Trace] = questions()
    assert len({t.trace_id for t in asked}) == len(asked)
