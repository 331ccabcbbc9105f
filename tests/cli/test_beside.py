"""A report held against a baseline by `run` and `show`: on the page, in Markdown, in the terminal."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.cli.test_gate import desk, run

__all__ = ["desk"]


def flat(text: str) -> str:
    return " ".join(text.split())


def test_a_run_against_a_baseline(desk: Path, tmp_path: Path) -> None:
    log, pipeline, new = desk / "narrow.jsonl", desk / "narrow.toml", tmp_path / "new"
    done = run("run", log, "-p", pipeline, "-o", new, "--baseline", desk / "main")
    assert done.exit_code == 0, done.stderr
    assert "Against main Mean score 0.600 → " in flat(done.stdout)
    page = (new / "report.html").read_text(encoding="utf-8")
    assert '<section id="baseline"' in page
    assert "Against main" in page
    assert "baseline: right" in page
    markdown = (new / "report.md").read_text(encoding="utf-8")
    assert "### Mean score 0.600 → " in markdown
    assert markdown.count("<!-- diagnose -->") == 1
    # The report itself does not depend on what it is held against.
    assert (new / "blame.jsonl").read_bytes() == (desk / "narrow" / "blame.jsonl").read_bytes()
    assert str(tmp_path) not in page
    assert str(desk) not in page


def test_json_stays_one_document(desk: Path, tmp_path: Path) -> None:
    arguments = ("run", desk / "main.jsonl", "-p", desk / "main.toml", "-o", tmp_path / "r")
    done = run(*arguments, "--baseline", desk / "narrow", "--json")
    assert json.loads(done.stdout)["schema"] == "diagnose.report/1"


def test_the_page_of_a_report_is_drawn_again(desk: Path, tmp_path: Path) -> None:
    forms = [tmp_path / name for name in ("page.html", "page.md", "page.json")]
    done = run("show", desk / "narrow", *(part for form in forms for part in ("-o", form)))
    assert done.exit_code == 0, done.stderr
    for form in forms:
        assert form.read_bytes() == (desk / "narrow" / f"report{form.suffix}").read_bytes()


def test_the_failures_as_csv(desk: Path, tmp_path: Path) -> None:
    file = tmp_path / "failures.csv"
    assert run("show", desk / "narrow", "-o", file).exit_code == 0
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, strict=True))
    blames = [json.loads(line) for line in (desk / "narrow" / "blame.jsonl").read_text().splitlines()]
    assert [row["trace_id"] for row in rows] == [blame["trace_id"] for blame in blames]
    assert [float(row["share_packer"] or 0) for row in rows] == [b["shares"].get("packer", 0) for b in blames]
    assert all(row["question"] and row["reference"] for row in rows)


def test_a_report_is_shown_against_a_baseline(desk: Path, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    done = run("show", desk / "narrow", "--baseline", desk / "main", "-o", file)
    assert done.exit_code == 0, done.stderr
    assert "Regressed: " in flat(done.stdout)
    page = file.read_text(encoding="utf-8")
    assert '<a href="#baseline">' in page
    assert "Right then, wrong now" in page
    assert '<section id="baseline"' not in (desk / "narrow" / "report.html").read_text(encoding="utf-8")
    out = run("show", desk / "narrow", "-b", desk / "main", "-o", "-").stdout
    assert out.startswith("<!-- diagnose -->")
    assert "Regressed: " in out
    assert "Which stage is to blame\n" not in out


@pytest.mark.parametrize(
    "arguments, code, told",
    [
        (("show", "narrow", "c06", "-o", "x.html"), 2, "leave the trace id out"),
        (("show", "narrow", "-o", "x.pdf"), 2, ".json, .md, .html, .csv"),
        (("show", "narrow", "--baseline", "nowhere"), 3, "no such file"),
        (
            ("run", "narrow.jsonl", "-p", "narrow.toml", "-o", "new", "--baseline", "main.toml"),
            3,
            "main.toml",
        ),
    ],
)
def test_what_cannot_be_done(
    desk: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, told: str
) -> None:
    monkeypatch.chdir(desk)
    done = run(*arguments)
    assert (done.exit_code, done.stdout) == (code, "")
    assert told in done.stderr
    # A baseline that is no good is refused before the work, not after it.
    assert not (desk / "new" / "report.json").exists()
