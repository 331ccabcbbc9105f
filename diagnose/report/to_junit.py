"""A gate's verdict as JUnit XML: a suite for the rules and one for each stage, a case a failing query."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from xml.etree import ElementTree

from diagnose.core.stage import ROLES
from diagnose.core.verdict import Comparison, GateVerdict, Moved
from diagnose.errors import visible
from diagnose.report.sections import said

NO_STAGE = "no stage"
"""The suite of failures that are no stage's: findings and those without a verdict."""

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_report(verdict: GateVerdict) -> bytes:
    """The verdict as UTF-8 XML, the same bytes for the same verdict (no clock, no host).

    In the suite `gate` each rule is a case: a rule that fails is a failure, an inconclusive one an error.
    In a stage's suite each query whose failure is blamed on it is a case: one that regressed is a failure,
    one that failed before as well is skipped, one that was repaired passes.
    """
    suites = [_rules(verdict), *_stages(verdict.comparison)]
    top = ElementTree.Element("testsuites", {"name": "diagnose", **_counts(suites)})
    top.extend(suites)
    ElementTree.indent(top)
    body: bytes = ElementTree.tostring(top, encoding="utf-8", xml_declaration=True)
    return body + b"\n"


def _rules(verdict: GateVerdict) -> ElementTree.Element:
    cases = []
    for rule in verdict.rules:
        name = f"{rule.rule} {rule.of}" if rule.of else rule.rule
        case = _case("diagnose.gate", name)
        if rule.outcome == "fail":
            _told(case, "failure", rule.says, "gate")
        elif rule.outcome == "inconclusive":
            _told(case, "error", rule.says, "inconclusive")
        cases.append(case)
    return _suite("gate", cases)


def _stages(comparison: Comparison) -> list[ElementTree.Element]:
    cases: dict[str, list[ElementTree.Element]] = {}
    for trace in comparison.regressed:
        case = _filed(cases, trace.verdict_after, trace)
        what = f"passed before, fails now: {said(trace.verdict_after, trace.mode_after)}"
        _told(case, "failure", what, trace.mode_after or "regressed")
    for trace in comparison.failing:
        case = _filed(cases, trace.verdict_after, trace)
        _told(case, "skipped", f"failed before as well: {said(trace.verdict_before, trace.mode_before)}")
    for trace in comparison.repaired:
        _filed(cases, trace.verdict_before, trace)
    order = [*ROLES, NO_STAGE]
    return [_suite(name, cases[name]) for name in order if name in cases]


def _filed(
    cases: dict[str, list[ElementTree.Element]], verdict: str | None, trace: Moved
) -> ElementTree.Element:
    stage = verdict if verdict in ROLES else NO_STAGE
    case = _case(f"diagnose.{stage.replace(' ', '-')}", trace.trace_id)
    cases.setdefault(stage, []).append(case)
    return case


def _case(classname: str, name: str) -> ElementTree.Element:
    return ElementTree.Element("testcase", {"classname": classname, "name": _clean(name), "time": "0"})


def _told(case: ElementTree.Element, kind: str, message: str, type_: str | None = None) -> None:
    found = ElementTree.SubElement(case, kind, {"message": _clean(message)})
    if type_ is not None:
        found.set("type", _clean(type_))
        found.text = _clean(message)


def _suite(name: str, cases: Sequence[ElementTree.Element]) -> ElementTree.Element:
    counts = {"tests": len(cases)}
    for key, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        counts[key] = sum(case.find(kind) is not None for case in cases)
    suite = ElementTree.Element(
        "testsuite", {"name": name, **{k: str(v) for k, v in counts.items()}, "time": "0"}
    )
    suite.extend(cases)
    return suite


def _counts(suites: Iterable[ElementTree.Element]) -> dict[str, str]:
    found = list(suites)
    keys = ("tests", "failures", "errors", "skipped")
    return {key: str(sum(int(suite.get(key, "0")) for suite in found)) for key in keys} | {"time": "0"}


def _clean(text: str) -> str:
    """Without what XML cannot hold."""
    return _NOT_XML.sub("\ufffd", visible(text))
