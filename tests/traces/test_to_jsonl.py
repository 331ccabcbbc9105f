from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagnose.core.artifact import (
    Answer,
    Context,
    Decision,
    Output,
    Passage,
    Passages,
    Query,
    Route,
    Text,
    Turn,
)
from diagnose.core.stage import ROLES, Role, in_order
from diagnose.core.trace import Gold, GoldPassage, Outcome, Provenance, Step, Trace, Usage
from diagnose.errors import UsageError
from diagnose.traces.from_jsonl import read_traces
from diagnose.traces.to_jsonl import encode_line, write_jsonl

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = st.floats(allow_nan=False, allow_infinity=False)
counts = st.none() | st.integers(0, 2**70)
tags = st.dictionaries(words, words, max_size=2)
passage = st.builds(Passage, words, words, st.none() | numbers, st.none() | words, st.none() | tags)
passages = st.lists(passage, max_size=3).map(tuple)
outputs: dict[Role, st.SearchStrategy[Output]] = {
    "router": st.builds(Route, words),
    "rewriter": st.builds(Text, words),
    "retriever": st.builds(Passages, passages),
    "ranker": st.builds(Passages, passages),
    "compressor": st.builds(Passages, passages),
    "packer": st.builds(Context, words, passages),
    "model": st.builds(Answer, words, counts, counts, st.none() | words),
    "verifier": st.builds(Decision, st.booleans(), st.none() | words),
}
usage = st.builds(Usage, counts, counts, st.none() | st.floats(0, 1e9))


def step(role: Role) -> st.SearchStrategy[Step]:
    elapsed = st.none() | st.floats(0, 1e9)
    return st.builds(
        Step, st.just(role), outputs[role], st.none() | words, elapsed, st.none() | usage, st.none() | words
    )


steps = st.sets(st.sampled_from(ROLES)).flatmap(lambda roles: st.tuples(*map(step, in_order(tuple(roles)))))
gold_passage = st.builds(
    GoldPassage, st.none() | words, st.none() | words, st.lists(words, max_size=2).map(tuple)
)
gold = st.builds(
    Gold,
    st.lists(words, max_size=2).map(tuple),
    st.lists(gold_passage, max_size=2).map(tuple),
    st.sampled_from(["all", "any"]),
    st.booleans(),
    st.none() | words,
)
query = st.builds(Query, words, st.lists(st.builds(Turn, words, words), max_size=2).map(tuple))
traces = st.builds(
    Trace,
    trace_id=words.filter(str.strip),
    query=query,
    steps=steps,
    gold=st.none() | gold,
    outcome=st.none()
    | st.builds(Outcome, st.none() | st.floats(0, 1), st.none() | st.sampled_from([-1.0, 0.0, 1.0])),
    tags=tags,
    provenance=st.none() | st.builds(Provenance, st.none() | words, st.none() | words),
)


@settings(deadline=None, max_examples=60)
@given(
    logged=st.lists(traces, min_size=1, max_size=3, unique_by=lambda trace: trace.trace_id),
    packed=st.booleans(),
)
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, logged: list[Trace], packed: bool
) -> None:
    path = tmp_path_factory.mktemp("round") / ("t.jsonl.gz" if packed else "t.jsonl")
    assert write_jsonl(path, logged) == len(logged)
    assert list(read_traces(path)) == logged


def test_schema_comes_first_and_defaults_stay_out() -> None:
    line = encode_line(Trace("q1", Query("why?"), (Step("model", Answer("so")),)))
    assert line == (
        b'{"schema":"diagnose.trace/1","trace_id":"q1","query":{"text":"why?"},'
        b'"steps":[{"role":"model","output":{"text":"so"}}]}\n'
    )


def test_lone_surrogates_become_replacement_characters() -> None:
    line = encode_line(Trace("q", Query("cut \ud83d and \U0001f600"), tags={"\udfff": "x"}))
    assert json.loads(line)["query"]["text"] == "cut \ufffd and \U0001f600"
    assert json.loads(line)["tags"] == {"\ufffd": "x"}


def test_a_failed_write_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    write_jsonl(path, [Trace("old", Query("q"))])
    before = path.read_bytes()

    def breaks() -> Iterator[Trace]:
        yield Trace("new", Query("q"))
        raise RuntimeError("the pipeline died")

    with pytest.raises(RuntimeError):
        write_jsonl(path, breaks())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_is_its_owners_alone_an_old_one_keeps_its_mode_and_links_stay_links(
    tmp_path: Path,
) -> None:
    (tmp_path / "real.jsonl").touch(0o644)
    link = tmp_path / "link.jsonl"
    link.symlink_to("real.jsonl")
    write_jsonl(link, [Trace("a", Query("q"))])
    assert link.is_symlink()
    write_jsonl(tmp_path / "new.jsonl", [Trace("a", Query("q"))])
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("real.jsonl", "new.jsonl")]
    assert modes == [0o644, 0o600]


def test_packed_bytes_depend_on_the_content_alone(tmp_path: Path) -> None:
    first, second = tmp_path / "a.gz", tmp_path / "b.gz"
    for path in (first, second):
        write_jsonl(path, [Trace("a", Query("q"))])
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes()[:2] == b"\x1f\x8b"
    assert first.read_bytes()[4:8] == bytes(4), "no time of packing in the header"


@pytest.mark.parametrize("name", ["", "no/such/folder/t.jsonl", "x" * 300])
def test_where_nothing_can_be_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        write_jsonl(tmp_path / name, [])


def test_standard_output_and_devices() -> None:
    code = (
        "from diagnose.traces.to_jsonl import write_jsonl; from diagnose.core.trace import Trace;"
        "from diagnose.core.artifact import Query;"
        "write_jsonl('-', [Trace('a', Query('q'))]); write_jsonl('/dev/null', [Trace('b', Query('q'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b'{"schema":"diagnose.trace/1","trace_id":"a","query":{"text":"q"}}\n'
    assert Path("/dev/null").is_char_device()
