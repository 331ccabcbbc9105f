from __future__ import annotations

import asyncio
import functools
import sys
import threading
import traceback
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from diagnose.core.artifact import Answer, Context, Passage, Passages, Query
from diagnose.core.stage import Given, Role, Stage
from diagnose.errors import StageFailed, UsageError
from diagnose.stages.call import Identity, as_stage
from diagnose.stages.failure import RunFailed
from tests.stages.made import HANDBOOK, LEAVE, given

CONTEXT = Context("the context", HANDBOOK)
ANSWER = Answer("the answer")
FULL = given("rewritten", HANDBOOK, CONTEXT, ANSWER, Query("as asked"))


def stage(role: Role, target: Callable[..., object], **more: Any) -> Stage:
    return as_stage(target, Identity(role, "mine:stage", "f" * 64, **more))


def seen_by(role: Role, make: Callable[[list[object]], Callable[..., object]]) -> list[object]:
    """The arguments a callable was called with in a stage of this role."""
    seen: list[object] = []
    stage(role, make(seen)).run(FULL, 5)
    return seen


@pytest.mark.parametrize(
    "role, function, expected",
    [
        ("model", lambda s: lambda query, context: s.extend([query, context]) or "x", ["rewritten", CONTEXT]),
        ("model", lambda s: lambda a, b: s.extend([a, b]) or "x", ["rewritten", CONTEXT]),
        ("model", lambda s: lambda context, q: s.extend([context, q]) or "x", [CONTEXT, "rewritten"]),
        ("model", lambda s: lambda q: s.append(q) or "x", ["rewritten"]),
        ("model", lambda s: lambda *args: s.extend(args) or "x", ["rewritten", CONTEXT]),
        ("model", lambda s: lambda query, passages: s.append(passages) or "x", [list(HANDBOOK)]),
        ("model", lambda s: lambda q, c, k=3: s.extend([q, c, k]) or "x", ["rewritten", CONTEXT, 3]),
        ("model", lambda s: lambda q, *, context: s.extend([q, context]) or "x", ["rewritten", CONTEXT]),
        ("model", lambda s: lambda q, k=3, *, context: s.extend([k, context]) or "x", [3, CONTEXT]),
        ("rewriter", lambda s: lambda c: s.append(c) or "x", [Query("as asked")]),
        ("rewriter", lambda s: lambda query: s.append(query) or "x", ["rewritten"]),
        ("verifier", lambda s: lambda q, c, a: s.extend([q, c, a]) or True, ["rewritten", CONTEXT, ANSWER]),
        ("verifier", lambda s: lambda answer: s.append(answer) or True, [ANSWER]),
        (
            "ranker",
            lambda s: lambda docs, query: s.extend([docs, query]) or [],
            [list(HANDBOOK), "rewritten"],
        ),
        ("ranker", lambda s: lambda query, k=2: s.extend([query, k]) or [], ["rewritten", 2]),
        ("model", lambda s: functools.partial(lambda t, q, c: s.append(t) or "x", 7), [7]),
    ],
)
def test_arguments_go_by_name_else_by_position(
    role: Role, function: Callable[[list[object]], Callable[..., object]], expected: list[object]
) -> None:
    assert seen_by(role, function) == expected


def test_a_parameter_that_nothing_fills_is_a_usage_error_before_any_run() -> None:
    def rerank(query: str, documents: list[Passage], threshold: float) -> list[Passage]:
        return documents

    with pytest.raises(UsageError, match="its parameter 'threshold' gets no value"):
        stage("ranker", rerank)


def test_the_seed_goes_to_those_that_take_one() -> None:
    def answer(query: str, context: Context, seed: int | None = None) -> str:
        return f"seed {seed}"

    seeded, plain = stage("model", answer), stage("model", lambda query: "x")
    assert (seeded.seeded, plain.seeded) == (True, False)
    assert seeded.run(FULL, 7) == Answer("seed 7")
    assert plain.run(FULL, 7) == Answer("x")


def test_a_seed_has_its_default_where_a_replay_gives_none() -> None:
    def answer(query: str, seed: int = 4) -> str:
        return f"seed {seed}"

    assert stage("model", answer).run(FULL, None) == Answer("seed 4")
    assert stage("model", answer).run(FULL, 9) == Answer("seed 9")
    fixed = stage("model", functools.partial(answer, seed=3))
    assert not fixed.seeded
    assert fixed.run(FULL, 9) == Answer("seed 3")
    assert stage("model", lambda query, seed: f"seed {seed}").run(FULL, None) == Answer("seed None")


def test_a_stage_may_sort_the_list_it_gets() -> None:
    def rank(query: str, passages: list[Passage]) -> list[Passage]:
        passages.sort(key=lambda p: p.score or 0.0)
        return passages

    assert stage("ranker", rank).run(FULL, None) == Passages(HANDBOOK[::-1])
    assert FULL.passages == HANDBOOK


def test_a_generator_is_a_list_and_fails_as_one() -> None:
    def retrieve(query: str) -> Any:
        yield LEAVE
        raise KeyError("index")

    with pytest.raises(RunFailed) as caught:
        stage("retriever", retrieve).run(FULL, None)
    assert caught.value.kind == "raised"


def fails(target: Callable[..., object], role: Role = "model", **more: Any) -> RunFailed:
    with pytest.raises(RunFailed) as caught:
        stage(role, target, **more).run(FULL, None)
    return caught.value


def test_an_exception_is_one_line_and_keeps_its_cause() -> None:
    def answer(query: str) -> str:
        raise ValueError("no \x1b[31mmodel\nTraceback: a second line")

    failed = fails(answer)
    assert str(failed) == "stage model (mine:stage): raised ValueError: no \ufffd[31mmodel"
    assert isinstance(failed, StageFailed)
    assert isinstance(failed.__cause__, ValueError)
    assert failed.failure.kind == "raised"
    assert failed.failure.role == "model"


def test_whatever_is_raised_becomes_a_failure() -> None:
    class Awkward(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text for you")

    def exits(query: str) -> str:
        raise SystemExit(2)

    def awkward(query: str) -> str:
        raise Awkward

    def out_of_time(query: str) -> str:
        raise TimeoutError("read timed out")

    assert "raised SystemExit" in str(fails(exits))
    assert "raised Awkward" in str(fails(awkward))
    assert fails(out_of_time).kind == "timeout"


def test_an_interrupt_is_the_users_and_goes_through() -> None:
    def interrupted(query: str) -> str:
        raise KeyboardInterrupt

    for timeout_s in (None, 60.0):
        with pytest.raises(KeyboardInterrupt):
            stage("model", interrupted, timeout_s=timeout_s).run(FULL, None)


def test_nonsense_says_what_came_and_what_was_expected() -> None:
    failed = fails(lambda query: [1], role="packer")
    assert failed.kind == "nonsense"
    assert str(failed).startswith(
        "stage packer (mine:stage): returned a value of type list: expected a context"
    )


def test_asynchronous_stages_share_one_loop() -> None:
    loops: list[object] = []

    async def answer(query: str) -> str:
        await asyncio.sleep(0)
        loops.append(asyncio.get_running_loop())
        return "late"

    async def search(query: str) -> AsyncIterator[str]:
        yield "a passage"
        loops.append(asyncio.get_running_loop())

    made = stage("model", answer)
    assert [made.run(FULL, None) for _ in range(2)] == [Answer("late")] * 2
    found = stage("retriever", search).run(FULL, None)
    assert isinstance(found, Passages) and [p.text for p in found.passages] == ["a passage"]
    assert len(set(loops)) == 1 and len(loops) == 3


def test_an_asynchronous_stage_fails_like_any_other() -> None:
    async def raises(query: str) -> str:
        raise ValueError("no luck")

    async def leaves(query: str) -> str:
        sys.exit("gone")

    async def hangs(query: str) -> str:
        await asyncio.sleep(60)
        return "too late"

    assert "raised ValueError: no luck" in str(fails(raises))
    assert "SystemExit: gone" in str(fails(leaves))
    assert fails(hangs, timeout_s=0.05).kind == "timeout"
    assert "raised ValueError" in str(fails(raises)), "the loop has outlived all of that"


def test_a_stage_that_hangs_is_given_up() -> None:
    release = threading.Event()
    failed = fails(lambda query: release.wait(60), timeout_s=0.05)
    release.set()
    assert failed.kind == "timeout"
    assert "timeout_s of 0.05 seconds" in str(failed)


def test_in_time_a_limit_changes_nothing() -> None:
    assert stage("model", lambda query: "in time", timeout_s=60.0).run(FULL, None) == Answer("in time")
    failed = fails(lambda query: dict[str, str]()["missing"], timeout_s=60.0)
    assert failed.kind == "raised"
    assert "KeyError" in "".join(traceback.format_exception(failed))


def test_a_batch_gives_one_output_for_each_input() -> None:
    class Batched:
        deterministic = True

        def __call__(self, query: str) -> str:
            return query

        def batch(self, givens: Sequence[Given]) -> list[str]:
            return [g.query for g in givens if g.query != "lost"]

    made = stage("model", Batched())
    assert made.deterministic
    assert made.run_batch is not None
    assert made.run_batch([given("a"), given("b")]) == [Answer("a"), Answer("b")]
    with pytest.raises(RunFailed, match="returned 1 outputs for 2 inputs"):
        made.run_batch([given("a"), given("lost")])


def test_what_the_callable_says_of_itself_and_what_overrides_it() -> None:
    class Model:
        deterministic = True
        window_tokens = 100

        def __call__(self, query: str) -> str:
            return query

        def count_tokens(self, text: str) -> int:
            return len(text)

    made = stage("model", Model(), count_tokens=lambda text: 0)
    assert (made.deterministic, made.window_tokens) == (True, 100)
    assert made.count_tokens is not None
    assert made.count_tokens("abc") == 3
    assert not stage("model", Model(), deterministic=False).deterministic
