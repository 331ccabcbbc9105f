"""Makes what `reports/` holds out of the fixtures: `make specimens`.

The embedded model's answers are in `answers.jsonl` beside this file, under the keys of the memo, so that nothing
is asked of it again; an answer that is missing (its stage was changed) is asked for and kept. Delete the file to ask
for all of them: some minutes.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from typer.testing import CliRunner

from diagnose.cli import app
from diagnose.cli.session import say
from diagnose.core.artifact import Answer
from diagnose.replay.memo import Memo
from tests.conftest import ROOT

DESK = ROOT / "fixtures" / "contract-desk"
REPORTS = ROOT / "reports"
ANSWERS = Path(__file__).with_name("answers.jsonl")
FOLDERS = ("contract-desk", "log-alone", "wide-window")
PAGES = ("report.html", "report.json", "report.md")
WHOLE = (*PAGES, "blame.jsonl", "games.jsonl", "replays.jsonl", "outcomes.jsonl")
SHOWN = {"report.txt": (), "c28.txt": ("c28",)}
"""Files that hold what `diagnose show` prints of the contract desk, 100 columns wide."""


class Kept(msgspec.Struct, frozen=True):
    """An answer of the model under its key in the memo."""

    key: str
    output: Answer


def make_model_free(folder: Path, work: Path) -> None:
    """The specimens that need no weights: a log alone, and a wider window against a narrow one."""
    _diagnose("run", DESK / "traces.jsonl", "-o", work / "log-alone")
    _copy(work / "log-alone", folder / "log-alone", PAGES)
    for name in ("extract", "wide"):
        pipeline, log = DESK / f"pipeline-{name}.toml", work / f"traces-{name}.jsonl"
        _diagnose("record", DESK / "queries.jsonl", "-p", pipeline, "--no-timing", "-o", log)
    narrow, wide, new = work / "narrow-window", work / "wide-window", folder / "wide-window"
    _diagnose("run", work / "traces-extract.jsonl", "-p", DESK / "pipeline-extract.toml", "-o", narrow)
    _diagnose(
        *("run", work / "traces-wide.jsonl", "-p", DESK / "pipeline-wide.toml", "-o", wide),
        *("--baseline", narrow),
    )
    _copy(wide, new, PAGES)
    forms = [part for form in ("html", "json", "md") for part in ("-o", new / f"comparison.{form}")]
    _diagnose("compare", narrow, wide, *forms)


def make_with_model(folder: Path, work: Path) -> None:
    """The specimen of the embedded model: a whole report folder, and what the terminal shows of it."""
    desk = work / "contract-desk"
    _give_answers()
    _diagnose("run", DESK / "traces.jsonl", "-p", DESK / "pipeline.toml", "-o", desk)
    _copy(desk, folder / "contract-desk", WHOLE)
    for name, arguments in SHOWN.items():
        text = _diagnose("show", desk, *arguments, "--width", 100, quiet=False)
        text = text.replace(str(work), "reports")
        (folder / "contract-desk" / name).write_text(text, encoding="utf-8")


def _memo_file() -> Path:
    return Path(os.environ["DIAGNOSE_CACHE_DIR"]) / "memo.sqlite"


def _give_answers() -> None:
    """Put the kept answers into the memo."""
    memo = Memo(_memo_file())
    for line in ANSWERS.read_bytes().splitlines() if ANSWERS.is_file() else ():
        one = msgspec.json.decode(line, type=Kept)
        memo.put(one.key, one.output)
    memo.close()


def _keep_answers() -> None:
    """Keep the answers that are in the memo now: those that were given, and what had to be asked besides."""
    with closing(sqlite3.connect(_memo_file())) as db:
        rows = db.execute("SELECT key, output FROM runs ORDER BY key").fetchall()
    outputs = [(key, msgspec.json.decode(output)) for key, output in rows]
    answers = [
        Kept(key, msgspec.convert(o, Answer)) for key, o in outputs if "text" in o and "passages" not in o
    ]
    ANSWERS.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in answers))


def _diagnose(*arguments: object, quiet: bool = True) -> str:
    done = CliRunner().invoke(app, [*map(str, arguments), *(["-q"] if quiet else [])])
    if done.exit_code:
        raise RuntimeError(f"{arguments}: {done.output}")
    return done.stdout


def _copy(source: Path, target: Path, names: tuple[str, ...]) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for name in names:
        shutil.copy(source / name, target / name)


def _screenshots(folder: Path) -> None:
    """The top of the page as the README shows it, light and dark."""
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import ARGUMENTS

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme=scheme)
            page.goto((folder / "report.html").as_uri())
            page.screenshot(path=folder / f"report-{scheme}.png")
        browser.close()


def main() -> None:
    """Make all of them anew, where they are."""
    with TemporaryDirectory() as work:
        os.environ["DIAGNOSE_CACHE_DIR"] = str(Path(work) / "without-model")
        make_model_free(REPORTS, Path(work))
        os.environ["DIAGNOSE_CACHE_DIR"] = str(Path(work) / "with-model")
        make_with_model(REPORTS, Path(work))
        _keep_answers()
    if shutil.which("chromium"):
        _screenshots(REPORTS / "contract-desk")
    else:
        say("chromium is not installed: the screenshots stay as they are")


if __name__ == "__main__":
    main()
