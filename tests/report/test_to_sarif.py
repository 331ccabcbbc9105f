from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from diagnose.core.stage import Role
from diagnose.report.to_github import Place
from diagnose.report.to_sarif import sarif_report
from tests.report.hostile import TEXTS, commands, hostile
from tests.report.made_verdict import FAILED

PLACES: dict[Role, Place] = {"retriever": Place("pipeline.toml", 4), "ranker": Place("pipeline.toml", 9)}


def results(body: bytes) -> list[dict[str, Any]]:
    document = json.loads(body)
    assert document["version"] == "2.1.0"
    assert document["$schema"].endswith("sarif-2.1.0.json")
    [run] = document["runs"]
    known = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    found: list[dict[str, Any]] = run["results"]
    for result in found:
        assert result["ruleId"] in known
        assert result["message"]["text"]
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"]
        assert place["region"]["startLine"] >= 1
        assert result["partialFingerprints"]["primaryLocationLineHash"]
    return found


def test_the_stage_points_at_its_line() -> None:
    [found] = results(sarif_report(FAILED, PLACES, "0.1.0"))
    assert (found["ruleId"], found["level"]) == ("stage-regressed", "error")
    assert found["message"]["text"] == "ranker: costs 12.5 points (19 regressed queries)"
    assert found["locations"][0]["physicalLocation"]["region"]["startLine"] == 9


def test_nothing_points_at_a_file_that_is_not_known() -> None:
    assert results(sarif_report(FAILED, {}, "0.1.0")) == []


def test_a_failure_without_a_stage_points_at_the_pipeline() -> None:
    verdict = msgspec.structs.replace(FAILED, stage=None, rules=FAILED.rules[:1])
    [found] = results(sarif_report(verdict, PLACES, "0.1.0"))
    assert (found["ruleId"], found["message"]["text"]) == ("gate-failed", FAILED.headline)


def test_a_finding_keeps_its_fingerprint_when_numbers_move() -> None:
    moved = msgspec.structs.replace(
        FAILED, rules=tuple(msgspec.structs.replace(r, says="costs 13 points") for r in FAILED.rules)
    )
    [one], [two] = results(sarif_report(FAILED, PLACES, "1")), results(sarif_report(moved, PLACES, "1"))
    assert one["partialFingerprints"] == two["partialFingerprints"]


def test_inconclusive_is_a_warning() -> None:
    doubtful = msgspec.structs.replace(FAILED, outcome="inconclusive", rules=())
    [found] = results(sarif_report(doubtful, PLACES, "1"))
    assert found["level"] == "warning"


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_hostile_text(text: str) -> None:
    for found in results(sarif_report(hostile(FAILED, text), PLACES, "1")):
        assert list(commands(found["message"]["text"])) == []
