"""The gate from the command line, over reports of a real pipeline."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner, Result

from diagnose.cli import app
from tests.conftest import ROOT
from tests.flow.test_sides import written

DESK = ROOT / "fixtures" / "contract-desk"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The contract desk with its extractive reader: the report `main`, and `narrow` with a packer that cuts."""
    folder = tmp_path_factory.mktemp("desk")
    for name in ("corpus.jsonl", "queries.jsonl"):
        shutil.copy(DESK / name, folder / name)
    text = (DESK / "pipeline-extract.toml").read_text(encoding="utf-8")
    (folder / "main.toml").write_text(text, encoding="utf-8")
    narrow = text.replace("budget_tokens = 48", "budget_tokens = 12")
    assert narrow != text
    (folder / "narrow.toml").write_text(narrow, encoding="utf-8")
    for name in ("main", "narrow"):
        pipeline, log = folder / f"{name}.toml", folder / f"{name}.jsonl"
        for arguments in (
            ("record", folder / "queries.jsonl", "-p", pipeline, "-o", log, "-q"),
            ("run", log, "-p", pipeline, "-o", folder / name, "-q"),
        ):
            done = run(*arguments)
            assert done.exit_code == 0, done.stderr
    return folder


def test_an_unchanged_report_passes(desk: Path) -> None:
    done = run("gate", desk / "main", "--baseline", desk / "main")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("Passed: mean score")


def test_a_worse_one_fails_and_names_the_stage(desk: Path) -> None:
    done = run("gate", desk / "narrow", "--baseline", desk / "main")
    assert done.exit_code == 1
    text = " ".join(done.stdout.split())
    assert text.startswith("Failed: mean score")
    assert "The packer: its blame rose by" in text
    assert "it was changed" in text
    assert run("gate", desk / "narrow", "-b", desk / "main", "--exit-zero", "-q").exit_code == 0


def test_a_baseline_file_stands_for_its_report(desk: Path, tmp_path: Path) -> None:
    file = tmp_path / "kept" / "baseline.json"
    done = run("gate", desk / "main", "-b", file, "--update-baseline")
    assert done.exit_code == 0, done.stderr
    assert "the outcomes of 45 traces" in done.stderr
    for query in (desk / "queries.jsonl").read_text(encoding="utf-8").splitlines()[:5]:
        assert json.loads(query)["query"]["text"] not in file.read_text(encoding="utf-8")
    one = json.loads(run("gate", desk / "narrow", "-b", file, "--json").stdout)
    two = json.loads(run("gate", desk / "narrow", "-b", desk / "main", "--json").stdout)
    assert one["outcome"] == two["outcome"] == "fail"
    assert [r["p_value"] for r in one["rules"]] == [r["p_value"] for r in two["rules"]]


def test_without_a_name_the_baseline_is_in_the_folder(
    desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("gate", desk / "main").exit_code == 3
    assert run("gate", desk / "main", "--update-baseline").exit_code == 0
    assert (tmp_path / "diagnose-baseline.json").is_file()
    assert run("gate", desk / "main", "-q").exit_code == 0


def test_every_form_by_its_suffix(desk: Path, tmp_path: Path) -> None:
    names = ("g.json", "g.md", "g.html", "g.xml", "g.sarif")
    outputs = [part for name in names for part in ("-o", tmp_path / "out" / name)]
    done = run("gate", desk / "narrow", "-b", desk / "main", "-p", desk / "narrow.toml", "-q", *outputs)
    assert done.exit_code == 1
    assert done.stdout == ""
    out = tmp_path / "out"
    verdict = json.loads((out / "g.json").read_text(encoding="utf-8"))
    assert (verdict["schema"], verdict["outcome"], verdict["stage"]) == ("diagnose.gate/1", "fail", "packer")
    assert (out / "g.md").read_text(encoding="utf-8").startswith("<!-- diagnose -->")
    assert "<title>Gate</title>" in (out / "g.html").read_text(encoding="utf-8")
    suites = ElementTree.parse(out / "g.xml").getroot()  # noqa: S314  # our own file
    assert "packer" in {suite.get("name") for suite in suites}
    [result] = json.loads((out / "g.sarif").read_text(encoding="utf-8"))["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]
    line = (desk / "narrow.toml").read_text(encoding="utf-8").splitlines()[place["region"]["startLine"] - 1]
    assert line == "[stages.packer]"


def test_github_gets_annotations_summary_and_outputs(
    desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output.txt"))
    monkeypatch.chdir(desk)
    done = run("gate", "narrow", "-b", "main", "-p", "narrow.toml", "-q")
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert lines[0].startswith("::error file=narrow.toml,line=")
    assert len(lines) == 10
    assert (tmp_path / "output.txt").read_text() == "outcome=fail\npassed=false\ntop-stage=packer\n"
    assert "Failed: mean score" in (tmp_path / "summary.md").read_text(encoding="utf-8")
    document = run("gate", "narrow", "-b", "main", "--json")
    assert json.loads(document.stdout)["outcome"] == "fail"
    assert "::error " in document.stderr
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "no" / "summary.md"))
    assert "GITHUB_STEP_SUMMARY could not be written" in run("gate", "main", "-b", "main").stderr


def test_inconclusive_ends_as_it_is_told(tmp_path: Path) -> None:
    before, after = written(tmp_path / "before", 100, 10), written(tmp_path / "after", 100, 14)
    done = run("gate", after, "-b", before)
    assert done.exit_code == 6
    assert "Inconclusive: mean score 0.900 → 0.860" in " ".join(done.stdout.split())
    assert "about " in done.stdout
    for outcome, code in (("pass", 0), ("fail", 1), ("inconclusive", 6)):
        assert run("gate", after, "-b", before, "-q", "--on-inconclusive", outcome).exit_code == code
    assert run("gate", after, "-b", before, "-q", "--on-inconclusive", "maybe").exit_code == 2


def test_rules_from_files_and_flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = written(tmp_path / "before", 100, 10), written(tmp_path / "after", 100, 14)
    monkeypatch.chdir(tmp_path)
    assert run("gate", after, "-b", before, "-q", "--margin", 0.2).exit_code == 0
    (tmp_path / "pyproject.toml").write_text("[tool.diagnose.gate]\nmargin = 0.2\n")
    assert run("gate", after, "-b", before, "-q").exit_code == 0
    assert run("gate", after, "-b", before, "-q", "--rule", "margin=5pp").exit_code == 6
    assert run("gate", after, "-b", before, "-q", "--rule", "new_failures=0").exit_code == 1
    assert run("gate", after, "-b", before, "-q", "--new-only").exit_code == 1
    assert run("gate", before, "-b", before, "-q", "--new-only").exit_code == 0
    rules = tmp_path / "gate.toml"
    rules.write_text("margin = 0.3\nnew_failures = 9\n")
    assert run("gate", after, "-b", before, "-q", "--config", rules).exit_code == 0
    done = run("gate", after, "-b", before, "--rule", "blam.ranker=1")
    assert done.exit_code == 2
    assert done.stderr == 'error: --rule "blam": no such rule; did you mean blame?\n'


def test_bad_input_is_one_sentence(desk: Path, tmp_path: Path) -> None:
    other = written(tmp_path / "other", 30, 3)
    empty = tmp_path / "empty.json"
    empty.write_text("{}")
    old = tmp_path / "old.json"
    old.write_text('{"schema": "diagnose.baseline/0"}')
    cases = (
        (("gate", other, "-b", desk / "main", "--allow", "scorer"), 3, "no common traces"),
        (("gate", other, "-b", empty), 3, 'schema: expected "diagnose.report/1", found nothing'),
        (("gate", other, "-b", old), 3, 'found "diagnose.baseline/0"'),
        (("gate", other, "-b", tmp_path / "none"), 3, "no such file"),
        (("gate", other, "-b", other, "-o", "x.pdf"), 2, "expected a name that ends in .json, .md"),
        (("gate", other, "-b", other, "--allow", "all"), 2, "allow: expected a list of scorer"),
        (("gate", other, "-b", other, "--update-baseline"), 2, "--update-baseline writes one file"),
        (("gate", other, "-b", other, "-p", tmp_path / "none.toml"), 2, "none.toml: cannot be read"),
    )
    for arguments, code, message in cases:
        done = run(*arguments)
        assert done.exit_code == code, (arguments, done.stderr)
        assert message in done.stderr
        assert done.stderr.count("\n") == 1
        assert done.stdout == ""


def test_a_lost_trace_is_no_pass(tmp_path: Path) -> None:
    before, after = written(tmp_path / "before", 100, 10), written(tmp_path / "after", 99, 10)
    done = run("gate", after, "-b", before)
    assert done.exit_code == 3
    assert "missing from the report: 1 trace" in done.stderr
    assert run("gate", after, "-b", before, "-q", "--allow", "missing").exit_code == 0


def test_the_same_command_gives_the_same_bytes(desk: Path) -> None:
    one, two = (run("gate", desk / "narrow", "-b", desk / "main", "--json").stdout_bytes for _ in range(2))
    assert one == two
    assert str(desk).encode() not in one
    assert os.fsencode(str(Path.home())) not in one
