"""`diagnose demo` on the shipped fixtures, with the reader that needs no weights."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.cli.desks import OUTPUTS, command, files, refused
from tests.conftest import ROOT

DESK = ROOT / "fixtures" / "contract-desk"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIAGNOSE_CACHE_DIR", str(tmp_path / "cache"))


def test_the_whole_story(tmp_path: Path) -> None:
    done = command("demo", "--no-model", "-o", tmp_path / "demo")
    assert done.exit_code == 0, done.stderr
    assert {*OUTPUTS, "traces.jsonl"} <= set(files(tmp_path / "demo"))
    report = json.loads((tmp_path / "demo" / "report.json").read_bytes())
    assert report["n_failures"] > 0
    assert report["ranking"]
    assert report["headline"].split(":")[0] in done.stdout.replace("\n", " ")
    assert "diagnose show" in done.stderr
    first = files(tmp_path / "demo")
    again = command("demo", "--no-model", "-o", tmp_path / "demo", "--no-memo", "--quiet")
    assert (again.exit_code, again.output) == (0, "")
    assert files(tmp_path / "demo") == first


def test_without_the_fixtures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # By its name: the package has the command where the module would be.
    monkeypatch.setattr(sys.modules["diagnose.cli.demo"], "DESK", "no-such-desk")
    refused(
        command("demo", "-o", tmp_path / "demo"),
        3,
        "the shipped fixtures are not in",
        "install diagnose again",
    )


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused(command("demo", "--no-model", "-o", tmp_path / "file"), 2, "cannot be written")
