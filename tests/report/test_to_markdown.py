from __future__ import annotations

import re
from html.parser import HTMLParser

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from diagnose.core.report import Findings, Report
from diagnose.report.foreign import flat
from diagnose.report.to_markdown import code, markdown_report, plain
from tests.report.hostile import TEXTS, hostile
from tests.report.made_report import DRIFTED, OBSERVED, PERFECT, REPLAYED

OURS = {
    *("h3", "p", "table", "thead", "tbody", "tr", "th", "td", "code", "strong", "ul", "li"),
    *("blockquote", "details", "summary"),
}
ACTIVE = re.compile(r"@\w|#\d|GH-\d|://|www\.", re.IGNORECASE)
"""What GitHub makes a mention, a reference or a link of, where it stands outside of code."""


class Page(HTMLParser):
    """Tags, attributes and texts of rendered Markdown."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.comments: list[str] = []
        self.running = ""
        self.codes: list[str] = []
        self.cells_per_row: list[int] = []
        self._open: list[str] = []
        self.feed(
            MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown)
        )
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self._open.append(tag)
        if tag == "tr":
            self.cells_per_row.append(0)
        if tag in ("td", "th"):
            self.cells_per_row[-1] += 1
        if tag == "code":
            self.codes.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def handle_data(self, data: str) -> None:
        if "code" in self._open:
            self.codes[-1] += data
        else:
            self.running += data


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("report", [REPLAYED, OBSERVED], ids=["replayed", "observed"])
def test_hostile_text_becomes_no_markup(report: Report, text: str) -> None:
    page = Page(markdown_report(hostile(report, text)))
    fair = Page(markdown_report(hostile(report, "fair")))
    assert page.tags <= OURS
    assert page.attributes <= {"style"}  # how table cells are aligned
    assert page.comments == [" diagnose "]
    assert ACTIVE.findall(page.running) == []
    assert page.cells_per_row == fair.cells_per_row
    assert flat(text, 60) in page.codes or not text


@given(
    st.text(st.characters(codec="utf-8"), max_size=60) | st.text("`|\\<>&*_[]()!#@-+=.1 a~$:/w", max_size=60)
)
def test_text_of_others_comes_out_as_it_was(text: str) -> None:
    seen = flat(text)
    running = Page(f"- {plain(text)} end")
    assert running.running.replace("\u200b", "").strip() == f"{seen} end".strip()
    assert running.tags == {"ul", "li"}
    table = Page(f"| a | b |\n| --- | --- |\n| {code(text).replace('|', chr(92) + '|')} | 1 |")
    assert table.codes == [seen[:60] if len(seen) <= 60 else flat(text, 60)] or not seen
    assert table.cells_per_row == [2, 2]


def test_a_bot_finds_its_comment_again() -> None:
    assert [markdown_report(report).splitlines()[0] for report in (REPLAYED, OBSERVED)] == [
        "<!-- diagnose -->"
    ] * 2


def test_what_stands_in_it_and_in_which_order() -> None:
    text = markdown_report(DRIFTED)
    parts = [
        "### Fix the ranker first",
        "> [!WARNING]\n> - retriever drifted: 4 of 31",
        "200 traces · 31 failures · mean score 0.845",
        "| ranker | `",
        "Usual triage blames the model for 26 of 31; replay convicts it of 5.",
        "as logged 0.845 → **ranker** 0.910 (+0.065)",
        "**scorer**, 2 failures:",
        "`q014`, `q101`",
        "| `noise` | 1 | the loss cannot be told from chance | about 40 more model calls |",
        "`tenant = acme`: 14 of 60 fail; ranker 86 %",
        "<details>",
        "`diagnose run traces.jsonl --pipeline pipeline.toml -o reports/handbook`",
        "ranker: `tfidf` `tfidf:77ab10`",
        "</details>",
    ]
    places = [text.find(part) for part in parts]
    assert -1 not in places
    assert places == sorted(places)


def test_a_log_alone_convicts_nobody() -> None:
    text = markdown_report(OBSERVED)
    assert "Nobody is convicted: nothing was replayed." in text
    assert "| ranker | 13 | the evidence was lost here |" in text
    assert "| model | 6 | the evidence reached it, the answer is still wrong |" in text
    assert "Usual triage would blame the retriever for 5, the model for 23." in text
    assert "guilty" not in text


def test_no_failures() -> None:
    text = markdown_report(PERFECT)
    assert text.startswith("<!-- diagnose -->\n\n### No failures in 200 traces: nothing to blame.\n")
    assert "|" not in text


def test_a_huge_report_stays_a_comment() -> None:
    ids = tuple("q" * 200 + str(i) for i in range(5000))
    huge = msgspec.structs.replace(
        REPLAYED,
        findings=Findings(ids, ids, ids),
        fragile=ids,
        skipped=ids,
        notes=tuple("note " * 200 for _ in range(500)),
        cohorts=tuple(msgspec.structs.replace(REPLAYED.cohorts[0], value="v" * 500) for _ in range(500)),
    )
    text = markdown_report(huge)
    assert len(text) < 65_536
    assert "and 4,990 more" in text
    assert "… and 480 more" in text
