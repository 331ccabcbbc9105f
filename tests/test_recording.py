"""Logging one's own stages: four lines, and the application does what it did without them."""

from __future__ import annotations

import asyncio
import contextvars
import json
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from diagnose.core.artifact import Answer, Context, Passage, Passages, Query, Turn
from diagnose.core.trace import Gold, Outcome, Trace, Usage
from diagnose.errors import UsageError
from diagnose.recording import RecordingWarning, recording, stage
from diagnose.traces.from_jsonl import read_traces
from tests.conftest import ROOT

QUESTION = "How long is parental leave?"
LEAVE = {"id": "d1", "text": "Parental leave lasts sixteen weeks and is paid in full.", "score": 2.0}
BIKES = {"id": "d2", "text": "Bikes are kept in the cellar of the annex.", "score": 1.0}


@stage("retriever")
def search(question: str) -> list[dict[str, Any]]:
    return [LEAVE, BIKES]


@stage("ranker", name="best")
def best(question: str, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return found[:1]


@stage("packer")
def pack(found: list[dict[str, Any]]) -> str:
    return "\n".join(f"- {item['text']}" for item in found)


@stage("model")
def say(question: str, context: str) -> dict[str, Any]:
    return {"text": "Sixteen weeks.", "prompt_tokens": 30, "completion_tokens": 4, "finish_reason": "stop"}


def rag(question: str) -> str:
    return str(say(question, pack(best(question, search(question))))["text"])


def ticking() -> Callable[[], float]:
    """A clock that goes on a second each time it is looked at."""
    times = iter(range(1000))
    return lambda: float(next(times))


def logged(path: Path) -> list[Trace]:
    found = list(read_traces(path))
    assert all(isinstance(item, Trace) for item in found), found
    return [item for item in found if isinstance(item, Trace)]


def outputs(trace: Trace) -> dict[str, object]:
    return {step.role: step.output for step in trace.steps}


def test_four_lines_log_every_stage(tmp_path: Path) -> None:
    log = tmp_path / "traces.jsonl"
    with recording(log, QUESTION, trace_id="t1", clock=ticking()):
        assert rag(QUESTION) == "Sixteen weeks."
    (trace,) = logged(log)
    assert (trace.trace_id, trace.query) == ("t1", Query(QUESTION))
    leave, bikes = Passage(**LEAVE), Passage(**BIKES)  # type: ignore[arg-type]
    assert outputs(trace) == {
        "retriever": Passages((leave, bikes)),
        "ranker": Passages((leave,)),
        "packer": Context(f"- {leave.text}", (leave,)),
        "model": Answer("Sixteen weeks.", finish_reason="stop"),
    }
    assert [(step.name, step.elapsed_s) for step in trace.steps] == [
        ("search", 1.0),
        ("best", 1.0),
        ("pack", 1.0),
        ("say", 1.0),
    ]
    assert trace.steps[-1].usage == Usage(30, 4)


def test_outside_of_a_block_nothing_is_logged_and_nothing_changed(tmp_path: Path) -> None:
    assert rag(QUESTION) == "Sixteen weeks."
    with recording(tmp_path / "log.jsonl", QUESTION):
        pass
    assert rag(QUESTION) == "Sixteen weeks."
    assert [trace.steps for trace in logged(tmp_path / "log.jsonl")] == [()]
    assert (search.__name__, search.__doc__, search.__wrapped__.__name__) == ("search", None, "search")  # type: ignore[attr-defined]


def test_labels_history_tags_and_judgements(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    with recording(
        log,
        QUESTION,
        history=[("user", "Hello"), {"role": "assistant", "content": "Hi"}],
        gold={"answers": ["sixteen weeks"], "passages": [{"id": "d1"}]},
        tags={"tenant": "acme", "release": 7},
    ) as book:
        rag(QUESTION)
        book.score(1)
        book.feedback(-1)
        book.tag("lang", "en")
    (trace,) = logged(log)
    assert trace.query.history == (Turn("user", "Hello"), Turn("assistant", "Hi"))
    assert isinstance(trace.gold, Gold)
    assert trace.gold.answers == ("sixteen weeks",)
    assert trace.outcome == Outcome(1.0, -1.0)
    assert trace.tags == {"tenant": "acme", "release": "7", "lang": "en"}
    assert len(trace.trace_id) == 32


def test_a_stage_that_is_no_function(tmp_path: Path) -> None:
    with recording(tmp_path / "log.jsonl", QUESTION, clock=None) as book:
        book.step("retriever", ["Leave lasts sixteen weeks."], name="store", elapsed_s=0.25)
        book.step("model", "Sixteen.")
        with pytest.raises(UsageError, match="stage model: not logged: it gave 7"):
            book.step("model", 7)
        with pytest.raises(UsageError, match="expected one of router"):
            book.step("thinker", "x")  # type: ignore[arg-type]
    (trace,) = logged(tmp_path / "log.jsonl")
    retrieved, said = trace.steps
    assert (retrieved.name, retrieved.elapsed_s) == ("store", 0.25)
    assert (said.output, said.elapsed_s) == (Answer("Sixteen."), None)


def test_what_raises_is_logged_and_goes_on_raising(tmp_path: Path) -> None:
    @stage("model")
    def broken(question: str) -> str:
        raise RuntimeError("out of memory\nat layer 3")

    def ask() -> None:
        with recording(tmp_path / "log.jsonl", QUESTION):
            search(QUESTION)
            broken(QUESTION)

    with pytest.raises(RuntimeError, match="out of memory"):
        ask()
    (trace,) = logged(tmp_path / "log.jsonl")
    assert [step.error for step in trace.steps] == [None, "RuntimeError: out of memory"]
    assert trace.steps[1].output == Answer("")


def test_a_retry_that_works_takes_the_place_of_the_failure(tmp_path: Path) -> None:
    tries: Iterator[str | RuntimeError] = iter([RuntimeError("busy"), "Sixteen."])

    @stage("model")
    def flaky(question: str) -> str:
        value = next(tries)
        if isinstance(value, RuntimeError):
            raise value
        return value

    with recording(tmp_path / "log.jsonl", QUESTION):
        with pytest.raises(RuntimeError):
            flaky(QUESTION)
        flaky(QUESTION)
    (trace,) = logged(tmp_path / "log.jsonl")
    assert [(step.output, step.error) for step in trace.steps] == [(Answer("Sixteen."), None)]


def test_calls_of_one_stage_are_put_together(tmp_path: Path) -> None:
    pages = iter([[LEAVE], [LEAVE, BIKES]])

    @stage("retriever")
    def hop(question: str) -> list[dict[str, Any]]:
        return next(pages)

    with recording(tmp_path / "log.jsonl", QUESTION, clock=ticking()):
        hop("leave")
        hop("bikes")
        say("leave", "")
        say("bikes", "")
    (trace,) = logged(tmp_path / "log.jsonl")
    retrieved, said = trace.steps
    assert isinstance(retrieved.output, Passages)
    assert [p.id for p in retrieved.output.passages] == ["d1", "d2"]
    assert (retrieved.elapsed_s, said.usage) == (2.0, Usage(60, 8))
    assert trace.tags == {"calls.retriever": "2", "calls.model": "2"}


def test_a_call_inside_another_of_its_role_is_a_part_of_it(tmp_path: Path) -> None:
    @stage("retriever")
    def twice(question: str) -> list[dict[str, Any]]:
        return search(question)[1:]

    with recording(tmp_path / "log.jsonl", QUESTION):
        twice(QUESTION)
    (trace,) = logged(tmp_path / "log.jsonl")
    (step,) = trace.steps
    assert isinstance(step.output, Passages)
    assert ([p.id for p in step.output.passages], step.name) == (["d2"], "twice")


def test_generators_are_logged_whole(tmp_path: Path) -> None:
    @stage("model")
    def stream(question: str) -> Iterator[str]:
        yield "Six"
        yield "teen."

    with recording(tmp_path / "log.jsonl", QUESTION):
        assert list(stream(QUESTION)) == ["Six", "teen."]
    with recording(tmp_path / "log.jsonl", QUESTION):
        for _ in stream(QUESTION):
            break
    whole, cut = logged(tmp_path / "log.jsonl")
    assert (whole.output("model"), cut.output("model")) == (Answer("Sixteen."), Answer("Six"))


def test_async_stages_of_queries_at_once_are_kept_apart(tmp_path: Path) -> None:
    @stage("retriever")
    async def find(question: str) -> list[dict[str, str]]:
        await asyncio.sleep(0)
        return [{"id": question, "text": f"About {question}."}]

    @stage("model")
    async def answer(question: str) -> AsyncIterator[str]:
        for part in ("It ", "is ", question):
            await asyncio.sleep(0)
            yield part

    async def one(question: str) -> None:
        with recording(tmp_path / "log.jsonl", question):
            await find(question)
            async for _ in answer(question):
                pass

    async def several() -> None:
        await asyncio.gather(*(one(f"q{n}") for n in range(20)))

    asyncio.run(several())
    traces = logged(tmp_path / "log.jsonl")
    assert {trace.query.text for trace in traces} == {f"q{n}" for n in range(20)}
    for trace in traces:
        found, said = trace.output("retriever"), trace.output("model")
        assert isinstance(found, Passages)
        assert [p.id for p in found.passages] == [trace.query.text]
        assert said == Answer(f"It is {trace.query.text}")


def test_searches_at_once_within_one_query(tmp_path: Path) -> None:
    @stage("retriever")
    async def find(part: str) -> list[dict[str, str]]:
        await asyncio.sleep(0)
        return [{"id": part, "text": f"About {part}."}]

    async def both() -> None:
        with recording(tmp_path / "log.jsonl", QUESTION):
            await asyncio.gather(find("leave"), find("pay"))

    asyncio.run(both())
    (trace,) = logged(tmp_path / "log.jsonl")
    found = trace.output("retriever")
    assert isinstance(found, Passages)
    assert [p.id for p in found.passages] == ["leave", "pay"]


def test_threads_and_processes_may_share_a_file(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"

    def one(n: int) -> None:
        with recording(log, f"{QUESTION} {n}", tags={"text": "x" * 20_000}):
            rag(QUESTION)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(64)))
    assert {trace.query.text for trace in logged(log)} == {f"{QUESTION} {n}" for n in range(64)}


def test_a_thread_of_the_block_is_seen_in_a_copy_of_its_context(tmp_path: Path) -> None:
    with recording(tmp_path / "log.jsonl", QUESTION):
        plain = threading.Thread(target=search, args=(QUESTION,))
        plain.start()
        plain.join()
        copied = threading.Thread(target=contextvars.copy_context().run, args=(say, QUESTION, ""))
        copied.start()
        copied.join()
    (trace,) = logged(tmp_path / "log.jsonl")
    assert [step.role for step in trace.steps] == ["model"]


@dataclass
class Document:
    """A passage as LangChain has it."""

    page_content: str
    metadata: dict[str, Any]
    id: str | None = None


@dataclass
class Message:
    """A chat message as LangChain has it."""

    content: str
    usage_metadata: dict[str, int]


def test_what_frameworks_return_is_read(tmp_path: Path) -> None:
    @stage("retriever")
    def find(question: str) -> list[Document]:
        return [Document("Leave is long.", {"source": "a.md", "page": 3}), Document("Bikes.", {}, "d7")]

    @stage("model")
    def answer(question: str) -> Message:
        return Message("Long.", {"input_tokens": 9, "output_tokens": 2})

    with recording(tmp_path / "log.jsonl", QUESTION):
        assert isinstance(find(QUESTION)[0], Document)
        answer(QUESTION)
    (trace,) = logged(tmp_path / "log.jsonl")
    found = trace.output("retriever")
    assert isinstance(found, Passages)
    assert [(p.id, p.text) for p in found.passages] == [("a.md", "Leave is long."), ("d7", "Bikes.")]
    assert found.passages[0].tags == {"source": "a.md", "page": "3"}
    assert (trace.output("model"), trace.steps[1].usage) == (Answer("Long."), Usage(9, 2))


class Sulking:
    """An object that does not want to be looked at."""

    def __getattr__(self, name: str) -> object:
        raise RuntimeError("leave me alone")


@pytest.mark.parametrize(
    "give, why",
    [
        (lambda: 7, "stage retriever: not logged: it gave 7: expected a list of passages"),
        (lambda: [object()], "expected a passage"),
        (lambda: iter([LEAVE]), "an iterator or awaitable, which logging would use up"),
        (Sulking, "leave me alone"),
    ],
)
def test_what_cannot_be_logged_is_left_out_and_passed_on(
    give: Callable[[], object], why: str, tmp_path: Path
) -> None:
    value = give()

    @stage("retriever")
    def find(question: str) -> object:
        return value

    with recording(tmp_path / "log.jsonl", QUESTION):
        with pytest.warns(RecordingWarning, match=why):
            assert find(QUESTION) is value
        rag_answer = say(QUESTION, "")
    assert rag_answer["text"] == "Sixteen weeks."
    if hasattr(type(value), "__next__"):
        assert list(value) == [LEAVE], "logging has not used it up"  # type: ignore[call-overload]
    assert [step.role for step in logged(tmp_path / "log.jsonl")[0].steps] == ["model"]


def test_what_is_wrong_is_said_before_the_block_runs(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected one of router"):
        stage("thinker")  # type: ignore[arg-type]
    ran = []
    for path, arguments, why in (
        (tmp_path, {}, "cannot be written"),
        (tmp_path / "no" / "log.jsonl", {}, "cannot be written: No such file"),
        (tmp_path / "log.jsonl", {"gold": {"answers": 7}}, "gold: "),
        (tmp_path / "log.jsonl", {"history": [("user", 7)]}, "history: "),
    ):
        with pytest.raises(UsageError, match=why), recording(path, QUESTION, **arguments):
            ran.append(path)
    assert ran == []


def test_what_is_recorded_can_be_run_at_once(tmp_path: Path) -> None:
    code = "from tests.test_recording import best, pack, search, say\n"
    (tmp_path / "mine.py").write_text(
        f"{code}def r(query): return search(query)\ndef k(query, passages): return passages[:1]\n"
        "def p(passages): return '\\n'.join('- ' + p.text for p in passages)\n"
        "def m(query, context): return say(query, context.text)\n"
    )
    stages = "".join(
        f'{role} = {{ use = "mine:{name}", deterministic = true }}\n'
        for role, name in (("retriever", "r"), ("ranker", "k"), ("packer", "p"), ("model", "m"))
    )
    (tmp_path / "pipeline.toml").write_text(f"[stages]\n{stages}")
    gold = {"answers": ["twelve"], "passages": [{"id": "d1", "text": LEAVE["text"]}]}
    with recording(tmp_path / "traces.jsonl", QUESTION, trace_id="t1", gold=gold):
        rag(QUESTION)
    command = [
        sys.executable,
        "-m",
        "diagnose",
        "run",
        "traces.jsonl",
        "-p",
        "pipeline.toml",
        "-o",
        "out",
        "--no-memo",
    ]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT), "PATH": ""}, capture_output=True, text=True
    )
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["n_failures"] == 1, done.stderr
    assert {role: seen["same"] for role, seen in report["fidelity"].items()} == {
        "retriever": 1.0,
        "ranker": 1.0,
        "packer": 1.0,
        "model": 1.0,
    }
