from __future__ import annotations

from xml.etree import ElementTree

import msgspec
import pytest

from diagnose.report.to_junit import junit_report
from tests.report.hostile import TEXTS, hostile
from tests.report.made_verdict import FAILED


def parsed(body: bytes) -> ElementTree.Element:
    return ElementTree.fromstring(body)  # noqa: S314  # our own bytes


def test_a_suite_a_stage_and_a_case_a_query() -> None:
    top = parsed(junit_report(FAILED))
    suites = {suite.get("name"): suite for suite in top}
    assert list(suites) == ["gate", "ranker", "model", "no stage"]
    gate = suites["gate"]
    assert [case.get("name") for case in gate] == [
        "score",
        "blame retriever",
        "blame ranker",
        "cohort tenant=acme",
    ]
    assert [child.tag for case in gate for child in case] == ["failure", "failure", "error"]
    ranker = suites["ranker"]
    assert ranker[0].get("classname") == "diagnose.ranker"
    assert ranker[0].get("name") == "q000"
    failure = ranker[0].find("failure")
    assert failure is not None
    assert failure.get("message") == "passed before, fails now: ranker (demoted)"
    assert failure.get("type") == "demoted"
    skipped = [case.get("name") for case in ranker if case.find("skipped") is not None]
    assert skipped == ["q101"]
    assert [(case.get("name"), len(case)) for case in suites["model"]] == [("q100", 0)]
    assert [case.get("name") for case in suites["no stage"]] == ["q102"]


def test_counts_add_up() -> None:
    top = parsed(junit_report(FAILED))
    for suite in top:
        assert int(suite.get("tests", "")) == len(suite)
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.get(name, "")) == len(suite.findall(f"testcase/{tag}"))
    for name in ("tests", "failures", "errors", "skipped"):
        assert int(top.get(name, "")) == sum(int(suite.get(name, "")) for suite in top)
    assert top.get("failures") == "26"


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_any_text_gives_xml_that_can_be_read(text: str) -> None:
    body = junit_report(hostile(FAILED, text))
    top = parsed(body)
    assert len(top) >= 1
    assert b"<script" not in body


def test_the_same_verdict_gives_the_same_bytes() -> None:
    again = msgspec.json.decode(msgspec.json.encode(FAILED), type=type(FAILED))
    assert junit_report(FAILED) == junit_report(again)
    assert b"timestamp" not in junit_report(FAILED)
