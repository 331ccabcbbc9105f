from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from diagnose.errors import BadInput
from diagnose.traces.check import KEPT_PROBLEMS, Labels, LogSummary, check_log


def summary(tmp_path: Path, *lines: object) -> LogSummary:
    path = tmp_path / "traces.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return check_log(path)


def trace(trace_id: str, *steps: object, **fields: object) -> dict[str, object]:
    return {"trace_id": trace_id, "query": {"text": "why?"}, "steps": steps, **fields}


def step(role: str, output: object, **fields: object) -> dict[str, object]:
    return {"role": role, "output": output, **fields}


RETRIEVED = step("retriever", {"passages": [{"id": "a", "text": "A"}, {"id": "b"}]}, elapsed_s=0.1)
PACKED = step("packer", {"text": "A", "passages": [{"id": "a"}]})
ANSWERED = step("model", {"text": "so"}, usage={"prompt_tokens": 3})


def test_counts_of_a_labelled_log(tmp_path: Path) -> None:
    log = summary(
        tmp_path,
        trace("1", RETRIEVED, PACKED, ANSWERED, gold={"answers": ["so"], "passages": [{"id": "a"}]}),
        trace("2", RETRIEVED, PACKED, ANSWERED, outcome={"score": 0, "feedback": -1}),
        trace("3", ANSWERED, RETRIEVED, PACKED, gold={"answerable": False}),
    )
    assert (log.n_lines, log.n_traces, log.n_queries, log.n_labelled, log.n_problems) == (3, 3, 0, 2, 0)
    assert log.roles == {"retriever": 3, "packer": 3, "model": 3}
    assert log.pipelines == {"retriever+packer+model": 3}
    assert (log.n_passages, log.n_passages_with_text) == (6, 3)
    assert log.labels == Labels(
        answers=1, gold_passages=1, unanswerable=1, outcome_scores=1, feedback=1, usage=3, elapsed=3
    )
    assert log.level == "observed"
    assert "replayable with --pipeline" in log.claim
    assert {(w.what.split(" (")[0], w.n, w.first) for w in log.warnings} == {
        ("passages without text in any step", 3, "1"),
        ("steps out of pipeline order", 1, "3"),
    }


@pytest.mark.parametrize(
    "line, level, claim",
    [
        (trace("1", ANSWERED), "unlabelled", "unlabelled: "),
        (trace("1", ANSWERED, gold={"answers": [" "]}), "unlabelled", "unlabelled: "),
        (trace("1", gold={"answers": ["a"]}), "observed", "queries without steps"),
        ({"trace_id": 1}, "unlabelled", "no usable trace"),
    ],
)
def test_level_and_claim(tmp_path: Path, line: object, level: str, claim: str) -> None:
    log = summary(tmp_path, line)
    assert (log.level, log.claim[: len(claim)]) == (level, claim)


@pytest.mark.parametrize(
    "lines, warning",
    [
        ([trace("1", PACKED, step("model", {"text": "a"}))], "model step without usage"),
        ([trace("1", PACKED, step("model", {"text": " "}))], "blank answer"),
        ([trace("1", RETRIEVED, ANSWERED)], "no packer step"),
        ([trace("1", RETRIEVED)], "no model step"),
        ([trace("1", step("retriever", {"passages": []}))], "retriever gave no passages"),
        ([trace("1", step("model", {"text": ""}, error="timeout"))], "model logged an error"),
        ([trace("1", RETRIEVED, gold={"passages": [{"id": "b"}]})], "gold passage labelled by id alone"),
        ([trace("1", gold={"passages": [{}]})], "gold passage with neither"),
        ([trace("1", gold={"answers": [""]})], "blank gold answer"),
        ([trace("1", ANSWERED), trace("2", RETRIEVED), trace("3", ANSWERED)], "2 different pipelines"),
        ([trace("1", query={"text": ""})], "blank query"),
    ],
)
def test_suspect_things_are_warned_of(tmp_path: Path, lines: list[object], warning: str) -> None:
    log = summary(tmp_path, *lines)
    (found,) = [warned for warned in log.warnings if warned.what.startswith(warning)]
    assert found.n == 1
    assert log.n_problems == 0


@pytest.mark.parametrize("text", [{"text": "B"}, {"sentences": ["B."]}])
def test_a_gold_passage_with_text_of_its_own_is_fine(tmp_path: Path, text: dict[str, object]) -> None:
    log = summary(tmp_path, trace("1", ANSWERED, gold={"passages": [{"id": "b", **text}]}))
    assert not [warned for warned in log.warnings if "gold" in warned.what]


def test_a_gold_passage_whose_text_is_somewhere_in_the_log_is_fine(tmp_path: Path) -> None:
    log = summary(tmp_path, trace("1", ANSWERED, gold={"passages": [{"id": "a"}]}), trace("2", RETRIEVED))
    assert not [warned for warned in log.warnings if "by id alone" in warned.what]


def test_unknown_fields_are_counted_and_likely_names_offered(tmp_path: Path) -> None:
    lines = [
        trace(
            str(i),
            step("retriever", {"passages": [{"id": "a", "txt": "A", "x": {"text": 1}}]}, outptu=1),
            golds={},
        )
        for i in range(2)
    ]
    log = summary(tmp_path, *lines, {"schema": "diagnose.trace/1", **trace("3")})
    assert log.unknown_fields == {
        "golds": 2,
        "steps[].outptu": 2,
        "steps[].output.passages[].txt": 2,
        "steps[].output.passages[].x": 2,
    }
    assert 'unknown field "golds" is ignored (did you mean "gold"?)' in [
        warned.what for warned in log.warnings
    ]


def test_every_problem_is_counted_and_the_first_are_kept(tmp_path: Path) -> None:
    n = KEPT_PROBLEMS + 5
    log = summary(tmp_path, *[trace("same", step("model", {"text": 1}))] * n, "{", trace("1"), trace("1"))
    assert log.n_problems == n + 2
    assert len(log.problems) == KEPT_PROBLEMS
    assert (log.n_lines, log.n_traces) == (n + 3, 1)
    assert log.problems[0].line == 1
    assert log.problems[0].field == "steps[0].output.text"


def test_a_line_can_have_more_than_one_problem(tmp_path: Path) -> None:
    bad = trace("1", step("model", {}), step("ranker", {"passages": [{}]}))
    fields = [problem.field for problem in summary(tmp_path, bad).problems]
    assert fields == ["steps[0].output.text", "steps[1].output.passages[0].id"]


def test_the_summary_is_plain_json(tmp_path: Path) -> None:
    log = summary(tmp_path, trace("1", ANSWERED), "{")
    assert msgspec.json.decode(msgspec.json.encode(log), type=LogSummary) == log


def test_a_file_that_is_no_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        check_log(tmp_path / "gone")
