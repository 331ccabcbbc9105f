"""How big the page of many failures is, how long it takes to write, to load and to filter.

    python benchmarks/bench_page.py [FAILURES ...]        # 50 500 5000

The logs are made by seed (`tests/browser/made_log.py`: a made-up handbook with planted faults, twelve passages a
trace). Each page is written in a process of its own from a report folder on disk, as `diagnose run` writes it; what
reading the folder takes by itself is told apart. Headless Chromium then opens it from disk: until it can be used, a
filter, the first search (which reads every text) and the next one, each the median of `TIMES`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from itertools import chain
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
TIMES = 5
FILTER = """([name, value]) => new Promise((done) => {
  const field = document.forms.filters.elements[name], shown = document.getElementById("shown");
  const started = performance.now();
  new MutationObserver((_, observer) => {
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - started - 120)));
  }).observe(shown, { childList: true, characterData: true, subtree: true });
  field.value = value;
  field.dispatchEvent(new Event("input", { bubbles: true }));
})"""
"""The page waits 120 ms for the next letter before it filters: that is taken off."""


def make_folder(folder: Path, n_failures: int) -> None:
    """A report folder of so many failures, without its pages."""
    from diagnose.report.to_json import json_report
    from diagnose.traces.to_jsonl import write_jsonl
    from tests.browser.made_log import made_log

    made = made_log(n_failures, hostile=False)
    folder.mkdir(parents=True)
    write_jsonl(folder / "blame.jsonl", made.blames)
    write_jsonl(folder / "games.jsonl", made.games)
    write_jsonl(folder / "replays.jsonl", made.cases)
    (folder / "report.json").write_bytes(json_report(made.report))


def write(folder: Path, pages: bool) -> None:
    """Print seconds and the peak of memory (MB) of reading a folder, and of writing its pages."""
    from diagnose.cli.catalogue import entries
    from diagnose.cli.outputs import rows_of, write_pages
    from diagnose.report.to_json import read_report

    entries()
    started = time.perf_counter()
    report = read_report(folder)
    blames, games, cases = rows_of(folder)
    if pages:
        write_pages(folder, report, blames, games, cases)
    else:
        deque(chain(games, cases), maxlen=0)
    seconds = time.perf_counter() - started
    # Not ru_maxrss, which a process inherits from the one that started it.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    sys.stdout.write(f"{seconds:.2f} {peak / 1024:.0f}\n")


def measured(folder: Path, what: str) -> tuple[float, float]:
    """The seconds and megabytes of a process of its own."""
    arguments = [sys.executable, __file__, what, str(folder)]
    done = subprocess.run(arguments, check=True, capture_output=True, text=True)  # noqa: S603 (ourselves)
    seconds, megabytes = done.stdout.split()
    return float(seconds), float(megabytes)


def browsed(page_file: Path) -> list[float]:
    """Milliseconds until the page can be used, of a filter, of the first search and of the next."""
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import ARGUMENTS

    found: list[list[float]] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        for _ in range(TIMES):
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.goto(page_file.as_uri())
            load = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
            asked = (("verdict", "packer"), ("verdict", ""), ("q", "monitor"), ("q", "receipt"))
            took = [page.evaluate(FILTER, list(one)) for one in asked]
            found.append([load, took[0], *took[2:]])
            page.close()
        browser.close()
    return [median(column) for column in zip(*found, strict=True)]


def main(sizes: list[int]) -> None:
    """Print a row for each number of failures."""
    head = "failures,MB,read s,read MB,write s,write MB,usable ms,filter ms,first search ms,search ms"
    sys.stdout.write(head.replace(",", "\t") + "\n")
    with tempfile.TemporaryDirectory() as work:
        for n in sizes:
            folder = Path(work) / f"log-{n}"
            make_folder(folder, n)
            read, written = measured(folder, "--read"), measured(folder, "--write")
            file = folder / "report.html"
            cells = [f"{n}", f"{file.stat().st_size / 1e6:.2f}", *(f"{x:.1f}" for x in (*read, *written))]
            cells += [f"{x:.0f}" for x in browsed(file)]
            sys.stdout.write("\t".join(cells) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1:2] in (["--read"], ["--write"]):
        write(Path(sys.argv[2]), sys.argv[1] == "--write")
    else:
        main([int(n) for n in sys.argv[1:]] or [50, 500, 5000])
