from __future__ import annotations

from pathlib import Path

from diagnose.core.artifact import Answer, Query
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import Given, Stage
from diagnose.core.trace import Gold, GoldPassage, Trace
from diagnose.errors import StageFailed
from diagnose.flow.silver import TAG, silvered
from diagnose.replay.memo import Memo
from diagnose.replay.run import Runner
from tests.cli.desks import command, files, logged


def stronger() -> Pipeline:
    def run(given: Given, seed: int | None) -> Answer:
        if "fails" in given.query:
            raise StageFailed("no")
        return Answer("I don't know." if "hard" in given.query else f"{given.query}, surely.")

    return Pipeline("strong", (Stage("model", "m", run, "m", deterministic=True),))


def test_only_what_has_no_reference_gets_a_silver_one() -> None:
    labelled = Trace("a", Query("one"), gold=Gold(("1",)))
    none = Trace("b", Query("none"), gold=Gold(answerable=False))
    evidence = Trace("c", Query("two"), gold=Gold((), (GoldPassage("d"),)), tags={"tenant": "x"})
    bare, hard, broken = (Trace(t, Query(t)) for t in ("three", "hard", "fails"))
    found = silvered([labelled, none, evidence, bare, hard, broken], Runner(stronger(), Memo()))
    assert found.traces[:2] == (labelled, none)
    assert found.traces[4:] == (hard, broken)
    assert (found.n, found.unanswered) == (2, 2)
    silver = found.traces[2]
    assert silver.gold == Gold(("two, surely.",), (GoldPassage("d"),))
    assert silver.tags == {"tenant": "x", TAG: "silver: strong"}
    assert found.traces[3].gold == Gold(("three, surely.",))
    assert found.mark == "Silver references (2 of 6 are answers of strong, not labels): "


def test_every_output_says_that_references_are_silver(tmp_path: Path) -> None:
    log = logged(tmp_path / "desk", most=5)
    lines = log.read_text().splitlines()
    import json

    bare = [{k: v for k, v in json.loads(line).items() if k not in ("gold", "outcome")} for line in lines]
    log.write_text("".join(json.dumps(one) + "\n" for one in bare))
    own = tmp_path / "desk" / "pipeline.toml"
    strong = tmp_path / "desk" / "strong.toml"
    strong.write_text(own.read_text().replace("own:rank_worst_first", "own:rank"))
    out = tmp_path / "out"
    done = command("run", log, "-p", own, "--silver", strong, "-o", out, "--no-memo")
    assert done.exit_code == 0, done.stderr
    assert "are answers of" in " ".join(done.stdout.split())
    for name, body in files(out).items():
        if name in ("report.json", "report.md", "report.html"):
            assert b"Silver references (5 of 5" in body, name
        if name == "outcomes.jsonl":
            assert body.count(b"silver: ") == 5
