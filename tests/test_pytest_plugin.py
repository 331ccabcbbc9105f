"""The plug-in in a pytest of its own, over the contract desk."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow

DESK = ROOT / "fixtures" / "contract-desk"
MARKED = """
import pytest

@pytest.mark.diagnose(pipeline="pipeline.toml", queries="queries.jsonl"{more})
def test_desk({fixture}):
    {body}
"""


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """The desk with its extractive reader, and a marked test."""
    for name in ("corpus.jsonl", "queries.jsonl"):
        shutil.copy(DESK / name, tmp_path / name)
    shutil.copy(DESK / "pipeline-extract.toml", tmp_path / "pipeline.toml")
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    marked(tmp_path)
    return tmp_path


def marked(folder: Path, more: str = "", fixture: str = "", body: str = "pass") -> None:
    text = MARKED.format(more=more, fixture=fixture, body=body)
    (folder / "test_desk.py").write_text(text, encoding="utf-8")


def run_pytest(folder: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and output of pytest with the plug-in, and no other."""
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)}
    program = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "pytest",
        "-p",
        "diagnose.pytest_plugin",
        "--strict-markers",
    ]
    done = subprocess.run(
        [*program, *arguments], cwd=folder, env=environment, capture_output=True, encoding="utf-8"
    )
    return done.returncode, done.stdout + done.stderr


def narrowed(folder: Path) -> None:
    file = folder / "pipeline.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("budget_tokens = 48", "budget_tokens = 12"), encoding="utf-8")


def test_a_regression_fails_with_its_blame(desk: Path) -> None:
    code, output = run_pytest(desk)
    assert code == 1
    assert "no baseline yet: write it with  pytest --diagnose-update-baseline" in output
    assert run_pytest(desk, "--diagnose-update-baseline")[0] == 0
    assert (desk / "diagnose-baseline.json").is_file()
    code, output = run_pytest(desk)
    assert code == 0, output
    narrowed(desk)
    code, output = run_pytest(desk)
    assert code == 1
    assert "Failed: mean score" in output
    assert "The packer: its blame rose by" in output
    assert "Regressed: " in output
    assert "Traceback" not in output


def test_the_fixture_gives_report_and_verdict(desk: Path) -> None:
    marked(
        desk,
        ', baseline="kept.json", margin=0.5',
        "diagnosis",
        "assert diagnosis.report.n_traces == 45 and diagnosis.rules.margin == 0.5\n"
        "    assert diagnosis.verdict is None or 'Passed' in diagnosis.message",
    )
    assert run_pytest(desk, "--diagnose-update-baseline")[0] == 0
    assert (desk / "kept.json").is_file()
    code, output = run_pytest(desk)
    assert code == 0, output
    other = desk / "elsewhere.json"
    shutil.copy(desk / "kept.json", other)
    (desk / "kept.json").unlink()
    code, output = run_pytest(desk, "--diagnose-baseline", "elsewhere.json")
    assert code == 0, output


@pytest.mark.parametrize(
    "more, message",
    [
        (', blam="1pp"', "no such rule; did you mean blame?"),
        (', queries="none.jsonl"', "keyword argument repeated"),
    ],
)
def test_a_wrong_marker_is_one_sentence(desk: Path, more: str, message: str) -> None:
    marked(desk, more)
    code, output = run_pytest(desk)
    assert code in (1, 2)
    assert message in output


def test_the_fixture_needs_the_marker(desk: Path) -> None:
    (desk / "test_desk.py").write_text("def test_desk(diagnosis):\n    pass\n")
    code, output = run_pytest(desk)
    assert code == 1
    assert "needs @pytest.mark.diagnose(pipeline=..., queries=...)" in output


def test_a_test_without_the_marker_is_let_be(desk: Path) -> None:
    (desk / "test_desk.py").write_text("def test_desk():\n    pass\n")
    assert run_pytest(desk)[0] == 0
    help_text = run_pytest(desk, "--markers")[1]
    assert "@pytest.mark.diagnose(pipeline, queries, baseline=..., **rules)" in help_text


def test_the_entry_point_is_declared() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"diagnose": "diagnose.pytest_plugin"}
