"""`--verdict-only`: the verdicts of a full replay for fewer model runs, and bounds that hold its shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from diagnose.core.blame import Blame
from diagnose.core.coalition import keys
from diagnose.core.pipeline import Pipeline, ScoreSettings
from diagnose.core.trace import Trace
from diagnose.flow import Found, Settings, replayed
from diagnose.flow.lazily import applies
from diagnose.replay.memo import Memo
from diagnose.replay.run import Runner
from diagnose.stages.faults import FAULTS
from tests.laws.made_pipelines import example
from tests.planted.desk import desk, log_of, queries, scorer_of, with_faults
from tests.planted.town import questions, town

FAULTY = (
    ("lose-gold",),
    ("no-op",),
    ("truncated",),
    ("inverted", "dropped"),
    ("ignores-context",),
    ("lose-gold", "cut-off"),
)


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return desk(tmp_path_factory.mktemp("desk"))


def both(pipeline: Pipeline, log: Sequence[Trace]) -> tuple[Found, Found]:
    """A full replay and one for the verdicts, each with a memo of its own."""
    exact, lazy = (
        replayed(log, Runner(pipeline, Memo()), scorer_of(pipeline), Settings(probe=False, verdict_only=only))
        for only in (False, True)
    )
    return exact, lazy


def holds(exact: Blame, lazy: Blame) -> None:
    assert (lazy.verdict, lazy.mode, lazy.undecided) == (exact.verdict, exact.mode, exact.undecided), (
        exact.trace_id
    )
    ends = lazy.bounds if isinstance(lazy.bounds, dict) else {role: (x, x) for role, x in lazy.shares.items()}
    for role, share in exact.shares.items():
        low, high = ends[role]
        assert low - 1e-9 <= share <= high + 1e-9, (exact.trace_id, role)
    assert lazy.runs.model <= exact.runs.model
    assert set(lazy.minimal_repairs) <= set(exact.minimal_repairs) or "bounds" in msgspec.to_builtins(lazy)


@pytest.mark.parametrize("faults", FAULTY, ids="+".join)
def test_verdicts_are_those_of_the_full_replay(healthy: Pipeline, faults: tuple[str, ...]) -> None:
    pipeline = with_faults(healthy, *(FAULTS[name] for name in faults))
    exact, lazy = both(pipeline, log_of(pipeline, queries()))
    assert exact.blames
    for one, other in zip(exact.blames, lazy.blames, strict=True):
        holds(one, other)


def test_a_pipeline_of_six_stages_runs_fewer_prompts(tmp_path: Path) -> None:
    pipeline = town(tmp_path, ("rewriter", "retriever", "ranker", "compressor", "packer", "model"))
    faulty = with_faults(pipeline, FAULTS["no-op"], FAULTS["truncated"], FAULTS["drops-evidence"])
    exact, lazy = both(faulty, log_of(faulty, questions()))
    assert len(exact.blames) > 20
    for one, other in zip(exact.blames, lazy.blames, strict=True):
        holds(one, other)
    runs = [sum(b.runs.model for b in found.blames) for found in (exact, lazy)]
    assert runs[1] <= 0.7 * runs[0]


def test_verdicts_are_certain_whatever_the_stages_do() -> None:
    """Made-up pipelines whose stages do anything at all: the verdict on what was run is that on everything."""
    saved = compared = 0
    for seed in range(400):
        made = example(seed)
        if applies(Runner(made.pipeline, Memo()), made.scorer) is not None:
            continue
        log, runners = log_of(made.pipeline, [made.trace]), [Runner(made.pipeline, Memo()) for _ in range(2)]
        exact, lazy = (
            replayed(log, runner, made.scorer, Settings(fidelity_floor=0.0, probe=False, verdict_only=only))
            for runner, only in zip(runners, (False, True), strict=True)
        )
        for one, other in zip(exact.blames, lazy.blames, strict=True):
            holds(one, other)
            compared += 1
            saved += one.runs.model - other.runs.model
    assert compared > 100
    assert saved > 100


def test_games_say_what_was_not_run(tmp_path: Path) -> None:
    pipeline = town(tmp_path, ("rewriter", "retriever", "ranker", "compressor", "packer", "model"))
    faulty = with_faults(pipeline, FAULTS["no-op"], FAULTS["truncated"], FAULTS["drops-evidence"])
    exact, lazy = both(faulty, log_of(faulty, questions()))
    open_ones = [(a, b) for a, b in zip(exact.games, lazy.games, strict=True) if b.bounds]
    assert open_ones
    for full, part in open_ones:
        for name in keys(full.roles):
            low, high = part.bounds.get(name, (part.worth[name], part.worth[name]))
            assert low - 1e-9 <= full.worth[name] <= high + 1e-9


def test_a_log_whose_model_has_drifted_is_not_taken_at_its_word(healthy: Pipeline) -> None:
    pipeline = with_faults(healthy, FAULTS["no-op"])
    log = [_said_otherwise(trace) for trace in log_of(pipeline, queries())]
    found = replayed(
        log,
        Runner(pipeline, Memo()),
        scorer_of(pipeline),
        Settings(fidelity_floor=0.0, probe=False, verdict_only=True),
    )
    exact = replayed(
        log, Runner(pipeline, Memo()), scorer_of(pipeline), Settings(fidelity_floor=0.0, probe=False)
    )
    for one, other in zip(exact.blames, found.blames, strict=True):
        holds(one, other)
    assert any(b.undecided and b.undecided.reason == "not-reproduced" for b in found.blames)


def _said_otherwise(trace: Trace) -> Trace:
    """The same trace with another answer logged, which is wrong."""
    steps = tuple(
        msgspec.structs.replace(s, output=msgspec.structs.replace(s.output, text="no idea"))
        if s.role == "model"
        else s
        for s in trace.steps
    )
    return msgspec.structs.replace(trace, steps=steps, outcome=None)


def test_graded_scores_and_verifiers_run_every_prompt_and_say_so(tmp_path: Path) -> None:
    plain = town(tmp_path / "plain", ("retriever", "packer", "model"))
    guarded = town(tmp_path / "guarded", ("retriever", "packer", "model", "verifier"))
    assert applies(Runner(plain, Memo()), scorer_of(plain)) is None
    assert "verifier" in (applies(Runner(guarded, Memo()), scorer_of(guarded)) or "")
    f1 = replace(plain, score=ScoreSettings("f1"))
    assert "parts of a point" in (applies(Runner(f1, Memo()), scorer_of(f1)) or "")
