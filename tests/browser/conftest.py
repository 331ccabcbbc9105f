"""A real browser, and pages for it to open."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from diagnose.cli.catalogue import entries
from diagnose.report.to_html import Baseline, html_report
from tests.browser.made_log import compared_with, made_log
from tests.conftest import ROOT

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE = ROOT / ".npm" / "node_modules" / "axe-core" / "axe.min.js"
Open = Callable[..., Any]


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """Headless Chromium, Debian's own. While it is open an event loop runs, so it closes with the last of its
    tests."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("playwright is not installed: run  make test")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def opened(browser: Any) -> Iterator[Open]:
    """Opens a page in a context of its own; at the end nothing may have left the page or gone wrong in it."""
    contexts: list[Any] = []
    seen: list[str] = []

    def open_page(file: Path, fragment: str = "", width: int = 1280, **context: object) -> Any:
        made = browser.new_context(viewport={"width": width, "height": 800}, **context)
        contexts.append(made)
        page = made.new_page()
        page.on("pageerror", lambda error: seen.append(f"error: {error}"))
        page.on("console", lambda message: seen.append(f"{message.type}: {message.text}"))
        page.on("dialog", lambda dialog: (seen.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: seen.append(f"request: {request.url}"))
        page.goto(file.as_uri() + fragment)
        own = f"request: {file.as_uri()}"
        seen[:] = [line for line in seen if line.partition("#")[0] != own]
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [line for line in seen if not line.startswith("request: data:,")] == []


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for pages."""
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="session")
def page_file(pages: Path) -> Path:
    """The page of 50 failures, some of them hostile, against a baseline."""
    now, then = made_log(50), made_log(60, seed=3)
    baseline = Baseline(then.report, compared_with(now, then))
    return write(pages / "fifty.html", html_report(*now, entries(), baseline, "reports/handbook"))


@pytest.fixture(scope="session")
def small_page_file(pages: Path) -> Path:
    """The page of 16 failures against a baseline."""
    now, then = made_log(16), made_log(20, seed=3)
    baseline = Baseline(then.report, compared_with(now, then))
    return write(pages / "sixteen.html", html_report(*now, entries(), baseline, "reports/handbook"))


@pytest.fixture(scope="session")
def big_page_file(pages: Path) -> Path:
    """The page of 1,500 failures."""
    return write(pages / "many.html", html_report(*made_log(1500), entries()))


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core."""
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: npm install --no-save --prefix .npm axe-core")
    return AXE.read_text(encoding="utf-8")


def write(file: Path, text: str) -> Path:
    """Write a page as a report folder has it."""
    file.write_bytes(text.encode())
    return file
