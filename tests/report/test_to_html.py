"""The page without a browser: what is in it, what is not, and how big it gets."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from functools import lru_cache
from html import unescape
from html.parser import HTMLParser
from urllib.parse import unquote

import msgspec
import pytest

from diagnose.cli.catalogue import entries
from diagnose.core.artifact import Context
from diagnose.core.blame import Blame, Undecided
from diagnose.core.replay import Case
from diagnose.core.report import Report
from diagnose.report import numbers
from diagnose.report.foreign import flat
from diagnose.report.html.depth import MOST_FAILURES
from diagnose.report.palette import STAGE_COLOURS
from diagnose.report.to_html import Baseline, html_report, html_report_parts
from tests.browser.made_log import Made, compared_with, made_log
from tests.report import made_report
from tests.report.hostile import TEXTS, commands, hostile
from tests.report.made_trace import CUT, CUT_BLAME, CUT_GAME, SENTENCE, TRUNCATED_TRACE

REPORTS = ["REPLAYED", "DRIFTED", "OBSERVED", "PERFECT"]
VOID = {"meta", "link", "input", "br", "path", "rect", "line", "use"}
MAY_STAY_OPEN = {"td", "th", "tr", "dt", "dd", "li", "p", "option"}


class Page(HTMLParser):
    """A page as its tags, its attributes and its texts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.inside: dict[str, list[str]] = {"script": [], "style": [], "h1": [], "mark": [], "title": []}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, attrs)
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)
        if tag in self.inside:
            self.inside[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        while self.open[-1] != tag:
            assert self.open[-1] in MAY_STAY_OPEN, (tag, self.open[-5:], self.getpos())
            self.open.pop()
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        for tag in self.inside.keys() & set(self.open):
            self.inside[tag][-1] += data

    @property
    def text(self) -> str:
        """Everything that can be read, in order."""
        return " ".join("".join(self.texts).split())

    @property
    def words(self) -> str:
        """The same with a blank between what stands in different tags."""
        return " ".join(" ".join(self.texts).split())

    @property
    def ids(self) -> list[str]:
        """Every place that can be linked to."""
        return [attributes["id"] for _, attributes in self.tags if "id" in attributes]

    def values(self, name: str) -> list[str]:
        """The values of an attribute, wherever it is."""
        return [attributes[name] for _, attributes in self.tags if name in attributes]


@lru_cache(maxsize=4)
def made(n: int, hostile: bool = True) -> Made:
    return made_log(n, hostile=hostile)


@lru_cache(maxsize=2)
def whole_page() -> str:
    """A page that has every part."""
    now, then = made(50), made_log(60, seed=3)
    return html_report(*now, entries(), Baseline(then.report, compared_with(now, then)), "reports/handbook")


def page_of(blame: Blame, case: Case | None = None, **more: object) -> Page:
    report = msgspec.structs.replace(made_report.REPLAYED, n_failures=1)
    return Page(html_report(report, [blame], [], [case] if case else [], **more))  # type: ignore[arg-type]


def test_it_is_one_whole_document() -> None:
    page = Page(whole_page())
    assert page.open == []
    assert [tag for tag, _ in page.tags].count("html") == 1
    assert page.tags[0] == ("html", {"lang": "en"})
    assert len(page.inside["h1"]) == 1


def test_same_values_same_bytes() -> None:
    now = made(50)
    assert html_report(*now, entries()) == html_report(*now, entries())
    assert "".join(html_report_parts(*now, entries())) == html_report(*now, entries())


def test_cases_may_come_in_any_order_and_once() -> None:
    report, blames, games, cases = made(50, hostile=False)
    assert html_report(report, blames, iter(games[::-1]), iter(cases)) == html_report(
        report, blames, games, cases
    )


def test_only_its_own_script_and_style_may_run() -> None:
    page = Page(whole_page())
    policy = next(a["content"] for t, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    rules = {name: allowed for name, *allowed in (rule.split() for rule in policy.split(";"))}
    assert rules["default-src"] == ["'none'"]
    for name, texts in (("script-src", page.inside["script"]), ("style-src", page.inside["style"])):
        digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts]
        assert rules[name] == [f"'sha256-{digest}'" for digest in digests]
    assert rules["img-src"] == ["data:"]
    assert rules.keys() == {"default-src", "script-src", "style-src", "img-src", "base-uri", "form-action"}


def test_it_loads_nothing() -> None:
    page = Page(whole_page())
    assert page.values("src") == page.values("srcset") == page.values("action") == page.values("style") == []
    assert {href for href in page.values("href") if not href.startswith("#")} == {"data:,"}
    assert "@import" not in page.inside["style"][0]
    assert "url(" not in page.inside["style"][0]


def test_scripts_stay_small() -> None:
    assert sum(map(len, Page(whole_page()).inside["script"])) < 20_000


def test_every_link_leads_somewhere_on_the_page() -> None:
    page = Page(whole_page())
    assert [name for name, n in Counter(page.ids).items() if n > 1] == []
    targets = {unquote(href[1:]) for href in page.values("href") if href.startswith("#")}
    assert targets - set(page.ids) == {""}  # the script fills in the steps from trace to trace


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_alone_makes_a_page_without_dead_links(name: str) -> None:
    report: Report = getattr(made_report, name)
    page = Page(html_report(report))
    assert {unquote(href[1:]) for href in page.values("href") if href.startswith("#")} <= set(page.ids)
    assert "failures" not in page.ids
    assert " ".join(page.inside["h1"][0].split()) in report.headline
    assert report.headline.rpartition(". ")[2] in page.text


def test_every_number_of_the_ranking_is_in_its_line() -> None:
    text = html_report(made_report.REPLAYED)
    lines = text[text.index('<table class="blame"') :].split("<tr")
    for ranked in made_report.REPLAYED.ranking:
        line = unescape(
            re.sub("<[^>]+>", " ", next(line for line in lines if f'"name s-{ranked.role}"' in line))
        )
        fix = ranked.fix_alone
        for figure in (
            numbers.percent(ranked.share),
            numbers.percent_range(ranked.low, ranked.high),
            numbers.percent(ranked.p_first),
            numbers.gain(fix.gain),
            numbers.score_range(fix.low, fix.high),
            numbers.count(ranked.verdicts),
            numbers.amount(ranked.loss),
        ):
            assert figure in line


def test_pictures_have_a_twin_in_text() -> None:
    page = Page(whole_page())
    for tag, attributes in page.tags:
        if tag == "svg":
            assert attributes.get("aria-hidden") == "true" or attributes["aria-label"]
    report = made(50).report
    absent = len(report.findings.corpus)
    for role, n in report.funnel.items():
        assert re.search(rf"\b{role} \d+ {n - absent if role == 'retriever' else n} ", page.words)
    assert report.triage is not None
    for role, n in report.triage.blames.items():
        assert f" {role} {n} {report.triage.replay[role]} " in page.words


def test_every_stage_has_its_colour() -> None:
    style = Page(whole_page()).inside["style"][0]
    for role, colour in STAGE_COLOURS.items():
        assert re.findall(rf"\.s-{role}{{--c:(#\w+)}}", style) == [colour.light, colour.dark, colour.light]


def test_drift_is_warned_of_before_the_ranking() -> None:
    text = html_report(made_report.DRIFTED)
    assert text.index("model unstable") < text.index('<table class="blame"')
    assert text.index("retriever drifted") < text.index('<table class="blame"')


def test_without_a_replay_nobody_is_convicted() -> None:
    page = Page(html_report(made_report.OBSERVED))
    assert "Nobody is convicted: nothing was replayed" in page.text
    assert "What usual triage would say" in page.text
    assert not any("blame" in attributes.get("class", "").split() for _, attributes in page.tags)


def test_definitions_are_those_that_were_given() -> None:
    page = Page(whole_page())
    for entry in entries():
        if entry.kind in ("number", "mode", "role", "finding", "reason", "level"):
            assert f"def-{entry.address}" in page.ids
            assert flat(entry.definition.replace("`", ""), 10_000) in page.text
    assert "#def-report.ranking.share" in page.values("href")


def test_evidence_is_marked_where_it_went_in_and_did_not_come_out() -> None:
    page = Page(
        html_report(made_report.REPLAYED, [CUT_BLAME], [CUT_GAME], [CUT], entries(), folder="reports/it")
    )
    assert " ".join(page.inside["mark"][0].split()) == SENTENCE.rstrip(".")
    assert "It went into the ranker at rank 3 of 12, in leave-4" in page.text
    assert "It is in none of the 4 passages that the ranker gave." in page.text
    assert "8 of 16 combinations of repairs give a right answer. Smallest: ranker." in page.text
    assert "What turned the answer: ranker repaired" in page.text
    assert "ranker: gold leave-4 rank none → 1" in page.text
    assert "diagnose show reports/it q017" in page.text
    mode = next(e for e in entries() if e.address == "ranker.cut")
    assert mode.definition in page.text


def test_a_context_that_was_cut_shows_where_it_ends() -> None:
    assert TRUNCATED_TRACE.case is not None
    page = page_of(TRUNCATED_TRACE.blame, TRUNCATED_TRACE.case)
    context = TRUNCATED_TRACE.case.replays[0].ran[1].output
    assert isinstance(context, Context)
    assert "leave-4 is in its context and its evidence is not; the context ends:" in page.text
    assert flat(context.text[-60:], 100) in page.text
    assert "So does repairing" not in page.text


def test_what_is_not_known_of_a_trace_is_left_out() -> None:
    undecided = Blame("q1", "observed", "undecided", undecided=Undecided("noise", "too few runs", 0.4, 12))
    page = page_of(undecided)
    assert "trace=q1" in page.ids
    assert "noise: too few runs" in page.text
    assert "about 12 more model calls; power reached so far 40 %" in page.text
    for absent in ("Stage by stage", "Every combination", "What turned", "Reference"):
        assert absent not in page.text


def test_traces_of_one_id_stay_apart() -> None:
    long = "x" * 100
    blames = [Blame(long + end, "unlabelled", "scorer") for end in ("a", "b")]
    page = Page(html_report(made_report.REPLAYED, blames))
    anchors = [name for name in page.ids if name.startswith("trace=")]
    assert len(anchors) == len(set(anchors)) == 2


def test_a_baseline_shows_what_moved() -> None:
    now, then = made(50), made_log(60, seed=3)
    found = compared_with(now, then)
    page = Page(whole_page())
    assert found.headline in page.text
    for stage in found.stages:
        assert stage.blame is not None
        assert (
            f"{stage.role} {numbers.score(stage.blame.before)} {numbers.score(stage.blame.after)}"
            in page.words
        )
    assert f"Wrong then, right now: {len(found.repaired)}" in page.text
    assert "baseline: " in page.text
    assert "baseline: " not in Page(html_report(*now)).text


@lru_cache(maxsize=4)
def clean_page(name: str) -> Page:
    """A page without anything hostile."""
    report: Report = getattr(made_report, name)
    return Page(html_report(report, [CUT_BLAME], [CUT_GAME], [CUT], entries(), folder="x"))


@pytest.mark.parametrize("name", ["REPLAYED", "OBSERVED"])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_hostile_text_stays_text(name: str, text: str) -> None:
    report, clean = getattr(made_report, name), clean_page(name)
    page = Page(
        html_report(
            hostile(report, text),
            [hostile(CUT_BLAME, text)],
            [hostile(CUT_GAME, text)],
            [hostile(CUT, text)],
            [hostile(entry, text) for entry in entries()],
            folder=text,
        )
    )
    assert page.open == []
    assert {(tag, *sorted(a)) for tag, a in page.tags} <= {(tag, *sorted(a)) for tag, a in clean.tags} | {
        ("code",)
    }
    assert [t for t, _ in page.tags].count("script") == 2
    assert page.inside["script"] == clean.inside["script"]
    assert page.inside["style"] == clean.inside["style"]
    assert {href for href in page.values("href") if not href.startswith("#")} == {"data:,"}
    assert list(commands("".join(page.texts).replace("\t", " "))) == []
    if (shown := flat(text, 40).rstrip("…").strip()) and "`" not in text:
        assert shown in page.text


@pytest.mark.parametrize("text", ['"' * 5000, "漢\0" * 2500])
def test_500_failures_stay_small_whatever_they_say(text: str) -> None:
    report, blames, games, cases = made(500, hostile=False)
    attacked = [hostile(case, text) for case in cases]
    page = html_report(
        report,
        [
            msgspec.structs.replace(b, trace_id=b.trace_id + text, evidence=text, tags={text: text})
            for b in blames
        ],
        games,
        [
            msgspec.structs.replace(case, trace_id=c.trace_id + text)
            for case, c in zip(attacked, cases, strict=True)
        ],
        entries(),
    )
    assert len(page.encode()) < 1_500_000
    assert page.count("<article") == 500


def test_500_failures_are_laid_open() -> None:
    page = html_report(*made(500), entries())
    assert len(page.encode()) < 1_500_000
    assert page.count("<article") == 500
    assert page.count("Every combination of repairs") > 450
    assert "replays.jsonl beside this page has every text" in page


@pytest.mark.slow
def test_5000_failures_stay_under_six_megabytes() -> None:
    page = html_report(*made_log(5000), entries())
    assert len(page.encode()) < 6_000_000
    assert page.count("<article") == 5000


def test_of_more_failures_some_of_every_kind_are_shown_and_it_says_so() -> None:
    kinds = ["scorer", "corpus", "label"]
    blames = [Blame(f"q{i}", "unlabelled", "scorer") for i in range(MOST_FAILURES + 300)]
    blames += [Blame(f"rare{i}", "unlabelled", kinds[i % 3]) for i in range(6)]  # type: ignore[arg-type]
    page = html_report(made_report.REPLAYED, blames)
    assert page.count("<article") == MOST_FAILURES
    assert all(f'id="trace=rare{i}"' in page for i in (1, 2, 4, 5))
    assert f"{MOST_FAILURES:,} of {len(blames):,} failures are on this page" in page


def test_an_answer_of_ten_megabytes_is_clipped() -> None:
    case = msgspec.structs.replace(
        CUT,
        replays=tuple(msgspec.structs.replace(r, answer="word\0 <b>" * 1_200_000) for r in CUT.replays),
    )
    page = html_report(made_report.REPLAYED, [CUT_BLAME], [CUT_GAME], [case])
    assert len(page) < 200_000
    assert "<b>word" not in page
