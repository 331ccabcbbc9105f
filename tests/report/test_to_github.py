from __future__ import annotations

import msgspec
import pytest

from diagnose.core.stage import Role
from diagnose.core.verdict import Moved
from diagnose.report.to_github import (
    MOST,
    SUMMARY_BYTES,
    Place,
    outputs,
    summary,
    workflow_commands,
)
from tests.report.hostile import TEXTS, commands, hostile
from tests.report.made_verdict import COMPARISON, FAILED

PLACES: dict[Role, Place] = {"ranker": Place("pipelines/new, draft.toml", 9)}


def test_the_ten_that_say_most() -> None:
    found = workflow_commands(FAILED, PLACES)
    assert len(found) == MOST
    assert found[0] == (
        "::error file=pipelines/new%2C draft.toml,line=9,title=diagnose%3A score::9 points lost"
    )
    assert [line.partition(" ")[0] for line in found] == ["::error"] * 2 + ["::warning"] * 8
    assert "title=diagnose%3A cohort of tenant=acme" in found[2]
    assert found[3].endswith("::q000 passed before and fails now: ranker (demoted)")


def test_without_places_nothing_points_at_a_file() -> None:
    assert not any("file=" in line for line in workflow_commands(FAILED, {}))


def test_a_pass_annotates_nothing() -> None:
    passed = msgspec.structs.replace(
        FAILED, outcome="pass", rules=tuple(r for r in FAILED.rules if r.outcome == "pass")
    )
    assert workflow_commands(passed, PLACES) == []
    assert outputs(passed) == "outcome=pass\npassed=true\ntop-stage=ranker\n"


def test_outputs() -> None:
    assert outputs(FAILED) == "outcome=fail\npassed=false\ntop-stage=ranker\n"
    assert outputs(msgspec.structs.replace(FAILED, stage=None)).endswith("top-stage=\n")


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_hostile_text_gives_no_command_of_its_own(text: str) -> None:
    verdict = hostile(FAILED, text)
    for line in workflow_commands(verdict, {"ranker": Place(text[:300].replace("\ud83d", ""), 1)}):
        assert "\n" not in line
        assert "\r" not in line
        assert list(commands(line)) == []
        head = line.removeprefix("::").partition("::")[0]
        # Properties end at a comma or a colon: none may come from the text.
        assert head.count(",") <= 2
        assert ":" not in head


def test_a_summary_that_github_takes() -> None:
    assert summary(FAILED).startswith("<!-- diagnose -->")
    wide = msgspec.structs.replace(COMPARISON, notes=tuple("wide " * 190 + str(i) for i in range(3000)))
    long = summary(msgspec.structs.replace(FAILED, comparison=wide))
    assert len(long.encode()) <= SUMMARY_BYTES
    assert long.endswith("GitHub takes no longer summary\n")


def test_a_regressed_query_points_at_the_stage_it_is_blamed_on() -> None:
    other = Moved("q1", 1.0, 0.0, None, "model")
    verdict = msgspec.structs.replace(
        FAILED, comparison=msgspec.structs.replace(COMPARISON, regressed=(other,))
    )
    found = workflow_commands(verdict, {"model": Place("p.toml", 3)})
    assert found[-1].startswith("::warning file=p.toml,line=3,")
