"""Local models in processes of their own: the same results, whatever becomes of the processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from diagnose.core.artifact import Query
from diagnose.core.stage import Given, Recipe
from diagnose.replay.ahead import Task
from diagnose.replay.memo import Memo
from diagnose.replay.processes import Processes, jobs_for
from diagnose.replay.run import Runner
from diagnose.replay.shares import Shares
from tests.replay.local_model import calls, made, made_calls, model_of
from tests.replay.test_ahead import outcome

QUERIES = [f"{word} {n}" for n in range(6) for word in ("a", "b", "refuse", "slow")]


@pytest.fixture
def processes() -> Iterator[Processes]:
    two = Processes(2)
    yield two
    two.close()


def test_two_processes_give_what_one_gives(tmp_path: Path, processes: Processes) -> None:
    pipeline = made(tmp_path)
    asked = calls(pipeline, QUERIES)
    plain = [outcome(Runner(pipeline, Memo()), call) for call in asked]
    (tmp_path / "calls").unlink()
    runner = Runner(pipeline, Memo(), engines=(processes,))
    runner.ahead(asked)
    assert [outcome(runner, call) for call in asked] == plain
    ran = made_calls(tmp_path)
    assert len(ran) == len(set(QUERIES))
    assert {elsewhere for _, elsewhere, _ in ran} == {"True"}
    assert len({pid for pid, _, _ in ran}) == 2
    # What nobody knew of ahead goes there, too: this process has not loaded the model.
    outcome(runner, calls(pipeline, ["late 1"])[0])
    assert made_calls(tmp_path)[-1][1:] == ["True", "late 1"]


def test_one_that_is_killed_is_replaced_and_its_call_made_again(tmp_path: Path, processes: Processes) -> None:
    pipeline = made(tmp_path)
    asked = calls(pipeline, ["a 1", "stumble 2", "b 3", "die 4", "c 5", "d 6"])
    runner = Runner(pipeline, Memo(), engines=(processes,))
    runner.ahead(asked)
    found = [outcome(runner, call) for call in asked]
    assert [getattr(one, "text", None) for one in found] == [
        "a 1: 3", "stumble 2: 9", "b 3: 3", None, "c 5: 3", "d 6: 3"
    ]  # fmt: skip
    assert "ended 2 times in this call (signal SIGKILL): is there memory for 2 of them (--jobs)?" in str(
        found[3]
    )
    queries = [query for _, _, query in made_calls(tmp_path)]
    assert {query: queries.count(query) for query in set(queries)} == {
        "a 1": 1, "stumble 2": 2, "b 3": 1, "die 4": 2, "c 5": 1, "d 6": 1
    }  # fmt: skip


def test_a_call_that_is_out_of_memory_fails_alone_and_its_process_goes_on(
    tmp_path: Path, processes: Processes
) -> None:
    pipeline = made(tmp_path)
    asked = calls(pipeline, ["a 1", "hungry 2", "b 3", "hungry 4", "c 5", "d 6"])
    runner = Runner(pipeline, Memo(), engines=(processes,))
    runner.ahead(asked)
    found = [outcome(runner, call) for call in asked]
    texts = [getattr(one, "text", None) for one in found]
    assert texts == ["a 1: 3", None, "b 3: 3", None, "c 5: 3", "d 6: 3"]
    assert all("MemoryError" in str(one) for one in (found[1], found[3]))
    ran = made_calls(tmp_path)
    assert len(ran) == len(asked)
    assert len({pid for pid, _, _ in ran}) <= 2


def test_none_is_begun_after_a_stop(tmp_path: Path, processes: Processes) -> None:
    pipeline = made(tmp_path)
    runner = Runner(pipeline, Memo(), stop=lambda: (tmp_path / "calls").exists(), engines=(processes,))
    runner.ahead(calls(pipeline, [f"slow {n}" for n in range(20)]))
    assert 1 <= len(made_calls(tmp_path)) <= 2


def test_few_calls_are_not_worth_a_process(tmp_path: Path, processes: Processes) -> None:
    pipeline = made(tmp_path)
    Runner(pipeline, Memo(), engines=(processes,)).ahead(calls(pipeline, ["a", "b"]))
    assert {elsewhere for _, elsewhere, _ in made_calls(tmp_path)} == {"False"}


def test_tasks_are_shared_out_by_their_beginnings_and_stolen_from_the_longest_stretch(tmp_path: Path) -> None:
    stage = model_of(made(tmp_path))
    queries = [f"{a}{b}" for b in range(5) for a in "xy"]
    shares = Shares([Task(q, stage, Given(q, Query(q)), None) for q in queries], 2)
    assert [task.key for task in (shares.take(0), shares.take(1)) if task is not None] == ["x0", "y0"]
    first = [task.key for task in iter(lambda: shares.take(0), None)]
    assert first == ["x1", "x2", "x3", "x4", "y3", "y4", "y2", "y1"]
    assert shares.take(1) is None and shares.left == 0


@pytest.mark.parametrize(
    "cpus, free, threads, expected",
    [(8, None, 1, 8), (8, 10 << 30, 1, 4), (8, 1 << 30, 1, 1), (8, None, 4, 2), (2, None, 4, 1)],
)
def test_as_many_as_cpus_and_memory_bear(cpus: int, free: int | None, threads: int, expected: int) -> None:
    recipe = Recipe("model", {}, "p", ".", many={"n_threads": threads}, needed_bytes=2 << 30)
    assert jobs_for(recipe, cpus, free) == expected
