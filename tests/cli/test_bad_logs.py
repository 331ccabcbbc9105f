"""Damaged logs of other tools: a clear message, the rest of the log kept, memory bounded."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.desks import command
from tests.conftest import ROOT
from tests.traces import made_exports as exports
from tests.traces import sample_logs as samples
from tests.traces.reading import written

HUGE = 50_000_000
MOST_MB = 300
MEASURED = """
import re, sys
from diagnose.__main__ import main
try:
    main()
except SystemExit as end:
    code = end.code
peak = re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())
print(f"PEAK {int(peak[1]) // 1024}", file=sys.stderr)
sys.exit(code)
"""
Spans = list[dict[str, Any]]


def renamed(spans: Spans, n: int) -> Spans:
    return [{**span, "trace_id": f"{n:032x}"} for span in spans]


def three_with_a_huge_one() -> Spans:
    """Three traces; one span of the second has an attribute of 50 MB."""
    middle = renamed(samples.openinference(), 2)
    middle[1] = {**middle[1], "attributes": {**middle[1]["attributes"], "metadata": "x" * HUGE}}
    return [*renamed(samples.openinference(), 1), *middle, *renamed(samples.openinference(), 3)]


LAYOUTS: dict[str, tuple[str, Callable[[Spans], str]]] = {
    "lines": ("log.jsonl", lambda spans: exports.lines([samples.otlp([s]) for s in spans])),
    "document": ("log.json", lambda spans: json.dumps(samples.otlp(spans))),
    "laid out": ("log.json", lambda spans: json.dumps(samples.otlp(spans), indent=1)),
    "console": ("log.txt", samples.console),
    "phoenix": ("log.json", lambda spans: json.dumps({"data": samples.phoenix(spans), "next_cursor": None})),
    "csv": ("log.csv", lambda spans: exports.table(samples.phoenix_rows(spans))),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "layout, packed", [*((layout, False) for layout in LAYOUTS), ("lines", True), ("csv", True)]
)
def test_an_attribute_of_fifty_megabytes(tmp_path: Path, layout: str, packed: bool) -> None:
    name, build = LAYOUTS[layout]
    text = build(three_with_a_huge_one()).encode()
    if packed:
        # Random enough not to be taken for a bomb.
        name, text = f"{name}.gz", gzip.compress(text.replace(b"xxxxxxxx", b"x1y2z3w4", 100), compresslevel=1)
    path = written(tmp_path, text, name)
    convert = [sys.executable, "-c", MEASURED, "convert", str(path), "-o", str(tmp_path / "traces.jsonl")]
    done = subprocess.run(convert, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"{name}:" in done.stderr
    assert "at most 16 MB (--limit entry=SIZE)" in done.stderr
    assert "found a longer one: it is left out" in done.stderr
    assert len((tmp_path / "traces.jsonl").read_text().splitlines()) == 3
    assert int(done.stderr.rpartition("PEAK ")[2]) < MOST_MB


MANY = [span for n in range(1, 61) for span in renamed(samples.openinference(), n)]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_gzip_stream_that_breaks_off_keeps_what_it_held(tmp_path: Path, layout: str) -> None:
    name, build = LAYOUTS[layout]
    packed = gzip.compress(build(MANY).encode())
    path = written(tmp_path, packed[: len(packed) // 2], f"{name}.gz")
    done = command("convert", path, "-o", tmp_path / "traces.jsonl")
    assert done.exit_code == 0, done.stderr
    assert "expected a whole gzip file, found a broken one" in done.stderr
    assert "what came before is kept" in done.stderr
    assert done.stderr.count(f"{name}.gz: ") == 1, "the file is named once"
    kept = len((tmp_path / "traces.jsonl").read_text().splitlines())
    assert 8 <= kept < 60


def test_a_folder_of_logs_some_of_them_broken(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    written(logs, samples.otlp(renamed(samples.openinference(), 1)), "a.json")
    written(logs, samples.langfuse_ui(), "b.json")
    written(logs, exports.table([samples.RAGAS], repr), "c.csv")
    written(logs, gzip.compress(b'{"resourceSpans": []}\n' * 90)[:40], "d.jsonl.gz")
    written(logs, bytes(range(256)), "e.bin")
    written(logs, "<html>Sign in</html>", "f.json")
    written(logs, b"", "g.jsonl")
    written(logs, b'{"trace_id": "own", "query": {"text": "q"}}\n{"trace_id": 5', "h.jsonl")
    written(logs, b"\x89PNG", "i.png")
    checked = command("check", logs, "--json")
    summary = json.loads(checked.stdout)
    assert (checked.exit_code, summary["n_traces"]) == (3, 4)
    problems = {problem["source"].rpartition("/")[2]: problem for problem in summary["problems"]}
    assert set(problems) == {"d.jsonl.gz", "e.bin", "f.json", "g.jsonl", "h.jsonl"}
    assert problems["e.bin"]["found"] == "a binary file"
    assert problems["g.jsonl"]["found"] == "an empty file"
    done = command("run", logs, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    assert json.loads((tmp_path / "out" / "report.json").read_bytes())["n_traces"] == 4


BROKEN: dict[str, tuple[Callable[[Spans], Spans], str]] = {
    "no parents": (
        lambda s: [{**x, "parent_id": "ab" * 8} for x in s],
        "spans whose parent is not in the log",
    ),
    "own parents": (
        lambda s: [{**x, "parent_id": x["span_id"]} for x in s],
        "spans that are their own ancestors",
    ),
    "circle": (
        lambda s: [{**x, "parent_id": s[i - 1]["span_id"]} for i, x in enumerate(s)],
        "spans that are their own ancestors",
    ),
    "clock skew": (
        lambda s: [{**x, "start_ns": x["start_ns"] - 10**13} if x["name"] == "rerank" else x for x in s],
        "spans that start before their parent (clocks differ)",
    ),
    "twice": (lambda s: [*s, *s], "spans logged more than once were merged"),
}


@pytest.mark.parametrize("damage", BROKEN)
def test_broken_trees_still_give_every_stage(tmp_path: Path, damage: str) -> None:
    change, said = BROKEN[damage]
    path = written(tmp_path, samples.otlp(change(samples.openinference())))
    checked = command("check", path)
    assert checked.exit_code == 0, checked.stdout
    assert "steps    retriever+ranker+packer+model: 1" in checked.stdout
    assert f"warning  {said}" in checked.stdout


@pytest.mark.parametrize("layout", LAYOUTS)
def test_bytes_that_are_no_utf8(tmp_path: Path, layout: str) -> None:
    name, build = LAYOUTS[layout]
    data = build(samples.openinference()).encode().replace(b"Piacenza", b"Pia\xff\xfecenza")
    checked = command("check", written(tmp_path, data, name))
    assert checked.exit_code == 0, checked.stdout
    assert "steps    retriever+ranker+packer+model: 1" in checked.stdout
    assert "warning  bytes that are no UTF-8 were replaced by U+FFFD" in checked.stdout
