"""Ten megabytes in every field of a failure: what people read of it stays small, the files keep all."""

from __future__ import annotations

import io

import msgspec
from rich.console import Console

from diagnose.cli.catalogue import entries
from diagnose.report.laid_open import OneTrace
from diagnose.report.to_csv import csv_failures
from diagnose.report.to_html import html_report
from diagnose.report.to_json import json_report
from diagnose.report.to_markdown import markdown_report
from diagnose.report.trace_text import trace_text
from diagnose.traces.to_jsonl import encode_line
from tests.report import made_report
from tests.report.hostile import commands, hostile
from tests.report.made_trace import CUT, CUT_BLAME, CUT_GAME

HUGE = ("wide \0 <b>words</b>\u202e \x1b[31m" * 400_000)[:10_000_000]
BLAME = msgspec.structs.replace(CUT_BLAME, evidence=HUGE, mode=HUGE, tags={HUGE: HUGE})
ANSWERED = msgspec.structs.replace(
    CUT,
    logged=tuple(hostile(step, HUGE) for step in CUT.logged[-1:]),
    replays=tuple(msgspec.structs.replace(replay, answer=HUGE) for replay in CUT.replays),
)


def test_the_page() -> None:
    page = html_report(made_report.REPLAYED, [BLAME], [CUT_GAME], [ANSWERED], entries())
    assert len(page) < 300_000
    assert "wide \ufffd &lt;b&gt;words" in page
    assert set(commands(page)) <= {"\t"}


def test_the_terminal() -> None:
    out = io.StringIO()
    trace_text(OneTrace(BLAME, CUT_GAME, ANSWERED), Console(file=out, width=100, color_system=None))
    assert len(out.getvalue()) < 20_000
    assert list(commands(out.getvalue())) == []


def test_the_spreadsheet_and_markdown() -> None:
    assert sum(map(len, csv_failures([BLAME], [ANSWERED]))) < 20_000
    markdown = markdown_report(msgspec.structs.replace(made_report.REPLAYED, headline=HUGE, notes=(HUGE,)))
    assert len(markdown) < 20_000
    assert list(commands(markdown)) == []


def test_json_keeps_all_of_it() -> None:
    line = encode_line(ANSWERED)
    assert b"\n" not in line.rstrip(b"\n")
    assert msgspec.json.decode(line)["replays"][0]["answer"] == HUGE
    body = json_report(msgspec.structs.replace(made_report.REPLAYED, notes=(HUGE,)))
    assert msgspec.json.decode(body)["notes"] == [HUGE]
    assert b"\x00" not in body
