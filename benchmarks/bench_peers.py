"""This tool and `whydunit` on the same failures of planted faults: model runs a failure, and right verdicts.

A small sample of `benchmarks/planted`, which has the whole comparison and what each is given.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))
from figures import Figure, tell

from benchmarks.planted import gathered as data
from benchmarks.planted.baselines import WHYDUNIT, whydunit_version
from benchmarks.planted.bench_planted import Unit, measured
from benchmarks.planted.tally import counted, counted_by
from benchmarks.planted.trials import Setup

QUESTIONS = 30


def main() -> None:
    """Single faults in the extractive pipeline over HotpotQA, where every stage is deterministic."""
    version = whydunit_version()
    absent = data.missing() or (None if version else "whydunit is not installed: benchmarks/requirements.txt")
    if absent:
        tell(Figure("right verdicts", "whydunit", None, 1.0, ">=", absent))
        return
    data.made_ready()
    part = measured(Unit(Setup("hotpotqa-extract", "hotpotqa", QUESTIONS), "single", 0.0, 0))
    cases = [case for case in part.cases if WHYDUNIT in case.said]
    ours, theirs = counted(cases), counted_by(WHYDUNIT, cases)
    assert theirs is not None and theirs.runs_each is not None and ours.runs_each is not None
    who = f"whydunit {version}"
    note = f"{ours.n} failures, {ours.right} right of ours, {theirs.right} of theirs"
    tell(Figure("right verdicts", who, ours.right / max(1, theirs.right), 1.0, ">=", note))
    note = f"{ours.runs_each:.2f} of ours, {theirs.runs_each:.2f} of theirs"
    tell(Figure("model runs a failure", who, ours.runs_each / theirs.runs_each, 1.0, "<=", note))


if __name__ == "__main__":
    main()
