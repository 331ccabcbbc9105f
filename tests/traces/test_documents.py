"""Any layout, any damage: what can be read is read, what cannot is said, and memory stays bounded."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnose.errors import BadInput
from diagnose.traces.account import Account
from diagnose.traces.documents import Document, read_documents
from diagnose.traces.limits import Limits
from diagnose.traces.lines import Problem
from diagnose.traces.read import read_log
from diagnose.traces.scanner import CHUNK_BYTES, BrokenValue, Scanner
from tests.traces import sample_logs as samples
from tests.traces.reading import one, read, roles, written

GOOD = {"user_input": "q?", "response": "a"}


def documents(path: Path, limits: Limits = Limits()) -> tuple[list[Any], list[str], Account]:
    account = Account()
    found = list(read_documents(path, account, limits))
    return (
        [item.value for item in found if isinstance(item, Document)],
        [str(item).removeprefix(f"{path.parent}/") for item in found if isinstance(item, Problem)],
        account,
    )


ROWS = [{"a": 1}, {"a": [2, {"b": "}{]["}]}, {"a": 'quote " and \\ slash'}]
LAYOUTS = {
    "lines": "".join(json.dumps(row) + "\n" for row in ROWS),
    "blank lines": "\n\n".join(json.dumps(row) for row in ROWS),
    "list": json.dumps(ROWS),
    "list, laid out": json.dumps(ROWS, indent=2),
    "objects, laid out": "\n".join(json.dumps(row, indent=2) for row in ROWS),
    "objects with commas": ",\n".join(json.dumps(row, indent=2) for row in ROWS),
    "lines, then laid out": json.dumps(ROWS[0])
    + "\n"
    + "\n".join(json.dumps(row, indent=1) for row in ROWS[1:]),
    "byte-order mark": "\ufeff" + json.dumps(ROWS),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(tmp_path: Path, layout: str) -> None:
    assert documents(written(tmp_path, LAYOUTS[layout])) == (ROWS, [], Account())


@given(
    st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3), min_size=1, max_size=6),
    st.integers(0, 3),
)
def test_what_was_laid_out_comes_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Any], indent: int
) -> None:
    path = tmp_path_factory.mktemp("log") / "log.json"
    path.write_text(
        "[\n" + ",\n".join(json.dumps(row, indent=indent) for row in rows) + "\n]", encoding="utf-8"
    )
    assert documents(path)[:2] == (rows, [])


def test_values_across_the_edges_of_what_is_read_at_once(tmp_path: Path) -> None:
    rows = [{"n": i, "text": "é" * (CHUNK_BYTES // 7)} for i in range(20)]
    found, problems, _ = documents(written(tmp_path, json.dumps(rows, indent=1, ensure_ascii=False)))
    assert (found, problems) == (rows, [])


def test_an_envelope_is_taken_apart_and_keeps_what_is_beside_it(tmp_path: Path) -> None:
    whole = {"trace": {"id": 1}, "observations": [{"id": 2}, {"id": 3}], "more": True}
    assert documents(written(tmp_path, json.dumps(whole, indent=1)))[0] == [
        {"trace": {"id": 1}, "observations": [{"id": 2}]},
        {"trace": {"id": 1}, "observations": [{"id": 3}]},
        {"trace": {"id": 1}, "more": True, "observations": []},
    ]


def test_a_laid_out_batch_of_spans_is_read_span_by_span(tmp_path: Path) -> None:
    path = written(tmp_path, json.dumps(samples.otlp(samples.openinference()), indent=2))
    spans = [
        span
        for value in documents(path)[0]
        for resource in value["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]
    assert len(spans) == 5
    assert len(documents(path)[0]) > 5  # not one document


BROKEN: dict[str, tuple[str, str]] = {
    "a line of words": ("hello\n", "log.jsonl:2: expected a JSON object, found broken JSON at column 1"),
    "a cut line": (
        '{"user_input": "x\n',
        "log.jsonl:2: expected a JSON object, found a line that ends in the middle",
    ),
    "too deep": ("[" * 100_000 + "\n", "log.jsonl:2: expected a JSON object, found"),
    "a huge number": ("9" * 5000 + "\n", "log.jsonl:2: expected a JSON object, found"),
}


@pytest.mark.parametrize("damage", BROKEN)
def test_a_broken_line_costs_no_other(tmp_path: Path, damage: str) -> None:
    text, message = BROKEN[damage]
    good = json.dumps(GOOD) + "\n"
    found, problems, _ = documents(written(tmp_path, good + text + good, "log.jsonl"))
    assert found == [GOOD, GOOD]
    assert problems[0].startswith(message)


def test_talk_between_printed_spans_is_passed_over(tmp_path: Path) -> None:
    printed = samples.console(samples.openinference()).replace(
        "\n}\n{", "\n}\nINFO: 127.0.0.1 GET /\nmore\n{"
    )
    traces, problems, _ = read(written(tmp_path, "starting up\n" + printed + "\nbye\n"))
    assert roles(traces[0]) == ["retriever", "ranker", "packer", "model"]
    assert len(problems) == 6
    assert 'found "starting up' in problems[0]


def test_a_broken_entry_of_a_list_costs_no_other(tmp_path: Path) -> None:
    text = f'[\n {json.dumps(GOOD)},\n {{"user_input": tru, "x": [1, "]"]}},\n {json.dumps(GOOD)}\n]'
    found, problems, _ = documents(written(tmp_path, text))
    assert found == [GOOD, GOOD]
    assert problems[0].startswith("log.json:3: expected a JSON value, found Expecting value")


def test_a_document_that_breaks_off_keeps_what_came_before(tmp_path: Path) -> None:
    whole = json.dumps([GOOD, GOOD, GOOD], indent=1)
    found, problems, _ = documents(written(tmp_path, whole[: len(whole) - 25]))
    assert found == [GOOD, GOOD]
    assert problems == [
        "log.json:10: expected a whole JSON value, found a file that ends in the middle of one"
    ]


def test_bytes_that_are_no_utf8_are_replaced_and_said(tmp_path: Path) -> None:
    good = json.dumps(GOOD).encode()
    traces, problems, account = read(
        written(tmp_path, good.replace(b"q?", b"q\xff?") + b"\n" + good, "log.jsonl")
    )
    assert (traces[0].query.text, problems) == ("q\ufffd?", [])
    assert account.noted["bytes that are no UTF-8 were replaced by U+FFFD"].n == 1


def test_a_broken_gzip_stream_keeps_what_came_before(tmp_path: Path) -> None:
    rows = [{**GOOD, "id": str(i), "noise": hash_text(i)} for i in range(5000)]
    packed = gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode())
    traces, problems, _ = read(written(tmp_path, packed[: len(packed) // 2], "log.jsonl.gz"))
    assert 1000 < len(traces) < 4000
    assert "expected a whole gzip file" in problems[-1]
    assert "what came before is kept" in problems[-1]


def hash_text(n: int) -> str:
    """Text that does not pack well."""
    import hashlib

    return hashlib.sha256(str(n).encode()).hexdigest()


def test_a_span_with_a_huge_attribute_is_left_out_and_the_rest_kept(tmp_path: Path) -> None:
    spans = samples.openinference()
    spans[1]["attributes"]["output.value"] = "x" * 2_000_000
    path = written(tmp_path, "".join(json.dumps(samples.otlp([s])) + "\n" for s in spans), "log.jsonl")
    traces, problems, _ = read(path, limits=Limits(line_bytes=300_000))
    assert roles(traces[0]) == ["retriever", "packer", "model"]
    assert len(problems) == 1
    assert "a longer one: it is left out" in problems[0]


def test_a_batch_longer_than_a_line_may_be_is_read_all_the_same(tmp_path: Path) -> None:
    spans = [{**span, "trace_id": f"{n:032x}"} for n in range(200) for span in samples.openinference()]
    path = written(
        tmp_path, json.dumps(samples.otlp(spans)) + "\n" + json.dumps(samples.otlp(samples.genai()))
    )
    traces, problems, _ = read(path, limits=Limits(line_bytes=200_000))
    assert (len(traces), problems) == (201, [])


def test_memory_holds_one_entry_and_not_the_file(tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    row = json.dumps({**GOOD, "noise": "x" * 100_000})
    with path.open("w") as file:
        file.write("[" + ",\n".join([row] * 300) + "]")
    tracemalloc.start()
    n = sum(isinstance(item, Document) for item in read_documents(path, Account()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert n == 300
    assert path.stat().st_size > 30_000_000
    assert peak < 8_000_000


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "expected JSON, found an empty file"),
        (b"\x00\x01\x02", "found a binary file"),
        ("hi".encode("utf-16"), "found UTF-16"),
    ],
)
def test_files_that_are_no_text_at_all(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        list(read_documents(written(tmp_path, content), Account()))


def test_a_folder_of_many_formats(tmp_path: Path) -> None:
    written(tmp_path, samples.otlp(samples.genai()), "a.json")
    written(tmp_path, [samples.RAGAS], "b.jsonl")
    written(tmp_path, b"\x00binary", "c.bin")
    written(tmp_path, samples.mlflow(), "d.json")
    written(tmp_path, "notes\n", "README.md")
    written(tmp_path, '{"trace_id": "own", "query": {"text": "q"}}\n', "e.jsonl")
    written(tmp_path, "", "f.json")
    (tmp_path / "sub").mkdir()
    written(tmp_path / "sub", samples.langsmith(), "runs.jsonl")
    traces, problems, account = read(tmp_path)
    assert {t.trace_id for t in traces} == {
        samples.TRACE_ID, "b.jsonl:1", f"tr-{samples.TRACE_ID}", "own", "run-1",
    }  # fmt: skip
    assert len(problems) == 2
    assert any("binary" in problem for problem in problems)
    assert any("empty" in problem for problem in problems)
    assert account.n["traces"] == 5


def test_spans_of_one_trace_in_several_files_come_together(tmp_path: Path) -> None:
    for i, span in enumerate(samples.openinference()):
        written(tmp_path, samples.otlp([span]), f"{i}.json")
    assert roles(one(tmp_path)) == ["retriever", "ranker", "packer", "model"]


def test_globs_and_several_sources(tmp_path: Path) -> None:
    written(tmp_path, samples.otlp(samples.genai()), "a.json")
    written(tmp_path, [samples.RAGAS], "b.jsonl")
    written(tmp_path, [samples.RAGAS], "c.other")
    assert len(read(tmp_path / "*.json*")[0]) == 2
    assert len(read([tmp_path / "a.json", tmp_path / "c.other"])[0]) == 2


@pytest.mark.parametrize(
    "name, message",
    [("*.none", "no file matches"), ("gone.json", "no such file"), (".", "no such file in it")],
)
def test_nothing_to_read(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        list(read_log(tmp_path / name))


def test_the_same_trace_twice_is_a_problem(tmp_path: Path) -> None:
    row = {**samples.RAGAS, "id": "same"}
    traces, problems, _ = read(written(tmp_path, [row, row], "log.jsonl"))
    assert len(traces) == 1
    assert problems[0].endswith('trace_id: expected an id of its own, found "same" again')


def scanner(text: str, most: int = 1000) -> Scanner:
    data = [text.encode()[i : i + 7] for i in range(0, len(text.encode()), 7)]
    return Scanner(lambda _: data.pop(0) if data else b"", b"", 1, most)


def test_the_scanner_reads_in_small_pieces() -> None:
    found = scanner(' {"a": [1, "é\\u00e9", 12345]} 17 "x"')
    assert [found.value(), found.value(), found.value()] == [{"a": [1, "éé", 12345]}, 17, "x"]
    assert found.peek() == ""


@pytest.mark.parametrize("text", ['{"a": "]}\\""} 1', '[["}"]] 1', '"a\\\\" 1'])
def test_the_scanner_skips_a_value(text: str) -> None:
    found = scanner(text)
    assert found.skip_value()
    assert found.value() == 1


def test_the_scanner_gives_up_on_a_value_that_is_too_long() -> None:
    found = scanner('"' + "x" * 5000 + '" 1', most=100)
    with pytest.raises(BrokenValue, match="too long"):
        found.value()
    assert found.skip_value()
    assert found.value() == 1
