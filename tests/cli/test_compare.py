from __future__ import annotations

import json
from pathlib import Path

from tests.cli.test_gate import desk, run

__all__ = ["desk"]


def test_two_reports(desk: Path, tmp_path: Path) -> None:
    outputs = [part for name in ("c.json", "c.md", "c.html") for part in ("-o", tmp_path / name)]
    done = run("compare", desk / "main", desk / "narrow", *outputs)
    assert done.exit_code == 0, done.stderr
    text = " ".join(done.stdout.split())
    assert text.startswith("Mean score 0.600 → ")
    for told in ("What changed", "Blame by stage", "packer changed", "Regressed: ", "passed packer"):
        assert told in text
    found = json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))
    assert found["schema"] == "diagnose.comparison/1"
    assert [c["what"] for c in found["changed"]] == ["packer"]
    assert (tmp_path / "c.md").read_text(encoding="utf-8").startswith("<!-- diagnose -->")
    assert "<title>main and narrow</title>" in (tmp_path / "c.html").read_text(encoding="utf-8")
    assert json.loads(run("compare", desk / "main", desk / "narrow", "--json").stdout) == found


def test_two_pipelines(desk: Path, tmp_path: Path) -> None:
    done = run(
        *("compare", desk / "main.toml", desk / "narrow.toml", "--traces", desk / "queries.jsonl"),
        *("-o", tmp_path / "s.json", "-o", tmp_path / "s.md"),
    )
    assert done.exit_code == 0, done.stderr
    text = " ".join(done.stdout.split())
    assert "the packer lost" in text
    assert "Reverting the packer wins it back." in text
    found = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    assert found["schema"] == "diagnose.swap/1"
    assert abs(sum(s["share"] for s in found["shares"]) - (found["after"] - found["before"])) <= 1e-12
    assert set(found["worth"]) == {"", "packer"}
    assert str(desk) not in (tmp_path / "s.json").read_text(encoding="utf-8")
    few = run(
        "compare",
        desk / "main.toml",
        desk / "narrow.toml",
        "-t",
        desk / "queries.jsonl",
        "--queries",
        5,
        "--json",
    )
    assert json.loads(few.stdout)["n"] == 5


def test_what_cannot_be_compared(desk: Path, tmp_path: Path) -> None:
    main, queries = desk / "main.toml", desk / "queries.jsonl"
    other = desk / "exact.toml"
    other.write_text(main.read_text(encoding="utf-8").replace('"contains"', '"exact"'), encoding="utf-8")
    cases = (
        (("compare", main, desk / "narrow.toml"), 2, "give --traces FILE"),
        (("compare", main, desk / "main"), 2, "found one of each"),
        (("compare", desk / "main", desk / "narrow", "-t", queries), 2, "--traces is for two pipelines"),
        (("compare", main, main, "-t", queries), 2, "do not differ in any stage"),
        (("compare", main, other, "-t", queries), 3, "different [score] tables"),
        (("compare", desk / "main", tmp_path), 3, "no such file"),
        (
            ("compare", main, desk / "narrow.toml", "-t", queries, "-o", "x.xml"),
            2,
            "ends in .json, .md, .html",
        ),
    )
    for arguments, code, message in cases:
        done = run(*arguments)
        assert done.exit_code == code, (arguments, done.stderr)
        assert message in done.stderr
        assert done.stdout == ""
    allowed = run("compare", main, other, "-t", queries, "--allow", "scorer")
    assert "do not differ in any stage" in allowed.stderr
