"""What holds of every form of a verdict, a comparison and a swap."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from html import unescape
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest
from rich.console import Console

from diagnose.report.budget_sections import budget_sections, sweep_sections
from diagnose.report.sections import (
    SHOWN,
    Section,
    comparison_sections,
    gate_sections,
    points,
    swap_sections,
)
from diagnose.report.sections_html import html_page, html_section
from diagnose.report.sections_markdown import markdown_sections
from diagnose.report.sections_text import text_sections
from diagnose.report.to_markdown import MARKER
from tests.report.hostile import TEXTS, commands, hostile
from tests.report.made_budget import BUDGET, SWEEP
from tests.report.made_verdict import COMPARISON, FAILED, SWAPS

Make = Callable[[Any], Iterator[Section]]
EVERY: dict[str, tuple[Make, Any]] = {
    "gate": (gate_sections, FAILED),
    "comparison": (comparison_sections, COMPARISON),
    "swap": (swap_sections, SWAPS),
    "sweep": (sweep_sections, SWEEP),
    "budget": (budget_sections, BUDGET),
}
every = pytest.mark.parametrize("make, value", EVERY.values(), ids=EVERY)


def text_of(sections: Iterator[Section], width: int = 100) -> str:
    out = io.StringIO()
    text_sections(sections, Console(file=out, width=width, color_system=None))
    return out.getvalue()


def joined(text: str) -> str:
    return " ".join(text.split())


class Text(HTMLParser):
    """The text of a page, and its tags in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.tags = "", list[str]()
        self.feed(page)

    def handle_data(self, data: str) -> None:
        self.text += f" {data}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)


@every
def test_every_cell_is_in_every_form(make: Make, value: Any) -> None:
    terminal = joined(text_of(make(value), 200))
    page = joined(Text(html_section(make(value))).text)
    markdown = unescape(joined(markdown_sections(make(value)))).replace("\\", "")
    for section in make(value):
        for line in section.lines:
            assert line in terminal
            assert line in page
        for row in section.rows:
            assert joined(" ".join(cell for cell in row if cell)) in page
            for cell in row:
                assert cell in terminal
                assert cell in markdown


@every
def test_every_form_opens_with_the_headline(make: Make, value: Any) -> None:
    assert joined(text_of(make(value))).startswith(value.headline[:60])
    markdown = markdown_sections(make(value))
    assert markdown.startswith(f"{MARKER}\n\n### {value.headline[:20]}")
    assert markdown.endswith("\n")


def test_a_verdict_tells_what_failed_and_what_changed() -> None:
    text = joined(text_of(gate_sections(FAILED), 140))
    for told in (
        "score FAIL 9 points lost",
        "blame of ranker FAIL",
        "cohort of tenant=acme inconclusive",
        "1 more rules pass",
        "ranker changed 3 12.5 +9.5 +6 to +14 0.0001 19",
        "tenant=acme 60 0.900 0.600 −30",
        "Regressed: 24",
        "q000 1.000 0.000 passed ranker (demoted)",
        "… and 4 more",
        "corpus c0ffee feedbeef",
        "at most 1.75% of gates",
    ):
        assert told in text


def test_what_did_not_change_is_said() -> None:
    same = msgspec.structs.replace(COMPARISON, changed=(), regressed=(), repaired=(), cohorts=(), notes=())
    assert "corpus, scorer, labels and every stage have the fingerprints they had" in joined(
        text_of(comparison_sections(same), 120)
    )
    unknown = msgspec.structs.replace(same, stages=COMPARISON.stages[2:])
    assert "What changed" not in text_of(comparison_sections(unknown))


def test_a_swap_tells_sets_and_interactions() -> None:
    text = joined(text_of(swap_sections(SWAPS), 120))
    for told in (
        "ranker tfidf mine:ranker −8 −12 to −4 −9 −7",
        "packer none rank-order 0",
        "all of B 0.900 0.840 −6",
        "Smallest sets of B's stages that bring the change about (within 1 point): ranker.",
        "Fewest stages to revert so that B does as well as A (within 1 point): ranker.",
        "Best mixture: model of B, mean score 0.910.",
        "ranker+model +2",
        "q000 1.000 0.000 ranker −1.000 ranker",
        f"… and {30 - SHOWN} more",
    ):
        assert told in text
    hopeless = msgspec.structs.replace(SWAPS, reverts=())
    assert "No set of stages to revert makes B do as well as A." in joined(text_of(swap_sections(hopeless)))


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@every
def test_hostile_text_commands_nothing(make: Make, value: Any, text: str) -> None:
    attacked = hostile(
        msgspec.structs.replace(value, **({"worth": {"": 0.5}, "best": ()} if value is SWAPS else {})), text
    )
    for width in (60, 100, 200):
        printed = text_of(make(attacked), width)
        assert list(commands(printed)) == []
        assert max(len(line) for line in printed.splitlines()) <= width
    markdown = markdown_sections(make(attacked))
    assert list(commands(markdown)) == []
    outside_code = re.sub(r"(`+).*?\1", "", markdown)
    assert "<script" not in outside_code
    assert "](" not in outside_code.replace(r"\]", "")
    page = html_page(make(attacked), text)
    assert list(commands(page)) == []
    plain = html_page(make(value), "title")
    assert set(Text(page).tags) <= set(Text(plain).tags)
    assert "default-src &#x27;none&#x27;" in page or "default-src 'none'" in page


@every
def test_a_page_asks_for_nothing(make: Make, value: Any) -> None:
    page = html_page(make(value), "A and B")
    tags = Text(page).tags
    assert tags[0] == "html"
    assert not {"script", "img", "link", "iframe", "a"} & set(tags)
    assert tags.count("h1") == 1
    assert page.count("<table>") == page.count("</table>") == page.count("<caption")


@pytest.mark.parametrize(
    "value, text",
    [(0.0, "0"), (0.0004, "0"), (0.065, "+6.5"), (-0.01, "−1"), (-1.0, "−100"), (0.123456, "+12.3")],
)
def test_points(value: float, text: str) -> None:
    assert points(value) == text
