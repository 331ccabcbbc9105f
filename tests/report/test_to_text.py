from __future__ import annotations

import io
import re

import msgspec
import pytest
from rich.console import Console

from diagnose.core.report import Findings, Report, UndecidedCount
from diagnose.report.to_markdown import markdown_report
from diagnose.report.to_text import text_report
from tests.report.hostile import TEXTS, commands, hostile
from tests.report.made_report import DRIFTED, OBSERVED, PERFECT, REPLAYED
from tests.report.test_contract import section, text_of

SGR = re.compile(r"\x1b\[[0-9;]*m")


def test_triage_stands_beside_the_replay() -> None:
    text = " ".join(text_of(REPLAYED, 100).split())
    assert "Usual triage blames the model for 26 of 31; replay convicts it of 5." in text
    assert "A replay convicts another stage of 18 of those 26." in text
    rows = section(text_of(REPLAYED, 100), "Usual triage beside", "Usual triage blames")
    model = next(row for row in rows if row.startswith("model"))
    assert [int(n) for n in re.findall(r"\d+", model)] == [26, 5]
    usual, replay = re.findall("█+", model)
    assert len(usual) > 3 * len(replay) > 0


def test_fix_order_adds_up() -> None:
    rows = section(text_of(REPLAYED, 80), "What to fix", "No stage's fault")
    assert [re.findall(r"\d\.\d{3}", row)[-1] for row in rows if "█" in row] == [
        "0.845",
        "0.910",
        "0.945",
        "0.970",
        "0.975",
    ]


def test_findings_name_their_traces() -> None:
    many = tuple(f"q{i:03}" for i in range(200))
    text = text_of(msgspec.structs.replace(REPLAYED, findings=Findings(label=many)), 100)
    assert "label, 200 failures: the gold passages do not state the gold answer; correct the label." in text
    assert "q000, q001" in text
    assert "and 192 more" in text
    assert "q150" not in text


def test_undecided_says_why_and_what_would_settle_it() -> None:
    undecided = UndecidedCount(9, {"noise": 5, "no-label": 3, "made-up": 1}, 1200)
    text = text_of(msgspec.structs.replace(REPLAYED, undecided=undecided), 120)
    rows = section(text, "Undecided: 9 failures", "Right answers")
    assert re.search(r"noise +5 +the loss cannot be told from chance +about 1,200 more model calls", rows[1])
    assert re.search(r"no-label +3 +neither gold passages nor gold answers +label these queries", rows[2])
    assert rows[3].split() == ["made-up", "1", "–"]


def test_drift_comes_first() -> None:
    first, second = text_of(DRIFTED, 200).splitlines()[:2], text_of(REPLAYED, 200).splitlines()[:1]
    assert first[0].startswith(
        "! retriever drifted: 4 of 31 replays agree with one another and not with the log"
    )
    assert not second[0].startswith("!")
    assert "! model unstable: in 3 of 31" in text_of(DRIFTED, 200)


def test_how_far_the_replay_repeats_the_log_stands_before_the_ranking() -> None:
    repeats = "Replayed with nothing changed, every stage gives what the log says (31 replays)."
    text, markdown = text_of(REPLAYED, 200), markdown_report(REPLAYED)
    assert text.index(repeats) < text.index("Which stage is to blame")
    assert markdown.index(repeats) < markdown.index("| stage")
    partly = "Replays with nothing changed that gave what the log says: retriever 27 of 31"
    assert text_of(DRIFTED, 200).index(partly) < text_of(DRIFTED, 200).index("Which stage is to blame")


def test_a_log_alone_convicts_nobody() -> None:
    text = text_of(OBSERVED, 100)
    assert "Nobody is convicted: nothing was replayed." in text
    assert "Which stage is to blame" not in text
    assert "replay convicts" not in text
    rows = section(text, "Where the evidence was lost", "What usual triage would say")
    told = {row.split()[0]: row for row in rows if "█" in row}
    assert list(told) == ["retriever", "ranker", "packer", "model"]
    assert re.search(r"13 +the evidence was lost here", told["ranker"])
    assert re.search(r"6 +the evidence reached it, the answer is still wrong", told["model"])


def test_no_failures() -> None:
    text = text_of(PERFECT, 80)
    assert "200 traces · 0 failures · mean score 1.000" in text
    assert "convicted" not in text


def test_what_there_is_not_leaves_no_heading() -> None:
    text = text_of(PERFECT, 80)
    headings = [
        "Undecided",
        "Right answers",
        "Cohorts",
        "Logged cost",
        "Notes",
        "What to fix",
        "No stage's fault",
    ]
    assert [heading for heading in headings if heading in text] == []
    assert [heading for heading in headings if heading not in text_of(REPLAYED, 80)] == []


def test_only_departing_cohorts_are_named() -> None:
    text = text_of(REPLAYED, 100)
    assert "tenant = acme  14 of 60 fail  ranker 86 % of the loss (p 0.008)" in text
    assert "globex" not in text


def console(**settings: object) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, width=100, **settings), out  # type: ignore[arg-type]


def test_colour_carries_no_meaning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR")
    coloured, out = console(force_terminal=True, color_system="truecolor")
    text_report(REPLAYED, coloured)
    assert "\x1b[38;2;" in out.getvalue()
    assert SGR.sub("", out.getvalue()) == text_of(REPLAYED, 100)


def test_no_colour_where_it_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, out = console(force_terminal=True, color_system="truecolor")  # NO_COLOR is set in all tests
    text_report(REPLAYED, plain)
    assert set(SGR.findall(out.getvalue())) <= {"\x1b[0m", "\x1b[1m", "\x1b[2m"}
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    dumb, out = console(force_terminal=True)
    text_report(REPLAYED, dumb)
    assert out.getvalue() == text_of(REPLAYED, 80)  # what rich takes a dumb terminal for
    piped, out = console()
    text_report(REPLAYED, piped)
    assert "\x1b" not in out.getvalue()


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_hostile_text_in_a_coloured_terminal(text: str) -> None:
    report: Report = hostile(REPLAYED, text)
    coloured, out = console(force_terminal=True, color_system="truecolor", no_color=False)
    text_report(report, coloured)
    assert list(commands(SGR.sub("", out.getvalue()))) == []


def test_markup_is_shown_as_it_is() -> None:
    text = text_of(hostile(REPLAYED, TEXTS["markup"]), 200)
    assert "[bold red]alarm[/]" in text
    assert ":bomb:" in text


def test_an_ascii_terminal_gets_ascii() -> None:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding="ascii") as file:
        text_report(REPLAYED, Console(file=file, width=100, color_system=None))
        file.flush()
        lines = raw.getvalue().decode("ascii").splitlines()
    utf8 = text_of(REPLAYED, 100).splitlines()
    assert [len(line) for line in lines] == [len(line) for line in utf8]
    assert (
        next(line for line in lines if line.startswith("ranker ")).split()[1] == "#" * 10 + "=" * 4 + "-" * 4
    )


def test_no_blanks_at_line_ends() -> None:
    assert [line for line in text_of(REPLAYED, 120).splitlines() if line != line.rstrip()] == []
