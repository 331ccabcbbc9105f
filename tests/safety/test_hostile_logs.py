"""Hostile texts in every field of a log, through the commands, into every form that comes out."""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ET
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.cli.desks import command, files, logged
from tests.report.hostile import TEXTS, commands

pytestmark = pytest.mark.slow
SHORT = {name: text for name, text in TEXTS.items() if text and len(text) < 10_000}
IDS = [
    "../../escaped",
    "/etc/escaped",
    "..",
    "a/../../b",
    "q\x00x",
    "C:\\escaped",
    "~/escaped",
    "-o",
    "$(touch escaped)",
]
CELLS = ["=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(A1)", "\t=1+1", "\r=1"]


class Shape(HTMLParser):
    """The tags and attributes of a page, without its texts."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.handlers: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action", "data")]


def shape_of(page: str) -> Shape:
    shape = Shape()
    shape.feed(page)
    shape.close()
    return shape


def laced(log: Path, text: str, name: str | None = None) -> Path:
    """A copy of a log with the text in every free field (and as the first trace's id)."""
    made = log.with_name("laced.jsonl")
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    for i, row in enumerate(rows):
        row["query"]["history"] = [{"role": "user", "content": text}]
        row["tags"] = {"tenant": text, text[:40] or "x": "y"}
        row["provenance"] = {"source": text, "id": text}
        for step in row["steps"]:
            step["name"] = text
        for passage in row["gold"].get("passages", []):
            passage["title"] = text
        row["gold"]["answers"].append(text)
        row["steps"][-1]["output"]["text"] = text + " - I do not know"
        if i == 0 and name is not None:
            row["trace_id"] = name
    made.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return made


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return logged(tmp_path_factory.mktemp("desk"), most=4)


def out_of(log: Path, folder: Path) -> Path:
    done = command("run", log, "-p", log.with_name("pipeline.toml"), "-o", folder, "--fidelity-floor", 0)
    assert done.exit_code in (0, 6), done.stderr
    assert list(commands(done.stdout + done.stderr)) == []
    return folder


@pytest.fixture(scope="module")
def plain(log: Path, tmp_path_factory: pytest.TempPathFactory) -> Shape:
    out = out_of(laced(log, "plain"), tmp_path_factory.mktemp("plain") / "out")
    return shape_of((out / "report.html").read_text())


@pytest.mark.parametrize(
    "text", [*SHORT.values(), *CELLS], ids=[*SHORT, *(f"cell {i}" for i in range(len(CELLS)))]
)
def test_no_form_obeys_it(log: Path, tmp_path: Path, plain: Shape, text: str) -> None:
    out = out_of(laced(log, text, text[:30]), tmp_path / "out")
    first = json.loads((out / "blame.jsonl").read_text().split("\n")[0])["trace_id"]
    for suffix in (".xml", ".sarif", ".md", ".html", ".json"):
        gate = command("gate", out, "--baseline", out, "-o", tmp_path / f"gate{suffix}", "--seed", 1)
        assert gate.exit_code in (0, 1, 6), gate.stderr
        assert list(commands(gate.stdout + gate.stderr)) == []
    for arguments in (("show", out), ("show", out, first), ("show", out, "-o", tmp_path / "failures.csv")):
        shown = command(*arguments)
        assert list(commands(shown.stdout + shown.stderr)) == [], arguments
    ET.fromstring((tmp_path / "gate.xml").read_bytes())  # noqa: S314  our own output
    json.loads((tmp_path / "gate.sarif").read_bytes())
    for path in (out / "report.md", tmp_path / "gate.md"):
        assert list(commands(path.read_text())) == []
        assert "<script" not in path.read_text()
    for path in (out / "report.html", tmp_path / "gate.html"):
        shape = shape_of(path.read_text())
        assert shape.handlers == []
        assert set(shape.tags) <= set(plain.tags), "no tag that a plain log's page has not"
        assert shape.tags["script"] <= plain.tags["script"]
        assert [link for link in shape.links if not link.startswith(("#", "data:"))] == []
    for row in csv.reader(io.StringIO((tmp_path / "failures.csv").read_text())):
        assert not [cell for cell in row if cell[:1] in "=+-@\t\r" and cell and not _number(cell)], row
    for name, body in files(out).items():
        if name.endswith((".json", ".jsonl")):
            for line in body.decode().split("\n") if name.endswith("l") else [body.decode()]:
                assert not line or json.loads(line)


def _number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("name", IDS)
def test_an_id_is_a_text_and_never_a_path(log: Path, tmp_path: Path, name: str) -> None:
    before = set(tmp_path.rglob("*"))
    home = tmp_path / "deep" / "er"
    home.mkdir(parents=True)
    out = out_of(laced(log, "plain", name), home / "out")
    command("show", out, "--", name)
    command("show", out, "-o", home / "page.html")
    made = set(tmp_path.rglob("*")) - before
    outside = [p for p in made if p not in (home, home.parent) and home not in p.parents]
    assert outside == []
    assert not [path for path in made if "escaped" in path.name or path.name in ("b", "..")]


def test_a_link_in_the_report_folder_is_replaced_not_followed(log: Path, tmp_path: Path) -> None:
    victim, out = tmp_path / "victim", tmp_path / "out"
    victim.write_text("precious")
    out.mkdir()
    for name in ("report.json", "report.html", "report.md", "unfinished.json", "games.jsonl", "blame.jsonl"):
        (out / name).symlink_to(victim)
    out_of(laced(log, "plain"), out)
    assert victim.read_text() == "precious"
