"""Replaying the failures of a log: what comes of each, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest

from diagnose.core.artifact import Answer, Context, Output, Passage, Query, Turn
from diagnose.core.coalition import key
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import Given, Stage
from diagnose.core.trace import Gold, GoldPassage, Outcome, Trace
from diagnose.flow import Found, Settings, replayed, reported
from diagnose.replay.memo import Memo
from diagnose.replay.run import Meter, Runner
from diagnose.stages.call import Identity, as_stage
from diagnose.stages.failure import RunFailed
from diagnose.stages.faults import FAULTS
from tests.planted.desk import desk, failures, log_of, queries, scorer_of, with_faults
from tests.repairs.scenes import passages


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return desk(tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def inverted(healthy: Pipeline) -> Pipeline:
    return with_faults(healthy, FAULTS["no-op"])


def run(pipeline: Pipeline, log: Sequence[Trace], settings: Settings = Settings()) -> Found:
    return replayed(log, Runner(pipeline, Memo(), settings.seed), scorer_of(pipeline), settings)


def test_every_failure_has_blame_game_and_case_in_the_order_of_the_log(inverted: Pipeline) -> None:
    log = log_of(inverted)[::-1]
    found = run(inverted, log)
    ids = [t.trace_id for t in failures(log)]
    assert 10 <= len(ids) < len(log)
    assert [b.trace_id for b in found.blames] == ids
    assert [g.trace_id for g in found.games] == ids
    assert [c.trace_id for c in found.cases] == ids
    assert [s.trace.trace_id for s in found.scored] == [t.trace_id for t in log]
    assert len(found.compared) == len(ids)


def test_workarounds_stand_beside_the_blame(inverted: Pipeline) -> None:
    log = log_of(inverted)
    plain, told = run(inverted, log), run(inverted, log, Settings(workarounds=True))
    assert not any(b.workarounds for b in plain.blames)
    assert any(b.workarounds for b in told.blames)
    assert [msgspec.structs.replace(b, workarounds={}) for b in told.blames] == list(plain.blames)
    for blame in told.blames:
        assert all(blame.shares[role] == 0 for role in blame.workarounds)


def test_a_case_shows_the_unchanged_replay_and_each_smallest_repair(inverted: Pipeline) -> None:
    found = run(inverted, log_of(inverted))
    for blame, case in zip(found.blames, found.cases, strict=True):
        shown = [r.coalition for r in case.replays]
        assert shown == ["", *(key(roles, (1 << len(roles)) - 1) for roles in blame.minimal_repairs)]
        assert [r.score for r in case.replays] == [0.0, 1.0]
        assert [ran.role for ran in case.replays[1].ran if ran.repaired] == ["ranker"]
        assert case.logged_evidence["retriever"] is True


def test_progress_comes_to_its_end(inverted: Pipeline) -> None:
    seen: list[tuple[int, int]] = []
    log = log_of(inverted)
    runner = Runner(inverted, Memo())
    replayed(
        log, runner, scorer_of(inverted), Settings(passing=2), lambda done, total: seen.append((done, total))
    )
    total = len(failures(log)) + 2
    assert seen == [(n + 1, total) for n in range(total)]


@pytest.mark.parametrize("asked, games", [(0, 0), (1, 1), (2, 2), (99, 2)])
def test_a_sample_of_right_answers_is_replayed_too(inverted: Pipeline, asked: int, games: int) -> None:
    log = log_of(inverted)
    right = [t.trace_id for t in log if t.outcome and t.outcome.score == 1.0]
    assert len(right) == 2
    found = run(inverted, log, Settings(passing=asked))
    extra = [g.trace_id for g in found.games if g.trace_id in right]
    assert len(extra) == games
    assert extra == [i for i in right if i in extra]
    report = reported(found, inverted, scorer_of(inverted), 0, "x")
    assert (report.passing.n if report.passing else 0) == games


def test_the_sample_depends_on_the_seed_alone(healthy: Pipeline) -> None:
    log = log_of(healthy)
    drawn = {
        seed: [g.trace_id for g in run(healthy, log, Settings(passing=4, seed=seed)).games] for seed in (1, 2)
    }
    assert drawn[1] == [g.trace_id for g in run(healthy, log, Settings(passing=4, seed=1)).games]
    assert drawn[1] != drawn[2]


def test_probes_cost_runs_and_can_be_left_out(healthy: Pipeline) -> None:
    ignoring = with_faults(healthy, FAULTS["ignores-context"])
    log = log_of(ignoring)[:3]
    with_probe, without = run(ignoring, log), run(ignoring, log, Settings(probe=False))
    assert {b.mode for b in without.blames} == {"ignored"}
    assert all(b.evidence for b in with_probe.blames)
    assert sum(b.runs.model for b in with_probe.blames) > sum(b.runs.model for b in without.blames)


def test_stage_calls_that_were_made_are_counted(inverted: Pipeline) -> None:
    memo, log = Memo(), log_of(inverted)
    first = replayed(log, Runner(inverted, memo), scorer_of(inverted))
    again = replayed(log, Runner(inverted, memo), scorer_of(inverted))
    assert first.executed["model"] == sum(b.runs.model for b in first.blames)
    assert again.executed == {}
    assert again.blames == first.blames


def test_an_empty_log(healthy: Pipeline) -> None:
    found = run(healthy, [])
    assert found == Found((), ())


def down_for(pipeline: Pipeline, text: str) -> Pipeline:
    """The pipeline with a retriever that fails on one question."""

    def ailing(stage: Stage) -> Stage:
        def work(given: Given, seed: int | None) -> Output:
            if text in given.conversation.text:
                raise RunFailed(stage.role, stage.name, "raised", "raised OSError: no index")
            return stage.run(given, seed)

        return replace(stage, run=work) if stage.role == "retriever" else stage

    return replace(pipeline, stages=tuple(map(ailing, pipeline.stages)))


def test_a_failure_that_could_not_be_replayed_is_laid_open_as_logged(inverted: Pipeline) -> None:
    log = failures(log_of(inverted))
    found = run(down_for(inverted, log[0].query.text.split("of ")[1].split(" pay")[0]), log)
    assert [c.trace_id for c in found.cases] == [t.trace_id for t in log]
    assert found.cases[0].replays == ()


def test_gold_passages_alone_still_show_where_the_evidence_was_lost(healthy: Pipeline) -> None:
    asked = msgspec.structs.replace(queries()[0], gold=Gold((), (GoldPassage("pay00"),)))
    log = [msgspec.structs.replace(log_of(healthy, [asked])[0], outcome=Outcome(0.0))]
    (blame,) = run(healthy, log).blames
    assert blame.level == "observed"
    assert all(step.evidence for step in blame.funnel if step.role != "model")
    assert blame.undecided is not None
    assert "neither gold passages" not in blame.undecided.detail


def test_two_conversations_with_one_question_are_not_mixed_up(healthy: Pipeline) -> None:
    """A model that looks at the history: the memo must not answer one conversation with the other."""

    def recalls(stage: Stage) -> Stage:
        def work(given: Given, seed: int | None) -> Output:
            return Answer(given.conversation.history[0].content)

        return replace(stage, run=work) if stage.role == "model" else stage

    pipeline = replace(healthy, stages=tuple(map(recalls, healthy.stages)))
    log = [
        Trace(
            name,
            Query("And then?", (Turn("user", f"It is {name}."),)),
            gold=Gold((name,), (GoldPassage("pay00"),)),
        )
        for name in ("red", "blue")
    ]
    assert [t.outcome.score for t in log_of(pipeline, log) if t.outcome] == [1.0, 1.0]


def test_a_model_that_asks_for_the_passages_is_run_for_each_list() -> None:
    def read(query: str, context: Context, passages: list[Passage]) -> str:
        return f"{len(passages)} passages"

    stage = as_stage(read, Identity("model", "read", "1", True))
    runner = Runner(Pipeline("made", (stage,)), Memo())
    given = Given("q", Query("q"), passages("d0"), Context("x"))
    more = Given("q", Query("q"), passages("d0", "d1"), Context("x"))
    assert runner.run(stage, given, Meter()) == Answer("1 passages")
    assert runner.run(stage, more, Meter()) == Answer("2 passages")


def test_a_log_without_labels_is_still_held_against_the_pipeline(
    healthy: Pipeline, inverted: Pipeline
) -> None:
    log = [msgspec.structs.replace(t, gold=None, outcome=None) for t in log_of(healthy)]
    same, other = run(healthy, log), run(inverted, log)
    assert same.blames == other.blames == ()
    report = reported(same, healthy, scorer_of(healthy), 0, "x")
    assert [(role, seen.same) for role, seen in report.fidelity.items()] == [(r, 1.0) for r in healthy.roles]
    assert reported(other, inverted, scorer_of(inverted), 0, "x").fidelity["ranker"].drifted > 0.5
