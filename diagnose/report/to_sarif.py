"""A gate's findings that point at a file, as SARIF 2.1.0: the line of the pipeline file that sets up the
stage."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

import msgspec

from diagnose.core.stage import ROLES, Role
from diagnose.core.verdict import GateVerdict, StageChange
from diagnose.errors import visible
from diagnose.report.to_github import Place

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
RULES = {
    "stage-regressed": (
        "A stage costs more right answers than before",
        "Replays convict it of more failures than in the baseline; `diagnose show REPORT TRACE_ID` lays one open.",
    ),
    "gate-failed": (
        "A gate failed",
        "The report is worse than its rules or its baseline allow. docs/ci.md says how it is judged.",
    ),
}


def sarif_report(verdict: GateVerdict, places: Mapping[Role, Place], version: str) -> bytes:
    """The findings as UTF-8 JSON: one for each stage that a failed rule names or whose blame the verdict
    rests on, as far as `places` knows its line. A verdict without such findings has no results."""
    run = {
        "tool": {
            "driver": {
                "name": "diagnose",
                "version": version,
                "rules": [
                    {"id": name, "shortDescription": {"text": short}, "help": {"text": full}}
                    for name, (short, full) in RULES.items()
                ],
            }
        },
        "results": list(_results(verdict, places)),
    }
    body = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return msgspec.json.format(msgspec.json.encode(body), indent=2) + b"\n"


def _results(verdict: GateVerdict, places: Mapping[Role, Place]) -> Iterator[dict[str, object]]:
    failed = {rule.of: rule.says for rule in verdict.rules if rule.outcome == "fail"}
    for stage in verdict.comparison.stages:
        place = places.get(stage.role)
        if place is None or (stage.role not in failed and stage.role != verdict.stage):
            continue
        level = "error" if verdict.outcome == "fail" else "warning"
        yield _result("stage-regressed", level, _says(stage, verdict), place)
    scored = [rule for rule in verdict.rules if rule.outcome == "fail" and rule.of not in ROLES]
    first = min(places.values(), key=lambda place: place.line, default=None)
    if scored and verdict.stage not in places and first is not None:
        yield _result("gate-failed", "error", verdict.headline, first)


def _says(stage: StageChange, verdict: GateVerdict) -> str:
    rule = next((r.says for r in verdict.rules if r.of == stage.role and r.outcome == "fail"), None)
    told = rule or verdict.headline
    return f"{stage.role}: {told} ({stage.regressed} regressed queries)"


def _result(rule: str, level: str, text: str, place: Place) -> dict[str, object]:
    region = {"startLine": place.line, "startColumn": 1, "endLine": place.line, "endColumn": 2}
    location = {"artifactLocation": {"uri": place.path}, "region": region}
    mark = hashlib.sha256(f"{rule}/{place.path}/{text.partition(':')[0]}".encode()).hexdigest()[:16]
    return {
        "ruleId": rule,
        "level": level,
        "message": {"text": visible(text)},
        "locations": [{"physicalLocation": location}],
        "partialFingerprints": {"primaryLocationLineHash": f"{mark}:1"},
    }
