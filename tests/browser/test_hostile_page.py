"""Hostile text in every field, in a real browser: nothing runs, nothing loads, nothing breaks."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from diagnose.cli.catalogue import entries
from diagnose.report.html.rows import href
from diagnose.report.to_html import html_report
from tests.browser.conftest import Open, write
from tests.report import made_report
from tests.report.hostile import TEXTS, hostile
from tests.report.made_trace import CUT, CUT_BLAME, CUT_GAME

pytestmark = pytest.mark.browser

ATTACK = "".join(
    TEXTS[name] for name in ("html", "markdown", "direction", "colours", "title", "ticks", "markup")
)
BREAK_OUT = (
    "</script></style></textarea></title></svg>\"'--><svg onload=alert(1)><a href='javascript:alert(2)'>x</a>"
)

LOOK = """() => ({
    scripts: document.scripts.length,
    handlers: [...document.querySelectorAll("*")].flatMap((e) => [...e.attributes])
        .filter((a) => a.name.startsWith("on") || /^\\s*javascript:/i.test(a.value)).length,
    foreign: document.querySelectorAll("img, iframe, object, embed, base, form[action]").length,
    wide: document.documentElement.scrollWidth - innerWidth,
})"""


@pytest.mark.parametrize("text", [ATTACK, BREAK_OUT, "W" * 3000, "\u202e\u2066rtl \u05d0\u05d1\u05d2"])
@pytest.mark.parametrize("width", [400, 1280])
def test_nothing_of_it_runs(opened: Open, pages: Path, text: str, width: int) -> None:
    names = [f"q{i} {text}" for i in range(12)]
    blames = [msgspec.structs.replace(hostile(CUT_BLAME, text), trace_id=name) for name in names]
    games = [msgspec.structs.replace(CUT_GAME, trace_id=name) for name in names]
    cases = [msgspec.structs.replace(hostile(CUT, text), trace_id=name) for name in names]
    report = hostile(made_report.REPLAYED, text)
    file = write(
        pages / "hostile.html", html_report(report, blames, games, cases, entries(), folder=f"reports/{text}")
    )
    page = opened(file, width=width)
    assert page.evaluate(LOOK) == {"scripts": 2, "handlers": 0, "foreign": 0, "wide": 0}
    assert page.locator("#table tbody tr").count() == 12
    page.locator("#table tbody th a").nth(3).click()
    assert "q3" in page.locator(".trace.open h3").inner_text()
    assert page.evaluate(LOOK)["wide"] == 0
    page.get_by_role("link", name="Next").click()
    assert "q4" in page.locator(".trace.open h3").inner_text()


@pytest.mark.parametrize("trace_id", ["a b", "a&b=c#d", "100%", "%41", "ä/漢?", "<q>", "q'\"1", "a+b", "."])
def test_a_trace_of_any_name_is_linked_to(opened: Open, pages: Path, trace_id: str) -> None:
    blame = msgspec.structs.replace(CUT_BLAME, trace_id=trace_id)
    other = msgspec.structs.replace(CUT_BLAME, trace_id="other")
    report = made_report.REPLAYED
    file = write(pages / "named.html", html_report(report, [other, blame], [], [CUT]))
    page = opened(file, href(f"trace={trace_id}"))
    assert trace_id in page.locator(".trace.open h3").inner_text()
    bare = opened(file, href(f"trace={trace_id}"), java_script_enabled=False)
    assert bare.evaluate("document.querySelector(':target').querySelector('h3').textContent").startswith(
        trace_id
    )
