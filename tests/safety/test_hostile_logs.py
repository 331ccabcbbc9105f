"""Hostile texts in every field of a log, through the commands, into every form that comes out."""

from __future__ import annotations

import csv
import io
import json
import re
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


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two logs with 12 questions: one whose ids, fields and corpus are hostile texts, each another, and a plain one."""
    hostile = [*SHORT.values(), *CELLS]
    made = []
    for name in ("hostile", "plain"):
        log = logged(tmp_path_factory.mktemp(name) / "desk", most=12)
        corpus = log.with_name("corpus.jsonl")
        passages = [json.loads(line) for line in corpus.read_text().splitlines()]
        rows = [json.loads(line) for line in log.read_text().splitlines()]
        for i, passage in enumerate(passages):
            # A corpus with half a surrogate pair is refused, in a sentence.
            text = (
                hostile[i % len(hostile)].encode("utf-8", "ignore").decode() if name == "hostile" else "plain"
            )
            passage |= {"title": text, "text": f"{passage['text']} {text}", "tags": {text[:40] or "x": text}}
        for i, row in enumerate(rows):
            text = hostile[i % len(hostile)] if name == "hostile" else "plain"
            row |= {"trace_id": f"{text[:60]} {i}", "tags": {"tenant": text}}
            row["query"]["history"] = [{"role": "user", "content": text}]
        corpus.write_text("".join(json.dumps(one) + "\n" for one in passages))
        for path in (log, log.with_name("queries.jsonl")):
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        worse = log.with_name("pipeline.toml").read_text().replace('"own:rank"', '"own:rank_worst_first"')
        log.with_name("pipeline.toml").write_text(worse)
        log.with_name("better.toml").write_text(worse.replace('"own:rank_worst_first"', '"own:rank"'))
        made.append(log)
    return made[0], made[1]


SWEEP = ("--sweep", "stages.packer.budget_tokens=40,80")


def forms_of(log: Path, out: Path) -> dict[str, bytes]:
    """What the commands beside `run`, `gate` and `show` write and say of a log."""
    pipeline, better = log.with_name("pipeline.toml"), log.with_name("better.toml")
    swaps = [part for suffix in ("json", "md", "html") for part in ("-o", out / f"swaps.{suffix}")]
    changes = [part for suffix in ("json", "md", "html") for part in ("-o", out / f"changes.{suffix}")]
    floor = ("--fidelity-floor", 0)
    said: dict[str, bytes] = {}
    for line in (
        ("run", log, "-p", pipeline, "-o", out / "report", *floor, *SWEEP),
        ("run", log, "-p", better, "-o", out / "better", *floor, "--baseline", out / "report"),
        ("budget", log, "-p", pipeline, "-o", out / "budget", *SWEEP),
        ("compare", pipeline, better, "--traces", log, *swaps),
        ("compare", out / "report", out / "better", *changes),
        ("trust", log, "-p", better, "--fault", "lose-gold", "--attach", out / "better"),
        ("annotate", out / "report", "--to", out / "annotations.jsonl"),
        ("convert", log, "-o", out / "converted.jsonl"),
        ("check", log),
        ("show", out / "better", "--baseline", out / "report", "-o", out / "beside.html"),
    ):
        done = command(*line)
        assert done.exit_code in (0, 1, 6), (line, done.stderr)
        said[f"what {line[0]} says, {len(said)}"] = done.stdout_bytes + done.stderr_bytes
    return said | {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()}


def test_no_other_command_obeys_them_either(wide: tuple[Path, Path], tmp_path: Path) -> None:
    hostile, plain = (forms_of(log, tmp_path / name) for log, name in zip(wide, "hp", strict=True))
    pages = [name for name in hostile if name.endswith(".html")]
    assert sorted(pages) == sorted(name for name in plain if name.endswith(".html"))
    assert len(pages) == 7
    for name, body in hostile.items():
        text = body.decode()
        if name.endswith(".html"):
            shape, model = shape_of(text), shape_of(plain[name].decode())
            assert shape.handlers == [], name
            assert set(shape.tags) <= set(model.tags), name
            assert shape.tags["script"] <= model.tags["script"], name
            assert [link for link in shape.links if not link.startswith(("#", "data:"))] == [], name
        elif name.endswith((".json", ".jsonl")):
            for line in text.split("\n") if name.endswith("l") else [text]:
                assert not line or json.loads(line), name
        elif not name.endswith(".toml"):
            assert list(commands(text)) == [], name
            assert "<script" not in re.sub(r"(`+).*?\1", "", text) or not name.endswith(".md"), name
