"""Which prompts the coalitions of a trace come to, before any model runs."""

from __future__ import annotations

import pytest

from diagnose.ablate.plan import Plan, planned
from diagnose.ablate.scene import scene_of
from diagnose.core.artifact import Context, Output, Passages, Query
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import Given, Role, Stage
from diagnose.core.trace import Gold, GoldPassage
from diagnose.replay.memo import Memo
from diagnose.replay.run import Broken, Meter, Runner
from diagnose.score.label import Label, Library, label_of
from diagnose.stages.failure import RunFailed
from tests.repairs.scenes import CLAUSES, QUERY, corpus, passages
from tests.replay.made_stages import Counting, Run, read

FOUND, WITHOUT = ("d0", "d1", "d2", "d3"), ("d0", "d2", "d3")


def finds(*ids: str) -> Run:
    return lambda given, seed: Passages(passages(*ids))


def keeps(n: int) -> Run:
    return lambda given, seed: Passages(given.passages[:n])


def gold_first(given: Given, seed: int | None) -> Output:
    return Passages(tuple(sorted(given.passages, key=lambda p: p.id != "d1"))[:3])


def packs(given: Given, seed: int | None) -> Output:
    return Context("\n\n".join(p.text for p in given.passages), given.passages)


def packs_first(given: Given, seed: int | None) -> Output:
    return Context(given.passages[0].text, given.passages[:1])


def label() -> Label:
    found = label_of(Gold(("45 days",), (GoldPassage("d1"),)), QUERY, Library(corpus()))
    assert found is not None
    return found


def plan_of(counting: Counting, **stages: Run) -> tuple[Plan, Meter]:
    made: tuple[Stage, ...] = tuple(counting.stage(role, run) for role, run in stages.items())  # type: ignore[arg-type]
    pipeline = Pipeline("made", (*made, counting.stage("model", read)), corpus())
    runner, meter = Runner(pipeline, Memo()), Meter()
    scene = scene_of(runner, QUERY, label(), lambda text: "45 DAYS" in text, meter)
    return planned(runner, QUERY, scene, meter), meter


def sound(plan: Plan) -> dict[Role, bool]:
    return {role: fair.sound for role, fair in plan.fair.items()}


def test_a_healthy_pipeline_has_one_cell() -> None:
    plan, _ = plan_of(Counting(), retriever=finds(*FOUND), ranker=gold_first, packer=packs)
    assert sound(plan) == {"retriever": True, "ranker": True, "packer": True}
    assert (plan.unsound, list(plan.variants), len(plan.cells)) == (0, [0], 1)


def test_only_unsound_stages_are_repaired() -> None:
    plan, _ = plan_of(Counting(), retriever=finds(*WITHOUT), ranker=gold_first, packer=packs)
    assert sound(plan) == {"retriever": False, "ranker": True, "packer": True}
    assert list(plan.variants) == [0, 1]
    assert [v.supported for v in plan.variants.values()] == [False, True]
    assert plan.variants[1].state.repaired == {"retriever"}


def test_coalitions_that_come_to_one_prompt_share_a_cell() -> None:
    plan, _ = plan_of(Counting(), retriever=finds("d0", "d2"), ranker=gold_first, packer=packs)
    assert sound(plan) == {"retriever": False, "ranker": True, "packer": True}
    plan, _ = plan_of(Counting(), retriever=finds(*FOUND), ranker=keeps(1), packer=packs_first)
    assert sound(plan) == {"retriever": True, "ranker": False, "packer": True}
    assert len(plan.cells) == 2
    assert plan.cells[0] == plan.variants[0].cell


def test_innocent_on_fair_input() -> None:
    """A packer that shows one passage is sound once the ranker keeps its contract."""
    plan, _ = plan_of(Counting(), retriever=finds(*FOUND), ranker=keeps(4), packer=packs_first)
    assert sound(plan) == {"retriever": True, "ranker": False, "packer": True}
    assert [v.supported for v in plan.variants.values()] == [False, True]


def test_a_stage_that_breaks_its_contract_even_then_is_not() -> None:
    def packs_last(given: Given, seed: int | None) -> Output:
        return Context(given.passages[-1].text, given.passages[-1:])

    plan, _ = plan_of(Counting(), retriever=finds(*WITHOUT), ranker=gold_first, packer=packs_last)
    assert sound(plan) == {"retriever": False, "ranker": True, "packer": False}
    assert sorted(plan.variants) == [0b000, 0b001, 0b100, 0b101]
    assert [plan.variants[m].supported for m in sorted(plan.variants)] == [False, False, False, True]


def test_no_model_runs_and_no_stage_twice_on_one_input() -> None:
    counting = Counting()
    _, meter = plan_of(counting, retriever=finds(*WITHOUT), ranker=keeps(2), packer=packs_first)
    assert counting.calls["model"] == meter.runs.model == 0
    assert counting.calls.total() == meter.runs.stage
    assert counting.calls["retriever"] == 1
    assert counting.calls["ranker"] <= 2


def test_a_stage_that_fails_breaks_the_plan() -> None:
    def down(given: Given, seed: int | None) -> Output:
        raise RunFailed("ranker", "down", "raised", "raised OSError")

    with pytest.raises(Broken, match="raised OSError"):
        plan_of(Counting(), retriever=finds(*FOUND), ranker=down, packer=packs)


def test_the_scene_says_what_surrounds_the_stages() -> None:
    counting = Counting()
    packer = Stage(
        "packer", "p", packs, "1", True, settings={"budget_tokens": 64}, count_tokens=lambda text: len(text)
    )
    model = Stage("model", "m", read, "1", True, window_tokens=128)
    searcher = counting.stage("retriever", finds(*FOUND))
    runner = Runner(Pipeline("made", (searcher, packer, model), corpus()), Memo())
    scene = scene_of(runner, QUERY, label(), lambda text: True, Meter())
    assert (scene.ranked, scene.budget_tokens, scene.window_tokens) == (False, 64, 128)
    assert scene.count_tokens is not None
    assert scene.count_tokens("four") == 4
    assert scene.retrieve is not None
    assert scene.retrieve("anything") == scene.retrieve("anything") == passages(*FOUND)
    assert counting.calls["retriever"] == 1
    bare = scene_of(
        Runner(Pipeline("bare", (model,)), Memo()), Query("x"), label(), lambda text: True, Meter()
    )
    assert (bare.retrieve, bare.budget_tokens, bare.count_tokens, bare.ranked) == (None, None, None, False)
    assert len(CLAUSES) == 6
