"""The report in a real browser: what a reader does with it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Open
from tests.browser.made_log import made_log

pytestmark = pytest.mark.browser


def rows(page: Any) -> list[str]:
    """The trace ids in the table, in order."""
    return [text.split()[0] for text in page.locator("#table tbody tr th").all_inner_texts()]


def chooser(page: Any, name: str) -> Any:
    """A filter of the table."""
    return page.locator(f"#filters select[name={name}]")


def search(page: Any, words: str, shown: str) -> None:
    """Type into the search box and wait until the count says what is shown."""
    page.get_by_role("searchbox").fill(words)
    page.get_by_role("status").filter(has_text=re.compile(rf"^{shown} of")).wait_for()


def test_it_opens_from_a_file_and_says_what_was_found(opened: Open, page_file: Path) -> None:
    page = opened(page_file)
    assert "Fix the ranker first" in page.locator("h1").inner_text()
    assert page.locator("h1").count() == 1
    assert len(rows(page)) == 50
    assert page.locator(".trace:visible").count() == 0


def test_the_finding_the_ranking_and_usual_triage_are_on_the_first_screen(
    opened: Open, page_file: Path
) -> None:
    page = opened(page_file)
    for part in ("h1", ".blame tbody tr:last-child", ".pair svg >> nth=1"):
        box = page.locator(part).bounding_box()
        assert box["y"] + box["height"] <= 800


def test_nothing_can_be_loaded_even_by_a_script(browser: Any, page_file: Path) -> None:
    page = browser.new_page()
    page.goto(page_file.as_uri())
    refused, title = page.evaluate(
        """async () => {
            const refused = new Set();
            addEventListener("securitypolicyviolation", (event) => refused.add(event.effectiveDirective));
            const image = new Image();
            image.src = "https://example.org/pixel.png";
            const made = document.createElement("script");
            made.textContent = "document.title = 'taken'";
            document.body.append(made);
            document.body.setAttribute("onclick", "document.title = 'taken'");
            document.body.click();
            const style = document.createElement("style");
            style.textContent = "body { display: none }";
            document.head.append(style);
            await fetch("https://example.org/").catch(() => 0);
            while (refused.size < 5) await new Promise((resume) => setTimeout(resume, 10));
            return [[...refused].sort(), document.title];
        }"""
    )
    assert refused == ["connect-src", "img-src", "script-src-attr", "script-src-elem", "style-src-elem"]
    assert title.startswith("handbook-qa")
    page.context.close()


@pytest.mark.parametrize("verdict", ["ranker", "model", "undecided"])
def test_filtering_by_verdict_is_kept_in_the_address(opened: Open, page_file: Path, verdict: str) -> None:
    page = opened(page_file)
    expected = [b.trace_id.split()[0] for b in made_log(50).blames if b.verdict == verdict]
    chooser(page, "verdict").select_option(verdict)
    page.get_by_role("status").filter(has_text=f"{len(expected)} of 50").wait_for()
    assert sorted(rows(page)) == expected
    assert page.url.endswith(f"#verdict={verdict}")
    again = opened(page_file, f"#verdict={verdict}")
    assert rows(again) == rows(page)
    assert chooser(again, "verdict").input_value() == verdict
    # The browser goes to the first such line by itself; what was filtered by has to be in sight.
    again.wait_for_function("document.getElementById('filters').getBoundingClientRect().top > 0")
    assert again.locator("#filters").bounding_box()["y"] < 400


def test_filters_narrow_one_another_and_are_cleared(opened: Open, page_file: Path) -> None:
    page = opened(page_file)
    chooser(page, "mode").select_option("cut")
    chooser(page, "cohort").select_option(label="tenant = acme (20)")
    expected = {
        b.trace_id.split()[0] for b in made_log(50).blames if b.mode == "cut" and b.tags["tenant"] == "acme"
    }
    page.get_by_role("status").filter(has_text=f"{len(expected)} of 50").wait_for()
    assert set(rows(page)) == expected
    page.get_by_role("button", name="Clear").click()
    assert len(rows(page)) == 50
    assert page.url.endswith("#failures")


def test_a_number_of_the_ranking_leads_to_its_failures(opened: Open, page_file: Path) -> None:
    page = opened(page_file)
    link = page.locator(".blame tbody tr").filter(has_text="packer").get_by_role("link")
    shown = int(link.inner_text().split()[0])
    link.click()
    page.get_by_role("status").filter(has_text=f"{shown} of 50").wait_for()
    page.get_by_role("link", name="truncated").first.click()
    assert chooser(page, "mode").input_value() == "truncated"


def test_search_looks_at_texts_of_the_traces_too(opened: Open, page_file: Path) -> None:
    page = opened(page_file)
    asked = [c.trace_id.split()[0] for c in made_log(50).cases if "monitor" in c.query.text]
    search(page, "second MONITOR home", str(len(asked)))
    assert sorted(rows(page)) == asked
    search(page, "no such words anywhere", "0")
    assert rows(page) == []
    search(page, "signed loan form", r"[1-9]\d*")  # only in answers and passages


def test_sorting_by_every_column(opened: Open, page_file: Path) -> None:
    page = opened(page_file)
    started = rows(page)
    head = page.locator("#table thead th").filter(has_text="Trace")
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert rows(page) == sorted(started)
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert rows(page) == sorted(started, reverse=True)
    assert page.url.endswith("#sort=-id")
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") is None
    assert rows(page) == started
    loss = page.locator("#table thead th").filter(has_text="Loss")
    loss.get_by_role("button").click()
    losses = [float(text) for text in page.locator("#table tbody td.num").all_inner_texts()]
    assert losses == sorted(losses, reverse=True)
    assert len(set(losses)) > 1


def test_a_deep_link_opens_its_trace(opened: Open, page_file: Path) -> None:
    page = opened(page_file, "#trace=q012")
    assert page.locator(".trace:visible").count() == 1
    trace = page.locator(".trace.open")
    assert "q012" in trace.locator("h3").inner_text()
    page.wait_for_function("document.activeElement.tagName === 'H3'")
    assert trace.locator("mark").count() > 0
    assert trace.get_by_text("Every combination of repairs").is_visible()
    assert "diagnose show reports/handbook q012" in trace.inner_text()
    assert not page.locator("#table").is_visible()


def test_every_line_leads_to_its_own_trace(opened: Open, page_file: Path) -> None:
    page = opened(page_file)
    links = page.locator("#table tbody th a")
    for i, name in enumerate(links.all_inner_texts()):
        page.evaluate("(i) => document.querySelectorAll('#table tbody th a')[i].click()", i)
        page.locator(".trace.open").wait_for()
        assert page.locator(".trace.open h3 .mono").inner_text() == name
        page.keyboard.press("Escape")


def test_an_unknown_trace_is_said_to_be_unknown(opened: Open, page_file: Path) -> None:
    page = opened(page_file, "#trace=nowhere%3Cb%3E")
    assert page.get_by_role("status").inner_text() == "No failure nowhere<b> on this page."
    assert page.locator("#table").is_visible()


def test_stepping_through_what_was_filtered(opened: Open, page_file: Path) -> None:
    page = opened(page_file, "#verdict=packer")
    names = rows(page)
    page.locator("#table tbody th a").first.click()
    page.locator(".trace.open").wait_for()
    assert not page.get_by_role("link", name="Previous").is_visible()
    for i, name in enumerate(names):
        page.locator(".trace.open h3").filter(has_text=name).wait_for()
        assert f"{i + 1} of {len(names)}" in page.locator("#steps").inner_text()
        if i + 1 < len(names):
            page.get_by_role("link", name="Next").click()
    page.get_by_role("link", name="All failures").click()
    assert rows(page) == names
    assert page.evaluate("document.activeElement.textContent") == names[-1]
    page.go_back()
    page.locator(".trace.open").wait_for()


def test_keyboard_alone_will_do(opened: Open, page_file: Path) -> None:
    page = opened(page_file)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the finding"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")
    page.locator("#table thead button").last.focus()
    page.keyboard.press("Tab")
    first, second = rows(page)[:2]
    assert page.evaluate("document.activeElement.textContent").startswith(first)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.locator(".trace.open h3").filter(has_text=second).wait_for()
    page.wait_for_function("document.activeElement.tagName === 'H3'")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.textContent").startswith(second)


def test_a_definition_opens_where_it_stands(opened: Open, page_file: Path) -> None:
    page = opened(page_file)
    meaning = page.locator("[id='def-report.ranking.share']")
    assert not meaning.is_visible()
    page.get_by_role("link", name="Share of loss").click()
    meaning.wait_for()
    assert meaning.is_visible()


def test_without_scripts_everything_is_there(opened: Open, page_file: Path) -> None:
    page = opened(page_file, "#trace=q012", java_script_enabled=False)
    assert page.locator("#table tbody tr:visible").count() == 50
    assert page.locator(".trace:visible").count() == 50
    assert not page.locator("#filters").is_visible()
    assert page.locator(".trace", has_text="q012").first.bounding_box()["y"] < 800
    for part in ("#blame", "#why", "#failures", "#baseline", "#provenance"):
        assert page.locator(part).is_visible()


def test_dark_and_light_differ(opened: Open, page_file: Path) -> None:
    style = "getComputedStyle(document.body).backgroundColor"
    assert opened(page_file, color_scheme="light").evaluate(style) == "rgb(255, 255, 255)"
    assert opened(page_file, color_scheme="dark").evaluate(style) == "rgb(22, 24, 29)"


def test_print_is_light_and_without_controls(opened: Open, page_file: Path) -> None:
    page = opened(page_file, color_scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    for part in (".bar-top", "#filters", "#more"):
        assert not page.locator(part).is_visible()
    assert page.locator(".blame").is_visible()
    assert page.pdf().startswith(b"%PDF")


@pytest.mark.parametrize("width", [320, 400, 768, 1280])
@pytest.mark.parametrize("fragment", ["", "#trace=q012"])
def test_a_narrow_page_does_not_scroll_sideways(
    opened: Open, page_file: Path, width: int, fragment: str
) -> None:
    page = opened(page_file, fragment, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_many_failures_come_in_parts(opened: Open, big_page_file: Path) -> None:
    page = opened(big_page_file)
    assert len(rows(page)) == 100
    page.get_by_role("button", name="Show 100 more of 1,400").click()
    assert len(rows(page)) == 200
    assert page.evaluate("document.activeElement.closest('tr').rowIndex") == 101
    search(page, "q1499", "1")
    assert rows(page) == ["q1499"]
    page.locator("#table tbody th a").click()
    page.locator(".trace.open").wait_for()
    deep = opened(big_page_file, "#trace=q1234")
    assert "q1234" in deep.locator(".trace.open h3").inner_text()
    deep.keyboard.press("Escape")
    assert deep.evaluate("document.activeElement.textContent") == "q1234"
