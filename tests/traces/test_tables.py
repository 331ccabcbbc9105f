"""Tables as spreadsheets and tools write them: ends of lines, columns of one name, several outputs a row."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from diagnose.traces.limits import Limits
from tests.traces.reading import answer, one, read, written

ROWS = [
    ["question", "answer", "reference"],
    ["Which river?", "The Po\nor the Arno, who knows", "the Po"],
    ["Which town?", 'The "old" one', "Turin"],
    ["Which sea?", "", "the Adriatic"],
]


def table(rows: list[list[str]], end: str) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator=end).writerows(rows)
    return file.getvalue().encode()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_ends_of_lines(tmp_path: Path, end: str) -> None:
    traces, problems, _ = read(written(tmp_path, table(ROWS, end), "log.csv"))
    assert not problems
    assert [trace.query.text for trace in traces] == ["Which river?", "Which town?", "Which sea?"]
    assert answer(traces[0]).splitlines() == ["The Po", "or the Arno, who knows"]
    assert answer(traces[1]) == 'The "old" one'


def test_many_rows_that_end_in_a_return(tmp_path: Path) -> None:
    rows = [["question", "answer", "reference"], *([f"Which {n}?", "x" * 700, f"{n}"] for n in range(5000))]
    traces, problems, _ = read(written(tmp_path, table(rows, "\r"), "log.csv"))
    assert not problems
    assert [trace.query.text for trace in traces] == [row[0] for row in rows[1:]]


def test_a_row_too_long_costs_itself(tmp_path: Path) -> None:
    rows = [*ROWS[:1], ["Long?", "x" * 30_000, ""], *ROWS[2:3]]
    path = written(tmp_path, table(rows, "\r"), "log.csv")
    traces, problems, _ = read(path, limits=Limits(line_bytes=10_000))
    assert [trace.query.text for trace in traces] == ["Which town?"]
    assert "a longer one" in problems[0]


def promptfoo(outputs: list[list[str]]) -> bytes:
    """Two prompts, each with what became of its output, under columns of the same names."""
    block = ["Status", "Score", "Named Scores", "Grader Reason", "Comment"]
    header = [
        "query",
        "reference",
        "[openai:small] Answer {{query}}",
        *block,
        "[openai:large] Say {{query}}",
        *block,
    ]
    return table([header, *outputs], "\n")


def test_every_prompt_of_a_promptfoo_table(tmp_path: Path) -> None:
    rows = [
        [
            "Which river?",
            "the Po",
            "The Po",
            "PASS",
            "1.00",
            "",
            "",
            "",
            "The Arno",
            "FAIL",
            "0.25",
            "",
            "no",
            "",
        ],
        ["Which town?", "Turin", "", "ERROR", "0.00", "", "", "", "Turin", "PASS", "1.00", "", "", ""],
    ]
    traces, problems, _ = read(written(tmp_path, promptfoo(rows), "log.csv"))
    assert not problems
    said = [
        (t.query.text, answer(t), t.outcome and t.outcome.score, t.steps[-1].name, t.tags["prompt"])
        for t in traces
    ]
    assert said == [
        ("Which river?", "The Po", 1.0, "openai:small", "Answer {{query}}"),
        ("Which river?", "The Arno", 0.25, "openai:large", "Say {{query}}"),
        ("Which town?", "Turin", 1.0, "openai:large", "Say {{query}}"),
    ]
    assert len({trace.trace_id for trace in traces}) == 3
    assert all(trace.gold and trace.gold.answers for trace in traces)


def test_a_prompt_without_a_provider_is_known_by_what_follows(tmp_path: Path) -> None:
    rows = [
        ["query", "reference", "Answer it", "Status", "Score", "Named Scores", "Grader Reason", "Comment"],
        ["Which river?", "the Po", "The Po", "PASS", "1.00", "", "", ""],
    ]
    trace = one(written(tmp_path, table(rows, "\n"), "log.csv"))
    assert (answer(trace), trace.tags) == ("The Po", {"prompt": "Answer it"})


def test_columns_of_one_name_are_told_apart(tmp_path: Path) -> None:
    rows = [["question", "answer", "reference", "note", "note"], ["Which?", "This", "this", "a", "b"]]
    _, _, account = read(written(tmp_path, table(rows, "\n"), "log.csv"))
    assert {"note", "note (2)"} <= account.attributes.keys()
