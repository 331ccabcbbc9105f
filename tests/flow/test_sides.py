from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from diagnose.core.blame import Blame
from diagnose.core.outcome import TraceOutcome
from diagnose.core.report import Report
from diagnose.errors import BadInput, UsageError
from diagnose.flow.gated import compared_reports, gated
from diagnose.flow.sides import read_sides
from diagnose.gate.rules import Rules
from diagnose.report.to_json import json_report
from diagnose.traces.outcomes import baseline_json
from diagnose.traces.to_jsonl import write_jsonl
from tests.gate.made import system
from tests.report.made_report import REPLAYED


def written(folder: Path, n: int, failing: int, **more: object) -> Path:
    """A report folder of `n` traces, the first of which fail at the ranker."""
    folder.mkdir(parents=True)
    report: Report = msgspec.structs.replace(REPLAYED, n_traces=n, n_failures=failing, **more)
    outcomes = [
        TraceOutcome(
            f"q{i}",
            f"digest {i}",
            score=float(i >= failing),
            passed=i >= failing,
            again=0.0 if i < failing else None,
        )
        for i in range(n)
    ]
    blames = [Blame(f"q{i}", "replayed", "ranker", shares={"ranker": 1.0}, loss=1.0) for i in range(failing)]
    write_jsonl(folder / "outcomes.jsonl", outcomes)
    write_jsonl(folder / "blame.jsonl", blames)
    (folder / "report.json").write_bytes(json_report(report))
    return folder


def test_a_report_folder_its_report_and_its_baseline_are_the_same_side(tmp_path: Path) -> None:
    folder = written(tmp_path / "new", 40, 6)
    made = read_sides([folder])
    assert read_sides([folder / "report.json"]) == made
    file = tmp_path / "baseline.json"
    file.write_bytes(baseline_json(made))
    assert read_sides([file]) == made
    assert (len(made.rows), made.n_failures, made.replayed, made.steady) == (40, 6, True, True)
    verdict = gated([folder], [file], Rules(), 0)
    assert verdict.outcome == "pass"
    assert (verdict.comparison.before, verdict.comparison.after) == ("baseline.json", "new")


def test_several_reports_are_runs_of_one_system(tmp_path: Path) -> None:
    folders = [written(tmp_path / name, 40, n) for name, n in (("one", 6), ("two", 8))]
    made = read_sides(folders)
    assert {row.runs for row in made.rows} == {2}
    verdict = gated(folders, folders[:1], Rules(), 0)
    assert verdict.comparison.after == "one + two"


def test_a_perfect_report_has_no_blame(tmp_path: Path) -> None:
    folder = written(tmp_path / "new", 10, 0)
    assert read_sides([folder]).n_failures == 0
    (folder / "blame.jsonl").unlink()
    assert len(read_sides([folder]).rows) == 10


def test_what_is_missing_or_broken_is_never_passed_over(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="found none"):
        read_sides([])
    with pytest.raises(BadInput, match="no such file"):
        read_sides([tmp_path / "none"])
    folder = written(tmp_path / "new", 20, 3)
    whole = (folder / "outcomes.jsonl").read_text().splitlines()
    for lines, message in (
        (whole[:-1], "the report is of 20 traces, the files beside it hold 19"),
        ([*whole[:-1], whole[-1].replace("1.0", "NaN")], "compared whole or not at all"),
        ([*whole[:-1], whole[0]], r"an id of its own .* compared whole"),
        ([], "empty file"),
    ):
        (folder / "outcomes.jsonl").write_text("\n".join(lines))
        with pytest.raises(BadInput, match=message):
            read_sides([folder])
    (folder / "outcomes.jsonl").unlink()
    with pytest.raises(BadInput, match=r"no outcomes\.jsonl beside the report"):
        read_sides([folder])


def test_blame_that_was_cut_short_is_seen(tmp_path: Path) -> None:
    folder = written(tmp_path / "new", 20, 3)
    lines = (folder / "blame.jsonl").read_text().splitlines()
    (folder / "blame.jsonl").write_text(lines[0])
    with pytest.raises(BadInput, match="the report is of 3 failures, the files beside it hold 1"):
        read_sides([folder])


def test_a_json_file_of_another_kind(tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_text('{"schema": "diagnose.gate/1"}')
    with pytest.raises(BadInput, match=r'expected "diagnose.report/1", found "diagnose.gate/1"'):
        read_sides([file])
    file.write_text("no json")
    with pytest.raises(BadInput, match=r"other\.json: expected a JSON object"):
        read_sides([file])


def test_reports_are_compared(tmp_path: Path) -> None:
    a, b = written(tmp_path / "a", 40, 6), written(tmp_path / "b", 40, 9)
    found = compared_reports(a, b, (), 0)
    assert (found.before, found.after, len(found.regressed)) == ("a", "b", 3)
    file = tmp_path / "baseline.json"
    file.write_bytes(baseline_json(system(5, {})))
    with pytest.raises(BadInput, match="no common traces"):
        gated([a], [file], Rules(), 0)
