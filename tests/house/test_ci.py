"""What docs/ci.md says to put into CI works: its commands run, its rules are read."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from diagnose.gate.rules import Rules, rules_of
from tests.conftest import ROOT

DESK = ROOT / "fixtures" / "contract-desk"
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")


def block(mark: str) -> str:
    """The fenced block after a comment."""
    found = re.search(rf"^<!-- {re.escape(mark)} -->\n```\w+\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None, mark
    return found[1]


def commands(text: str) -> list[list[str]]:
    """The `diagnose` commands of a workflow, in order."""
    lines = (line.strip().removeprefix("- ").removeprefix("run: ") for line in text.splitlines())
    return [shlex.split(line)[1:] for line in lines if line.startswith("diagnose ")]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a pipeline, its queries and the baseline of the accepted system."""
    for name in ("corpus.jsonl", "queries.jsonl"):
        shutil.copy(DESK / name, tmp_path / name)
    shutil.copy(DESK / "pipeline-extract.toml", tmp_path / "pipeline.toml")
    for arguments in (
        *commands(block("file: .gitlab-ci.yml"))[:2],
        ["gate", "reports/new", "--update-baseline"],
    ):
        code, output = run(tmp_path, arguments)
        assert code == 0, output
    shutil.rmtree(tmp_path / "reports")
    return tmp_path


def run(folder: Path, arguments: list[str], **more: str) -> tuple[int, str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "DIAGNOSE_CACHE_DIR": str(folder / ".diagnose-cache"),
        **more,
    }
    done = subprocess.run(
        [sys.executable, "-m", "diagnose", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding="utf-8",
    )
    return done.returncode, done.stdout + done.stderr


def narrowed(folder: Path) -> None:
    file = folder / "pipeline.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("budget_tokens = 48", "budget_tokens = 12"), encoding="utf-8")


@pytest.mark.slow
def test_the_github_workflow(repository: Path) -> None:
    *before, gate = commands(block("file: .github/workflows/diagnose.yml"))
    assert gate[0] == "gate"
    github = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": "summary.md", "GITHUB_OUTPUT": "output.txt"}
    output = ""
    for worse, code in ((False, 0), (True, 1)):
        if worse:
            narrowed(repository)
        for arguments in before:
            assert run(repository, arguments)[0] == 0
        found, output = run(repository, gate, **github)
        assert found == code, output
    assert "::error file=pipeline.toml,line=" in output
    for name in ("gate.md", "gate.xml", "gate.sarif", "summary.md"):
        assert (repository / name).stat().st_size > 500
    assert (repository / "output.txt").read_text().endswith("outcome=fail\npassed=false\ntop-stage=packer\n")


@pytest.mark.slow
def test_the_gitlab_job(repository: Path) -> None:
    *before, gate = commands(block("file: .gitlab-ci.yml"))
    narrowed(repository)
    for arguments in before:
        assert run(repository, arguments)[0] == 0
    assert run(repository, gate)[0] == 1
    assert b"<testsuites" in (repository / "gate.xml").read_bytes()
    assert "<title>Gate</title>" in (repository / "gate.html").read_text(encoding="utf-8")


def test_the_rules_are_read() -> None:
    table = tomllib.loads(block("rules"))["tool"]["diagnose"]["gate"]
    rules = rules_of(table, "docs/ci.md")
    usual = Rules()
    for name in ("min_effect", "margin", "alpha", "alpha_others", "on_inconclusive"):
        assert getattr(rules, name) == getattr(usual, name), name
    off = (usual.new_failures, usual.fidelity_any, usual.undecided, usual.cost, usual.latency, usual.tokens)
    assert off == (None,) * 6
    assert (rules.blame, rules.blame_any, rules.fix_alone) == ({"ranker": 0.02}, 0.01, {"packer": 0.03})
    assert rules.cohorts == {("tenant", "acme"): 0.8}
    assert set(table) >= {
        "new_failures",
        "fidelity",
        "undecided",
        "cost",
        "latency",
        "tokens",
        "blame",
        "fix_alone",
        "cohorts",
    }


def test_both_run_the_same_commands() -> None:
    github, gitlab = (
        commands(block(f"file: {name}")) for name in (".github/workflows/diagnose.yml", ".gitlab-ci.yml")
    )
    assert github[:2] == gitlab[:2]
    assert [c[0] for c in github] == ["record", "run", "gate"]
