"""Faults planted in the pipeline behind a report: does a gate that fails name the stage that was changed?

A pipeline answers hotpotqa questions, is replayed and becomes the baseline. For each known fault (`diagnose trust`) the
pipeline with it is run and replayed as well. A changed system is then one whose fault strikes a random part of the
questions; with noise, its model is moreover wrong at that rate whatever it reads, anew in each run. The name
rests on blame alone: fingerprints, which differ in just the stage that was changed, are not looked at.

    python benchmarks/gate/planted.py [--queries 200] [--noisy 60] [--draws 6] [--seed 0]

Exits with 1 where the bar is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
from hotpot import GoldOf, Planted, flaky, gold_of, missing, pipeline, queries, spoiled

from diagnose.cli.opened import scorer_of
from diagnose.core.baseline import Baseline
from diagnose.core.pipeline import Pipeline
from diagnose.core.trace import Trace
from diagnose.flow.live import live_side
from diagnose.gate.change import Chance
from diagnose.gate.judge import judged
from diagnose.gate.pairs import paired
from diagnose.gate.rules import Rules
from diagnose.replay.memo import Memo
from diagnose.stages.faults import FAULTS, Fault

LEAST_NAMED = 0.95
PARTS = (0.15, 0.3, 0.6)
"""Parts of the questions that a fault strikes."""


@dataclass(frozen=True)
class Bench:
    """The healthy pipeline, its questions and what runs are remembered in."""

    healthy: Pipeline
    asked: list[Trace]
    gold: GoldOf
    memo: Memo
    noise: float

    def side(self, made: Pipeline, seed: int) -> Baseline:
        """One run of a pipeline, replayed."""
        if self.noise:
            made = flaky(made, self.noise, self.gold, seed)
        return live_side(self.asked, made, scorer_of(made), self.memo, seed)[0]


def struck(sound: Baseline, broken: Baseline, planted: Planted) -> Baseline:
    """The side of a system whose fault strikes some of the questions: outcomes and blame are a question's own."""
    rows = tuple(
        b if planted.strikes(b.trace_id) else a for a, b in zip(sound.rows, broken.rows, strict=True)
    )
    failures = sum((row.score or 0.0) < sound.pass_mark for row in rows)
    return msgspec.structs.replace(sound, rows=rows, stages=(), n_failures=failures)


def gated(bench: Bench, fault: Fault, draws: int, seed: int) -> Counter[str]:
    """How the gates came out and what was named, over parts and draws."""
    before = msgspec.structs.replace(bench.side(bench.healthy, seed + 1), stages=())
    sound = bench.side(bench.healthy, seed + 2)
    broken = bench.side(spoiled(bench.healthy, Planted(fault, 1.0, seed), bench.gold, seed), seed + 3)
    seen: Counter[str] = Counter()
    for part in PARTS:
        for draw in range(draws):
            after = struck(sound, broken, Planted(fault, part, seed + draw))
            chance = Chance(draw, resamples=20, permutations=1999)
            verdict = judged(paired(before, after), Rules(), ("before", "after"), chance)
            seen[verdict.outcome] += 1
            if verdict.outcome == "fail":
                seen[f"named {verdict.stage}"] += 1
    return seen


def benched(n: int, n_noisy: int, draws: int, seed: int) -> Iterator[str]:
    """Prints the tables; yields what misses its bar."""
    with tempfile.TemporaryDirectory() as folder:
        asked = queries(Path(folder), n)
        healthy = pipeline(Path(folder), "healthy")
        for noise, most in ((0.0, n), (0.1, n_noisy)):
            some = asked[:most]
            bench = Bench(healthy, some, gold_of(some, healthy), Memo(), noise)
            yield from _table(bench, draws, seed)


def _table(bench: Bench, draws: int, seed: int) -> Iterator[str]:
    gates = len(PARTS) * draws
    print(f"\nNoise {bench.noise}, {len(bench.asked)} questions, {gates} gates a fault\n")
    print(f"{'fault':18} {'stage':10} {'failed':>6} {'named it':>8}  others named")
    failed = named = 0
    for fault in FAULTS.values():
        if fault.noisy or fault.role not in bench.healthy.roles:
            continue
        seen = gated(bench, fault, draws, seed)
        right = seen[f"named {fault.role}"]
        others = [f"{k.removeprefix('named ')} {v}" for k, v in seen.items() if k.startswith("named")]
        wrong = ", ".join(o for o in others if not o.startswith(fault.role))
        print(f"{fault.name:18} {fault.role:10} {seen['fail']:6} {right:8}  {wrong}", flush=True)
        failed, named = failed + seen["fail"], named + right
    print(f"\nthe changed stage is named in {named} of {failed} failed gates ({named / failed:.1%})")
    if named < LEAST_NAMED * failed:
        yield f"stage named in {named / failed:.1%} at noise {bench.noise}"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument(
        "--noisy", type=int, default=60, help="questions where replays are repeated: they take longer"
    )
    parser.add_argument("--draws", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    if why := missing():
        print(f"skipped: {why}")
        return 0
    missed = [*benched(asked.queries, asked.noisy, asked.draws, asked.seed)]
    print("\n" + ("every bar is met" if not missed else "\n".join(f"MISSED: {m}" for m in missed)))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
