"""Real runs of a real system: the same one twice, and after changes of its prompt and its retrieval.

`../shared/data/azure_rag_chat_runs` holds graded answers of six runs over 200 questions; `baseline_1` and
`baseline_2` of 2023-12-05 are the same system twice. Runs are gated on the mean of the grades that both
have (1 to 5, scaled to 0 to 1), beside the gate that fails on any drop. Then the two answers to each
question are dealt at random to a run before and a run after: pairs of unchanged runs, as noisy as the real
ones.

    python benchmarks/gate/azure_runs.py [--pairs 500] [--seed 0]

Exits with 1 where the gate fails the system held against itself, or more than 2 % of the dealt pairs.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from diagnose.core.baseline import Baseline, BaselineRow
from diagnose.core.verdict import GateVerdict
from diagnose.gate.change import Chance
from diagnose.gate.judge import judged
from diagnose.gate.pairs import paired
from diagnose.gate.rules import Rules

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "azure_rag_chat_runs" / "traces.jsonl"
GRADES = ("gpt_similarity", "gpt_groundedness", "gpt_relevance", "gpt_coherence")
TWICE = ("2023-12-05_b4de3c0/baseline_1", "2023-12-05_b4de3c0/baseline_2")
PASS_MARK = 0.75
"""A grade of 4 of 5."""
MOST_FALSE_ALARMS = 0.02

Scores = Mapping[str, float]
Grades = Mapping[str, Mapping[str, float]]
"""By question, its grades by name."""


def read_runs() -> Mapping[str, Grades]:
    """The grades of every run."""
    found: dict[str, dict[str, dict[str, float]]] = defaultdict(dict)
    with open(DATA, encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            grades = {name: _number(row["scores"].get(name)) for name in GRADES}
            found[row["run"]][row["question"]] = {g: v for g, v in grades.items() if v is not None}
    return found


def scores(before: Grades, after: Grades, wanted: tuple[str, ...] = GRADES) -> tuple[Scores, Scores]:
    """The mean of the grades that a question has in both runs."""
    a: dict[str, float] = {}
    b: dict[str, float] = {}
    for question in before.keys() & after.keys():
        names = [n for n in wanted if n in before[question] and n in after[question]]
        if names:
            a[question] = sum(before[question][n] for n in names) / len(names)
            b[question] = sum(after[question][n] for n in names) / len(names)
    return a, b


def _number(grade: object) -> float | None:
    """A grade from 0 to 1; None for what a grader that failed wrote in its place."""
    try:
        value = (float(str(grade)) - 1.0) / 4.0
    except ValueError:
        return None
    return value if 0.0 <= value <= 1.0 else None


def side(scores: Scores) -> Baseline:
    """A run as one side of a gate; nothing of it was replayed."""
    rows = tuple(BaselineRow(q, q, score=s) for q, s in sorted(scores.items()))
    return Baseline(
        version="azure",
        metric="gpt grades",
        pass_mark=PASS_MARK,
        pipeline=None,
        corpus=None,
        stages=(),
        roles=(),
        replayed=False,
        steady=False,
        n_failures=sum(s < PASS_MARK for s in scores.values()),
        undecided=0,
        fidelity={},
        rows=rows,
    )


def gated(before: Scores, after: Scores, seed: int) -> GateVerdict:
    """The verdict on a run held against another."""
    chance = Chance(seed, resamples=200, permutations=1999)
    return judged(paired(side(before), side(after)), Rules(), ("before", "after"), chance)


def whole_runs(runs: Mapping[str, Grades], seed: int) -> bool:
    """Prints the comparison of every run with the first baseline; whether the system passes itself."""
    print("Whole runs\n")
    print(f"{'before':30} {'after':39} {'change':>7} {'95 %':>15} {'flips':>6} {'gate':>12} {'any drop':>8}")
    met = True
    for a, b in [TWICE, TWICE[::-1], *((TWICE[0], run) for run in runs if run not in TWICE)]:
        verdict = gated(*scores(runs[a], runs[b]), seed)
        found = verdict.comparison
        low, high = found.score.low or 0.0, found.score.high or 0.0
        print(
            f"{a:30} {b:39} {found.score.change:+7.3f} {low:+7.3f} {high:+7.3f} {found.flips:6.1%} "
            f"{verdict.outcome:>12} {'fail' if found.score.change < 0 else 'pass':>8}"
        )
        met &= b not in TWICE or verdict.outcome != "fail"
    return met


def dealt(runs: Mapping[str, Grades], pairs: int, seed: int) -> bool:
    """Prints how often unchanged runs are failed; whether the bar is met."""
    print(f"\nThe two answers of the same system dealt at random, {pairs} pairs of runs\n")
    print(f"{'score':18} {'fail':>7} {'pass':>7} {'inconclusive':>12} {'fails on any drop':>17}")
    met = True
    for wanted in (GRADES, *((grade,) for grade in GRADES)):
        first, second = scores(runs[TWICE[0]], runs[TWICE[1]], wanted)
        rng, outcomes = np.random.default_rng(seed), Counter[str]()
        for i in range(pairs):
            swap = dict(zip(sorted(first), rng.random(len(first)) < 0.5, strict=True))
            a = {q: second[q] if swap[q] else first[q] for q in first}
            b = {q: first[q] if swap[q] else second[q] for q in first}
            verdict = gated(a, b, i)
            outcomes[verdict.outcome] += 1
            outcomes["any drop"] += verdict.comparison.score.change < 0
        parts = [outcomes[name] / pairs for name in ("fail", "pass", "inconclusive", "any drop")]
        name = wanted[0] if len(wanted) == 1 else "mean of all"
        print(f"{name:18} {parts[0]:7.1%} {parts[1]:7.1%} {parts[2]:12.1%} {parts[3]:17.1%}", flush=True)
        met &= parts[0] <= MOST_FALSE_ALARMS
    return met


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    if not DATA.is_file():
        print(f"skipped: {DATA.parent.name} is not beside the repository")
        return 0
    runs = read_runs()
    met = whole_runs(runs, asked.seed)
    met &= dealt(runs, asked.pairs, asked.seed)
    print("\nevery bar is met" if met else "\nMISSED: false alarms on the same system twice")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
