from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from diagnose.core.outcome import TraceOutcome
from diagnose.core.report import Fidelity
from diagnose.errors import BadInput
from diagnose.traces.lines import Problem
from diagnose.traces.outcomes import baseline_json, read_baseline, read_outcomes
from diagnose.traces.to_jsonl import write_jsonl
from tests.gate.made import row, side, system

OUTCOMES = (
    TraceOutcome("a", "q1", "l1", 1.0, True, tags={"tenant": "acme"}, elapsed_s=0.25, tokens=12, cost=0.001),
    TraceOutcome("b", "q2", None, None),
    TraceOutcome("c", "q3", "l3", 0.0, False, again=0.5),
)


def test_outcomes_come_back(tmp_path: Path) -> None:
    file = tmp_path / "outcomes.jsonl"
    assert write_jsonl(file, OUTCOMES) == 3
    assert file.read_text().startswith('{"schema":"diagnose.outcome/1","trace_id":"a"')
    assert tuple(read_outcomes(file)) == OUTCOMES


@pytest.mark.parametrize(
    "line, message",
    [
        ('{"trace_id": "x", "query": "q", "score": NaN}', "score: expected a number"),
        ('{"trace_id": "x", "query": "q", "score": 1.5}', "score: expected a number from 0 to 1, found 1.5"),
        (
            '{"trace_id": "x", "query": "q", "score": 0, "again": -1}',
            "again: expected a number from 0 to 1, found -1",
        ),
        ('{"trace_id": "a", "query": "q"}', r"trace_id: expected an id of its own \(line 1 has it already\)"),
        ('{"query": "q"}', "trace_id"),
        ('{"schema": "diagnose.blame/1", "trace_id": "x"}', 'schema: expected "diagnose.outcome/1"'),
        ('{"trace_id": "x"', "expected a JSON object"),
    ],
)
def test_a_broken_line_is_a_problem(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "outcomes.jsonl"
    file.write_text(f'{{"trace_id": "a", "query": "q1"}}\n{line}\n')
    first, problem = read_outcomes(file)
    assert isinstance(first, TraceOutcome)
    assert isinstance(problem, Problem)
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(str(problem))


def test_a_baseline_comes_back_and_is_fit_for_git(tmp_path: Path) -> None:
    made = system(30, {"ranker": 4}, fidelity={"ranker": Fidelity(4, 1.0, 0.0, 0.0)})
    body = baseline_json(made)
    file = tmp_path / "baseline.json"
    file.write_bytes(body)
    assert read_baseline(file) == made
    assert baseline_json(read_baseline(file)) == body
    lines = body.decode().splitlines()
    assert sum('"trace_id"' in line for line in lines) == 30
    assert next(iter(json.loads(body))) == "schema"
    changed = msgspec.structs.replace(made, rows=(*made.rows[:-1], row("q0029", "model")))
    after = baseline_json(changed).decode().splitlines()
    assert sum(a != b for a, b in zip(lines, after, strict=True)) == 1


def test_numbers_keep_six_decimals(tmp_path: Path) -> None:
    made = side([row("a", score=1 / 3, elapsed_s=0.123456789)])
    body = baseline_json(made).decode()
    assert '"score":0.333333' in body
    assert '"elapsed_s":0.123457' in body


def test_half_a_surrogate_pair_does_not_stop_it(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    file.write_bytes(baseline_json(side([row("a\ud83d")])))
    assert read_baseline(file).rows[0].trace_id == "a\ufffd"


@pytest.mark.parametrize(
    "body, message",
    [
        (
            b'{"schema": "diagnose.report/1"}',
            'schema: expected "diagnose.baseline/1", found "diagnose.report/1"',
        ),
        (b"{}", 'schema: expected "diagnose.baseline/1", found nothing'),
        (b'{"schema": "diagnose.baseline/2"}', 'found "diagnose.baseline/2"; write it with'),
        (b'{"schema": "diagnose.baseline/1"}', "missing required field"),
        (b"[]", "expected a JSON object"),
        (b"", "expected a JSON object"),
        (b"\xff", "expected a JSON object"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, body: bytes, message: str) -> None:
    file = tmp_path / "baseline.json"
    file.write_bytes(body)
    with pytest.raises(BadInput, match=message):
        read_baseline(file)


def test_rows_are_checked(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    good = baseline_json(system(3, {})).decode()
    for before, after, message in (
        ('"trace_id":"q0001"', '"trace_id":"q0000"', r"rows\[1\].trace_id: expected each once"),
        ('"score":1.0', '"score":7.0', r"rows\[0\].score: expected a number from 0 to 1, found 7"),
        ('"score":1.0', '"score":NaN', "baseline.json: "),
    ):
        file.write_text(good.replace(before, after, 1))
        with pytest.raises(BadInput, match=message):
            read_baseline(file)
    with pytest.raises(BadInput, match="cannot be read"):
        read_baseline(tmp_path / "none.json")
