"""The report as axe-core sees it: no violation of the rules for people who see, hear or move otherwise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.browser.conftest import Open
from tests.specimens.make import FOLDERS, REPORTS

pytestmark = pytest.mark.browser

SPECIMENS = sorted(
    file.relative_to(REPORTS).as_posix() for name in FOLDERS for file in REPORTS.glob(f"{name}/*.html")
)
RUN = """async () => {
    const found = await axe.run(document, { resultTypes: ["violations", "incomplete"] });
    return found.violations.map((v) => `${v.impact} ${v.id}: ${v.nodes.length} × ${v.nodes[0].html.slice(0, 200)} `
        + v.nodes[0].failureSummary);
}"""


@pytest.mark.parametrize(
    "scheme, width, fragment",
    [
        ("light", 1280, ""),
        ("dark", 1280, ""),
        ("light", 400, "#trace=q012"),
        ("dark", 400, "#trace=q012"),
        ("light", 1280, "#def-report.ranking.share"),
    ],
)
def test_no_violation(
    opened: Open, small_page_file: Path, axe: str, scheme: str, width: int, fragment: str
) -> None:
    page = opened(small_page_file, fragment, width=width, color_scheme=scheme, bypass_csp=True)
    page.evaluate(axe)
    assert page.evaluate(RUN) == []


def test_no_violation_without_scripts_of_its_own(
    opened: Open, small_page_file: Path, axe: str, pages: Path
) -> None:
    # As the page is with scripts off, but for the one of axe: every trace is laid open.
    bare = pages / "bare.html"
    text = re.sub("<script>.*?</script>", "", small_page_file.read_text(encoding="utf-8"), flags=re.DOTALL)
    bare.write_text(text, encoding="utf-8")
    page = opened(bare, bypass_csp=True)
    assert page.locator(".trace:visible").count() == 16
    page.evaluate(axe)
    assert page.evaluate(RUN) == []


def test_a_violation_is_seen(opened: Open, small_page_file: Path, axe: str) -> None:
    page = opened(small_page_file, bypass_csp=True)
    page.evaluate(axe)
    page.evaluate(
        "document.querySelector('#filters input').parentElement.replaceWith(document.createElement('input'))"
    )
    page.evaluate("document.querySelector('h1').style.color = '#ddd'")
    assert {line.split()[1] for line in page.evaluate(RUN)} == {"color-contrast:", "label:"}


@pytest.mark.parametrize("name", SPECIMENS)
@pytest.mark.parametrize("scheme, width", [("light", 1280), ("dark", 400)])
def test_no_violation_on_real_pages(opened: Open, axe: str, name: str, scheme: str, width: int) -> None:
    page = opened(REPORTS / name, width=width, color_scheme=scheme, bypass_csp=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate(axe)
    assert page.evaluate(RUN) == []
