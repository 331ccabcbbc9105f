from __future__ import annotations

import gzip
import io
import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnose.core.artifact import Answer, Context, Decision, Passage, Passages, Route, Text
from diagnose.core.stage import ROLES
from diagnose.core.trace import Trace, Usage
from diagnose.errors import BadInput
from diagnose.traces.from_jsonl import read_traces
from diagnose.traces.limits import Limits
from diagnose.traces.lines import PEEK_BYTES, Problem

GOOD = '{"trace_id": "good", "query": {"text": "why?"}}'


def write(tmp_path: Path, *lines: str | bytes) -> Path:
    path = tmp_path / "traces.jsonl"
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines) + b"\n")
    return path


def told(tmp_path: Path, *lines: str | bytes) -> list[str]:
    """The problems of a log of these lines and a good one, which must survive."""
    items = list(read_traces(write(tmp_path, *lines, GOOD)))
    assert [item.trace_id for item in items if isinstance(item, Trace)] == ["good"]
    return [str(item).removeprefix(f"{tmp_path}/") for item in items if isinstance(item, Problem)]


def with_steps(*steps: object, **fields: object) -> str:
    return json.dumps({"trace_id": "t", "query": {"text": "q"}, "steps": steps, **fields})


def test_output_is_decoded_by_role_in_pipeline_order(tmp_path: Path) -> None:
    line = with_steps(
        {"output": {"accept": False, "text": "no"}, "role": "verifier"},
        {"role": "model", "output": {"text": "a"}, "usage": {"prompt_tokens": 812}, "name": "m"},
        {"role": "packer", "output": {"text": "ctx", "passages": [{"id": "d3"}]}},
        {"role": "ranker", "output": {"passages": []}},
        {
            "role": "retriever",
            "output": {"passages": [{"id": "d3", "text": "…", "score": 12}]},
            "elapsed_s": 1,
        },
        {"role": "rewriter", "output": {"text": "rewritten"}},
        {"role": "router", "output": {"route": "small"}},
    )
    (trace,) = read_traces(write(tmp_path, line))
    assert isinstance(trace, Trace)
    assert [step.role for step in trace.steps] == [
        "router", "rewriter", "retriever", "ranker", "packer", "model", "verifier",
    ]  # fmt: skip
    assert [step.output for step in trace.steps] == [
        Route("small"),
        Text("rewritten"),
        Passages((Passage("d3", "…", 12.0),)),
        Passages(()),
        Context("ctx", (Passage("d3"),)),
        Answer("a"),
        Decision(False, "no"),
    ]
    assert trace.steps[5].usage == Usage(812)
    assert trace.steps[2].elapsed_s == 1.0


def with_fields(fields: str) -> str:
    return '{"trace_id": "t", "query": {"text": "q"}, ' + fields + "}"


ROLE_NAMES = ", ".join(f'"{role}"' for role in ROLES)
DEEP = "[" * 100_000 + "]" * 100_000
MISSING = "found nothing (the field is missing)"


@pytest.mark.parametrize(
    "step, problem",
    [
        (
            {"role": "retriever", "output": {"passages": [{"id": "a", "score": "high"}]}},
            'output.passages[0].score: expected a number, found "high"',
        ),
        (
            {"role": "retriever", "output": {"passages": [{"id": 7}]}},
            "output.passages[0].id: expected text, found 7",
        ),
        (
            {"role": "retriever", "output": {"passages": [{"id": "a", "text": None}]}},
            "output.passages[0].text: expected text, found null",
        ),
        (
            {"role": "retriever", "output": {"passages": [{"id": "a", "score": True}]}},
            "output.passages[0].score: expected a number, found true",
        ),
        ({"role": "packer", "output": {}}, f"output.text: expected text, {MISSING}"),
        (
            {"role": "verifier", "output": {"accept": 1}},
            "output.accept: expected true or false, found 1",
        ),
        ({"role": "model", "output": "yes"}, 'output: expected an object, found "yes"'),
        ({"role": "model"}, f"output: expected an object, {MISSING}"),
        ({"output": {"text": "a"}}, f"role: expected one of {ROLE_NAMES}, {MISSING}"),
        ({"role": "llm", "output": {}}, f'role: expected one of {ROLE_NAMES}, found "llm"'),
        (
            {"role": "model", "output": {"text": "a"}, "elapsed_s": -1},
            "elapsed_s: expected a number that is not negative, found -1.0",
        ),
        (
            {"role": "model", "output": {"text": "a"}, "usage": {"prompt_tokens": 1.5}},
            "usage.prompt_tokens: expected a whole number, found 1.5",
        ),
        (
            {"role": "model", "output": {"text": "a"}, "usage": {"completion_tokens": -3}},
            "usage.completion_tokens: expected a number that is not negative, found -3",
        ),
    ],
)
def test_faults_of_a_step(tmp_path: Path, step: object, problem: str) -> None:
    assert told(tmp_path, with_steps(step)) == [f"traces.jsonl:1 steps[0].{problem}"]


def test_a_step_that_is_null(tmp_path: Path) -> None:
    assert told(tmp_path, with_steps(None)) == ["traces.jsonl:1 steps[0]: expected an object, found null"]


def test_a_repeated_role(tmp_path: Path) -> None:
    answers = [{"role": "model", "output": {"text": text}} for text in "ab"]
    assert told(tmp_path, with_steps(*answers)) == [
        'traces.jsonl:1 steps[1].role: expected one step per role (steps[0] has it already), found "model"'
    ]


@pytest.mark.parametrize(
    "line, problem",
    [
        ('{"query": {"text": "q"}}', f" trace_id: expected text, {MISSING}"),
        (
            '{"trace_id": " ", "query": {"text": "q"}}',
            ' trace_id: expected a text that is not blank, found " "',
        ),
        ('{"trace_id": "t", "query": "q"}', ' query: expected an object, found "q"'),
        (with_fields('"steps": {}'), " steps: expected a list, found an empty object"),
        (with_fields('"tags": {"n": 5}'), ' tags["n"]: expected text, found 5'),
        (
            with_fields('"gold": {"match": "some"}'),
            ' gold.match: expected one of "all", "any", found "some"',
        ),
        (
            with_fields('"outcome": {"score": 5}'),
            " outcome.score: expected a number from 0 to 1, found 5.0",
        ),
        (
            with_fields('"outcome": {"feedback": -2}'),
            " outcome.feedback: expected a number from -1 to 1, found -2.0",
        ),
        (with_fields('"outcome": {"score": NaN}'), " outcome.score: expected a number, found NaN"),
        (
            with_fields('"outcome": {"score": -Infinity}'),
            " outcome.score: expected a number, found -Infinity",
        ),
        (
            with_fields('"outcome": {"score": 1e999}'),
            " outcome.score: expected a number, found Infinity",
        ),
        (
            '{"schema": "diagnose.trace/2", "later": true}',
            ' schema: expected "diagnose.trace/1", found "diagnose.trace/2"',
        ),
        (with_fields('"schema": 1'), ' schema: expected "diagnose.trace/1", found 1'),
    ],
)
def test_faults_of_a_trace(tmp_path: Path, line: str, problem: str) -> None:
    assert told(tmp_path, line) == [f"traces.jsonl:1{problem}"]


@pytest.mark.parametrize(
    "line, found",
    [
        ('{"trace_id": "good", "query": {"te', "a line that ends in the middle of one"),
        ("hello", 'broken JSON at column 1: "hello" (Expecting value)'),
        ("17", "17"),
        ('{"trace_id": "t"} {}', 'broken JSON at column 19: "{}" (Extra data)'),
        (with_fields(f'"x": {DEEP}'), "one nested too deep"),
        ('{"a":' * 100_000, "one nested too deep"),
    ],
    ids=["cut", "words", "number", "two", "deep", "deep and cut"],
)
def test_lines_that_are_no_json_object(tmp_path: Path, line: str, found: str) -> None:
    assert told(tmp_path, line) == [f"traces.jsonl:1: expected a JSON object, found {found}"]


def test_a_line_in_another_encoding(tmp_path: Path) -> None:
    assert told(tmp_path, '{"trace_id": "é"}'.encode("latin-1")) == [
        "traces.jsonl:1: expected UTF-8 text, found byte 0xe9 at byte 15"
    ]


def test_a_nul_far_into_a_file_costs_one_line(tmp_path: Path) -> None:
    (problem,) = told(tmp_path, " " * PEEK_BYTES, b'{"trace_id": "\0"}')
    assert problem.startswith("traces.jsonl:2: expected a JSON object, found broken JSON at column 15")


def test_a_number_of_thousands_of_digits(tmp_path: Path) -> None:
    (problem,) = told(tmp_path, with_fields('"outcome": {"score": ' + "9" * 5000 + "}"))
    assert problem == (
        "traces.jsonl:1: expected a number a computer can hold, found one of thousands of digits"
    )


def test_every_fault_of_a_line_is_told(tmp_path: Path) -> None:
    line = with_steps(
        {"role": "retriever", "output": {"passages": [{"id": "a", "score": "x"}, {}]}},
        {"role": "modle", "output": {}},
        tags={"k": None},
    )
    fields = [problem.split(": ")[0].split(" ", 1)[1] for problem in told(tmp_path, line)]
    assert sorted(fields) == [
        "steps[0].output.passages[0].score",
        "steps[0].output.passages[1].id",
        "steps[1].role",
        'tags["k"]',
    ]


def test_faults_of_a_huge_bad_line_are_bounded(tmp_path: Path) -> None:
    problems = told(tmp_path, '{"steps": [' + "{}," * 50_000 + "{}]}")
    assert len(problems) == 1000


def test_duplicate_ids_name_the_first_line(tmp_path: Path) -> None:
    items = list(read_traces(write(tmp_path, GOOD, "", GOOD)))
    assert isinstance(items[0], Trace)
    assert str(items[1]).endswith(
        ':3 trace_id: expected an id of its own (line 1 has it already), found "good"'
    )


def test_text_from_a_trace_cannot_drive_the_terminal(tmp_path: Path) -> None:
    (problem,) = told(
        tmp_path, '{"trace_id": "t", "query": {"text": "q"}, "tags": {"\\u001b[31m": "\\u202e", "n\\n": 1}}'
    )
    assert problem == 'traces.jsonl:1 tags["n "]: expected text, found 1'
    (problem,) = told(tmp_path, '{"trace_id": "t", "query": "\\u001b]0;owned\\u0007\\u202e"}')
    assert problem.isprintable()


def test_half_a_surrogate_pair_is_replaced_not_refused(tmp_path: Path) -> None:
    path = write(tmp_path, '{"trace_id": "t", "query": {"text": "cut \\ud83d", "x": "\\ud83d\\ude00"}}')
    (trace,) = read_traces(path)
    assert isinstance(trace, Trace)
    assert trace.query.text == "cut \ufffd"


def test_byte_order_mark_crlf_and_no_last_newline(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode() + b"\r\n\r\n" + GOOD.replace("good", "b").encode())
    assert [item.trace_id for item in read_traces(path) if isinstance(item, Trace)] == ["good", "b"]


def test_a_line_over_the_limit_is_skipped_unread(tmp_path: Path) -> None:
    limits = Limits(line_bytes=100)
    path = write(tmp_path, '{"trace_id": "' + "x" * 3_000_000 + '"}', GOOD, "y" * 101)
    problem, good, last = read_traces(path, limits=limits)
    assert str(problem).endswith(
        ":1: expected a line of at most 100 bytes (--limit entry=SIZE), found a longer one"
    )
    assert isinstance(good, Trace)
    assert isinstance(last, Problem)
    assert last.line == 3


def test_a_line_of_exactly_the_limit_is_read(tmp_path: Path) -> None:
    (trace,) = read_traces(write(tmp_path, GOOD), limits=Limits(line_bytes=len(GOOD) + 1))
    assert isinstance(trace, Trace)


def test_gzip_is_unpacked_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    path.write_bytes(gzip.compress(GOOD.encode() + b"\n") + gzip.compress(GOOD.replace("good", "b").encode()))
    assert [item.trace_id for item in read_traces(path) if isinstance(item, Trace)] == ["good", "b"]


@pytest.mark.parametrize("filler", [b" " * 5_000_000, b"\n" * 5_000_000])
def test_a_gzip_bomb_is_refused(tmp_path: Path, filler: bytes) -> None:
    path = tmp_path / "traces.jsonl.gz"
    path.write_bytes(gzip.compress(GOOD.encode() + filler))
    limits = Limits(line_bytes=1000, gzip_free_bytes=1_000_000)
    with pytest.raises(BadInput, match=r"unpacks to at most 300 times its size, found \d+ bytes"):
        list(read_traces(path, limits=limits))


@pytest.mark.parametrize("cut", [15, 40])
def test_a_broken_gzip_file_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "traces.jsonl.gz"
    path.write_bytes(gzip.compress(GOOD.encode())[:cut])
    with pytest.raises(BadInput, match="expected a whole gzip file"):
        list(read_traces(path))


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "found an empty file"),
        (b"\n \r\n\n", "found an empty file"),
        (b"SQLite format 3\0\x10", "found a SQLite database"),
        ("﻿{}".encode("utf-16-le"), "found UTF-16; convert it with  iconv"),
        (b'[\n {"trace_id": "t"}\n]\n', r"1: .*found a JSON list .*jq -c '.\[\]'"),
        (b'[{"trace_id": "t"}]', r"found a JSON list"),
        (b'\n{\n "trace_id": "t"\n}\n', r"2: .*a JSON object laid out over several lines.*jq -c \."),
    ],
)
def test_files_that_are_no_lines_are_refused_whole(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "traces.jsonl"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=message):
        list(read_traces(path))


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"gone\.jsonl: no such file"):
        list(read_traces(tmp_path / "gone.jsonl"))
    with pytest.raises(BadInput, match="expected a file, found a folder"):
        list(read_traces(tmp_path))
    with pytest.raises(BadInput, match="cannot be read"):
        list(read_traces("a\0b"))


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = io.BytesIO(gzip.compress(GOOD.encode()))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(packed)))
    items = list(read_traces("-"))
    assert [item.trace_id for item in items if isinstance(item, Trace)] == ["good"]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"{")))
    with pytest.raises(BadInput, match="stdin:1: expected one JSON object a line"):
        list(read_traces("-"))


@given(noise=st.binary(max_size=40), at=st.integers(0, 400))
def test_no_bytes_crash_the_reader(tmp_path_factory: pytest.TempPathFactory, noise: bytes, at: int) -> None:
    line = with_steps(
        {"role": "retriever", "output": {"passages": [{"id": "d3", "text": "\ud83d\ude00", "score": 1.5}]}},
        {"role": "model", "output": {"text": "a"}, "usage": {"prompt_tokens": 3}},
        gold={"answers": ["a"]},
        tags={"tenant": "acme"},
    ).encode()
    path = tmp_path_factory.mktemp("noise") / "t.jsonl"
    path.write_bytes(line[:at] + noise + line[at + len(noise) :] + b"\n" + GOOD.encode())
    try:
        items = list(read_traces(path))
    except BadInput:
        return  # binary, or no lines at all
    assert all(str(item).isprintable() for item in items if isinstance(item, Problem))
    assert items
    assert b"\n" in noise or isinstance(items[-1], Trace)


def test_reading_is_lazy_and_flat(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD, "broken")
    items = read_traces(path)
    assert isinstance(next(items), Trace)
    path.unlink()
    assert isinstance(next(items), Problem)
