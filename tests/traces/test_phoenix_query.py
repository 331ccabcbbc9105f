"""The frames that Phoenix's queries give: a row for each document, a row for each question."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas
import pytest

from diagnose.core.artifact import Answer, Passages
from diagnose.core.trace import Trace
from tests.traces import sample_logs as samples
from tests.traces.reading import read, written

SPAN = "00000000000000aa"
INDEX = ["context.span_id", "document_position"]


def documents() -> pandas.DataFrame:
    """What `get_retrieved_documents` gives, its rows out of order."""
    rows = [
        {
            "context.span_id": SPAN,
            "document_position": i,
            "context.trace_id": samples.TRACE_ID,
            "input": samples.QUESTION,
            "document": text,
            "document_score": score,
            "document_metadata": {"chunk_id": name, "source": "rivers.md"},
        }
        for i, (name, text, score) in enumerate(samples.FOUND)
    ]
    return pandas.DataFrame(rows[::-1]).set_index(INDEX)


def questions() -> pandas.DataFrame:
    """What `get_qa_with_reference` gives."""
    joint = "\n\n".join(text for _, text, _ in samples.FOUND)
    row = {
        "context.span_id": "00000000000000bb",
        "context.trace_id": samples.TRACE_ID,
        "input": samples.QUESTION,
        "output": samples.ANSWER,
        "metadata": {"tenant": "acme"},
        "context": joint,
    }
    return pandas.DataFrame([row]).set_index("context.span_id")


def saved(frame: pandas.DataFrame, folder: Path, layout: str) -> Path:
    path = folder / f"log.{layout if layout in ('csv', 'parquet') else 'json'}"
    if layout == "csv":
        frame.to_csv(path)
    elif layout == "parquet":
        frame.to_parquet(path)
    elif layout == "lines":
        frame.reset_index().to_json(path, orient="records", lines=True)
    else:
        frame.to_json(path, orient=layout)  # type: ignore[call-overload]
    return path


def passages_of(trace: Trace) -> list[Any]:
    step = next(step for step in trace.steps if step.role == "retriever")
    assert isinstance(step.output, Passages)
    return [(p.id, p.text, p.score) for p in step.output.passages]


@pytest.mark.parametrize("layout", ["csv", "parquet", "lines", "split", "columns", "index"])
def test_documents_come_together_in_their_places(tmp_path: Path, layout: str) -> None:
    traces, problems, _ = read(saved(documents(), tmp_path, layout))
    assert not problems
    (trace,) = traces
    assert trace.trace_id == samples.TRACE_ID and trace.query.text == samples.QUESTION
    assert passages_of(trace) == list(samples.FOUND)


def test_rows_without_an_index_and_of_older_versions(tmp_path: Path) -> None:
    old = documents()[::-1].rename(columns={"document": "reference"}).drop(columns="document_metadata")
    old.to_json(tmp_path / "log.json", orient="records")
    (trace,) = read(tmp_path / "log.json")[0]
    assert [text for _, text, _ in passages_of(trace)] == [text for _, text, _ in samples.FOUND]


@pytest.mark.parametrize("layout", ["csv", "parquet", "lines", "split", "columns"])
def test_a_question_with_its_documents_in_one_text(tmp_path: Path, layout: str) -> None:
    traces, problems, account = read(saved(questions(), tmp_path, layout))
    assert not problems
    (trace,) = traces
    assert trace.query.text == samples.QUESTION and trace.tags == {"tenant": "acme"}
    ((_, text, _),) = passages_of(trace)
    assert samples.PO in text and samples.TIBER in text
    assert trace.steps[-1].output == Answer(samples.ANSWER)
    assert any("one text" in what for what in account.noted)


def test_both_frames_in_one_folder(tmp_path: Path) -> None:
    saved(documents(), tmp_path, "csv")
    saved(questions(), tmp_path, "lines")
    (trace,) = read(tmp_path)[0]
    assert passages_of(trace) == list(samples.FOUND)
    assert trace.steps[-1].output == Answer(samples.ANSWER)


def test_documents_join_the_spans_they_are_of(tmp_path: Path) -> None:
    """Where the spans are there as well, nothing comes out twice."""
    saved(documents().rename(index={SPAN: f"{2:016x}"}, level=0), tmp_path, "csv")
    written(tmp_path, samples.phoenix(samples.openinference()), "spans.json")
    (trace,) = read(tmp_path)[0]
    assert [name for name, _, _ in passages_of(trace)] == [name for name, _, _ in samples.FOUND]


def test_judgements_without_a_name_are_said_to_be_passed_over(tmp_path: Path) -> None:
    frame = pandas.DataFrame([{"context.span_id": SPAN, "label": "correct", "score": 1}]).set_index(
        "context.span_id"
    )
    traces, _, account = read(saved(frame, tmp_path, "csv"))
    assert not traces
    assert any("passed over" in what for what in account.noted)
    assert account.attributes["label"] == 1
