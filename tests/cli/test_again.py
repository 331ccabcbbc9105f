"""The command on a report makes the same report again."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from tests.cli.test_gate import desk, run

__all__ = ["desk"]


def test_a_report_names_what_was_changed(desk: Path, tmp_path: Path) -> None:
    changed = ("--pass", "0.7", "--alpha", "0.05", "--no-probe", "--workarounds", "--seed", "7")
    log, pipeline, one = desk / "main.jsonl", desk / "main.toml", tmp_path / "reports" / "a report"
    done = run("run", log, "-p", pipeline, *changed, "--quiet", "--no-memo", "-o", one)
    assert done.exit_code == 0, done.stderr
    said = json.loads((one / "report.json").read_bytes())["provenance"]["command"]
    assert said == (
        "diagnose run main.jsonl --pipeline main.toml --pass 0.7 --alpha 0.05 --no-probe --workarounds "
        "--seed 7 -o 'reports/a report'"
    )
    first = (one / "report.json").read_bytes()
    names = {"main.jsonl": str(log), "main.toml": str(pipeline), "reports/a report": str(one)}
    assert run(*(names.get(part, part) for part in shlex.split(said)[1:])).exit_code == 0
    assert (one / "report.json").read_bytes() == first


def test_what_is_as_always_is_not_named(desk: Path, tmp_path: Path) -> None:
    assert run("attribute", desk / "main" / "games.jsonl", "-o", tmp_path / "r", "-q").exit_code == 0
    said = json.loads((tmp_path / "r" / "report.json").read_bytes())["provenance"]["command"]
    assert said == "diagnose attribute games.jsonl -o reports/r"
