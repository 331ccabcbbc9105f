"""How much of a log is read: each limit is kept by every reader, and names its option."""

from __future__ import annotations

import gzip
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from diagnose.core.trace import Trace
from diagnose.errors import BadInput, UsageError
from diagnose.traces.account import Account
from diagnose.traces.check import check_log
from diagnose.traces.fetch import Fetcher
from diagnose.traces.limits import Limits, OverLimit, depth_of, limits_of, nested_deeper, size_text
from diagnose.traces.lines import Problem
from diagnose.traces.read import read_log
from tests.cli.desks import command, refused
from tests.traces import sample_logs as samples
from tests.traces.test_server import Answer, serving

OWN = "".join(
    json.dumps({"trace_id": f"q{i}", "query": {"text": "Why?"}, "steps": []}) + "\n" for i in range(40)
)
ROWS = "".join(json.dumps({"question": f"Why {i}?", "answer": "So."}) + "\n" for i in range(40))
TABLE = "question,answer\n" + "".join(f"Why {i}?,So.\n" for i in range(40))
LAID_OUT = json.dumps([json.loads(line) for line in ROWS.splitlines()], indent=1)
LOGS = {"own.jsonl": OWN, "rows.jsonl": ROWS, "rows.csv": TABLE, "rows.json": LAID_OUT}


@pytest.fixture(params=LOGS)
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / str(request.param)
    path.write_text(LOGS[path.name])
    return path


def read(path: Path, limits: Limits) -> list[Trace | Problem]:
    return list(read_log(path, limits=limits))


def ticking(step_s: float) -> Callable[[], float]:
    """A clock that goes on by so much each time it is looked at."""
    counter = itertools.count()
    return lambda: next(counter) * step_s


def test_within_its_limits_a_log_is_read_as_without(log: Path) -> None:
    wide = limits_of(["size=1MB", "entry=1MB", "ratio=5", "depth=9", "traces=40", "seconds=60"])
    assert read(log, wide) == read(log, Limits())
    assert sum(isinstance(item, Trace) for item in read(log, wide)) == 40


@pytest.mark.parametrize(
    "limit, says",
    [
        ("size=400", "expected at most 400 bytes unpacked, found more (--limit size=SIZE)"),
        ("traces=39", "expected at most 39 traces, found more (--limit traces=N)"),
        ("seconds=5", "not read within 5 seconds (--limit seconds=N)"),
    ],
)
def test_beyond_them_reading_ends_and_the_message_names_the_option(log: Path, limit: str, says: str) -> None:
    limits = limits_of([limit], ticking(1.0))
    with pytest.raises(OverLimit) as caught:
        read(log, limits)
    assert says in str(caught.value)
    assert log.name in str(caught.value)
    if limit != "seconds=5":
        with pytest.raises(OverLimit):
            check_log(log, limits=limits_of([limit]))


def test_of_several_logs_none_is_left_out_silently(tmp_path: Path) -> None:
    paths = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    for path in paths:
        path.write_text(ROWS)
    with pytest.raises(OverLimit):
        list(read_log(paths, limits=limits_of(["size=1kB"])))
    with pytest.raises(OverLimit):
        list(read_log(paths, limits=limits_of(["traces=60"])))


def test_a_long_entry_costs_itself(tmp_path: Path) -> None:
    for name, rows in {"own.jsonl": OWN, "rows.csv": TABLE}.items():
        path = tmp_path / name
        lines = rows.splitlines(keepends=True)
        path.write_text("".join([*lines[:9], lines[9].replace("Why", "Why" * 400), *lines[10:]]))
        found = read(path, limits_of(["entry=500B"]))
        [problem] = [item for item in found if isinstance(item, Problem)]
        assert "of at most 500 bytes (--limit entry=SIZE)" in problem.expected
        assert len(found) == 40


def test_a_gzip_file_that_unpacks_to_more(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(ROWS.encode() * 10))
    found = read(path, replace(limits_of(["ratio=2"]), gzip_free_bytes=5_000))
    problem = found[-1]
    assert isinstance(problem, Problem)
    assert "at most 2 times its size" in str(problem)
    assert "--limit ratio=N" in str(problem)


@pytest.mark.parametrize("name", ["own.jsonl", "rows.jsonl", "rows.json"])
def test_what_nests_too_deep_costs_itself(tmp_path: Path, name: str) -> None:
    deep = json.dumps({"question": "Why?", "answer": "So.", "more": [[[[[[1]]]]]]})
    own = json.dumps({"trace_id": "deep", "query": {"text": "Why?"}, "steps": [], "more": [[[[[[1]]]]]]})
    body = LOGS[name] + own + "\n" if name == "own.jsonl" else LOGS[name] + deep + "\n"
    if name == "rows.json":
        body = json.dumps([*json.loads(LAID_OUT), json.loads(deep)], indent=1)
    path = tmp_path / name
    path.write_text(body)
    assert len([item for item in read(path, Limits()) if isinstance(item, Trace)]) == 41
    found = read(path, limits_of(["depth=4"]))
    [problem] = [item for item in found if isinstance(item, Problem)]
    assert problem.expected == "JSON nested at most 4 deep (--limit depth=N)"
    assert len(found) == 41


def test_depth() -> None:
    assert depth_of(b'"[[["') == 0
    assert depth_of(rb'{"a\"[": "\\", "b": [{}]}') == 3
    assert not nested_deeper({"a": [1, {"b": 2}]}, 3)
    assert nested_deeper({"a": [1, {"b": 2}]}, 2)
    assert nested_deeper([], 0)


@pytest.mark.parametrize("piece", [b'"', b'\\"', b"[", b'"\\', b'"a\\\\'])
def test_depth_takes_time_that_grows_with_the_line_and_no_faster(piece: bytes) -> None:
    def took(n: int) -> float:
        started = time.process_time()
        depth_of(piece * (n // len(piece)))
        return time.process_time() - started

    took(1000)
    assert took(1_600_000) < 40 * max(took(100_000), 0.002)


@pytest.mark.parametrize(
    "text, says",
    [
        ("sise=3", "expected one of size=, entry=, ratio=, depth=, traces=, seconds="),
        ("size=big", 'size: expected a size such as 500MB, found "big"'),
        ("size=0", "size: expected a size"),
        ("depth=1.5", "depth: expected a whole number of 1 or more"),
        ("traces=-1", "traces: expected a whole number"),
        ("seconds=nan", "seconds: expected a number above 0"),
        ("depth", "depth: expected"),
    ],
)
def test_what_is_no_limit(text: str, says: str) -> None:
    with pytest.raises(UsageError, match="--limit") as caught:
        limits_of([text])
    assert says in str(caught.value)


def test_sizes() -> None:
    assert limits_of(["size=1.5kB"]).total_bytes == 1536
    assert limits_of(["size=2GB"]).total_bytes == 2 * 1024**3
    assert limits_of(["entry=900"]).line_bytes == 900
    assert size_text(2 * 1024**3) == "2 GB"


@pytest.mark.parametrize(
    "line",
    [
        ("check", "own.jsonl"),
        ("check", "rows.jsonl"),
        ("convert", "rows.jsonl", "-o", "out.jsonl"),
        ("run", "own.jsonl", "-o", "out"),
        ("budget", "own.jsonl", "-p", "pipeline.toml", "-o", "out"),
        ("record", "own.jsonl", "-p", "pipeline.toml", "-o", "out.jsonl"),
        ("trust", "own.jsonl", "-p", "pipeline.toml"),
        ("compare", "pipeline.toml", "pipeline.toml", "--traces", "own.jsonl"),
    ],
    ids=lambda line: f"{line[0]} {line[1]}",
)
def test_every_command_that_reads_logs_keeps_them(
    line: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, body in LOGS.items():
        Path(name).write_text(body)
    Path("corpus.jsonl").write_text('{"id": "a", "text": "So."}\n')
    Path("pipeline.toml").write_text(
        '[pipeline]\ncorpus = "corpus.jsonl"\n[stages.retriever]\nuse = "rank-bm25"\n[stages.model]\nuse = "extract"\n'
    )
    refused(
        command(*line, "--limit", "traces=39"), 3, "expected at most 39 traces, found more (--limit traces=N)"
    )
    refused(command(*line, "--limit", "size=1kB"), 3, "(--limit size=SIZE)")
    refused(command(*line, "--limit", "deep=1"), 2, "--limit")


def spans_of(path: Path, limits: Limits) -> tuple[list[Trace], list[str]]:
    """The traces of a log of spans, and what is noted of it."""
    account = Account()
    traces = [t for t in read_log(path, limits=limits, account=account) if isinstance(t, Trace)]
    return traces, [noted.what for noted in account.noted.values()]


@pytest.mark.parametrize(
    "limit, says",
    [
        ("spans=3", "spans of traces with more than 3 spans (--limit spans=N) or 128 MB"),
        ("trace=900", "or 900 bytes (--limit trace=SIZE): left out"),
        ("text=12", "texts of more than 12 characters were cut (--limit text=N)"),
    ],
)
def test_of_a_trace_no_more_is_held_than_allowed_and_the_note_names_the_option(
    limit: str, says: str, tmp_path: Path
) -> None:
    path = tmp_path / "log.json"
    path.write_text(json.dumps(samples.otlp(samples.openinference())))
    whole, nothing = spans_of(path, limits_of(["spans=5", "trace=1MB", "text=2000"]))
    assert (whole, nothing) == spans_of(path, Limits())
    assert not [what for what in nothing if "--limit" in what]
    less, noted = spans_of(path, limits_of([limit]))
    assert less != whole
    assert [what for what in noted if says in what], noted


def test_of_nested_runs_none_goes_missing_unsaid(tmp_path: Path) -> None:
    runs = [{"id": f"r{n}", "trace_id": "t", "run_type": "chain", "name": "x"} for n in range(1, 40)]
    path = tmp_path / "runs.json"
    path.write_text(json.dumps({"id": "r0", "trace_id": "t", "run_type": "chain", "child_runs": runs}))
    _, noted = spans_of(path, limits_of(["spans=30"]))
    assert [what for what in noted if "more than 30 spans" in what]


def test_one_answer_of_a_server_is_no_larger_than_allowed() -> None:
    def answered(method: str, path: str, query: dict[str, list[str]], body: object) -> Answer:
        return 200, {"data": [{"id": "1", "name": "x" * 5000}], "next_cursor": None}, {}

    with serving(answered) as url:
        with pytest.raises(BadInput) as caught:
            list(read_log(url, format="phoenix", limits=limits_of(["answer=2kB"])))
        assert "expected an answer of at most 2 kB (--limit answer=SIZE), found a longer one" in str(
            caught.value
        )
        with Fetcher(url, ()) as fetcher:
            assert fetcher.get("/v1/projects")["data"][0]["name"] == "x" * 5000
