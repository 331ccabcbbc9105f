"""Simulated systems with a known truth: how often unchanged ones fail, and true drops are caught or let
through.

A system answers `BASE` of its questions; the rest fail, each at a stage. Its answers waver in one of two
ways:

* `flips`: any outcome comes out the other way round now and then, so that two runs of the system disagree
on the
  part `noise` of the questions: what anybody can measure by running a system twice.
* `flaky`: the model is wrong with probability `noise` whatever it reads (the fault of that name in `diagnose
  trust`); two runs then disagree on nearly twice that part of the questions that it can answer.

A report is what the log alone shows (`logged`), or has each failure replayed once (`replayed`): steady
failures then fail again and are blamed on their stage, chance ones mostly pass again. The changed system
has, besides, a steady fault of one stage on as many questions as lower the expected score by the drop.

    python benchmarks/gate/simulated.py [--pairs 500] [--seed 0]

Exits with 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from statistics import NormalDist

import numpy as np

from diagnose.core.baseline import Baseline, BaselineRow
from diagnose.core.stage import Role
from diagnose.gate.change import Chance
from diagnose.gate.judge import judged
from diagnose.gate.pairs import paired
from diagnose.gate.rules import ALPHA, MARGIN, Rules

ROLES: tuple[Role, ...] = ("retriever", "ranker", "packer", "model")
BASE = 0.75
"""Part of the questions that the system answers, but for chance."""
MOST_FALSE_ALARMS = 0.02
LEAST_POWER = 0.85
MOST_SILENT = 0.02
LEAST_NAMED = 0.95
KINDS = ("flips", "flaky")
NOISE = (0.0, 0.1, 0.25)
DROPS = (0.02, 0.05, 0.1, 0.15)
BARS = {(0.0, 1000, 0.05), (0.0, 200, 0.1), (0.1, 1000, 0.05), (0.1, 200, 0.1)}
"""Noise, traces and drop at which a bar holds."""


@dataclass(frozen=True)
class System:
    """What a simulated system does with each question: the stage that fails it, or None where it answers;
    and how often a right outcome comes out wrong, and a wrong one right."""

    fails_at: tuple[Role | None, ...]
    slips: float
    luck: float

    def report(self, rng: np.random.Generator, replayed: bool) -> Baseline:
        """One run of the system, logged, and its failures replayed or not."""
        drawn = rng.random((len(self.fails_at), 2))
        rows = tuple(
            self._row(i, logged, again, replayed) for i, (logged, again) in enumerate(drawn.tolist())
        )
        return Baseline(
            version="simulated",
            metric="contains",
            pass_mark=0.5,
            pipeline=None,
            corpus=None,
            stages=(),
            roles=ROLES,
            replayed=replayed,
            steady=replayed and self.slips == self.luck == 0.0,
            n_failures=sum(row.score == 0.0 for row in rows),
            undecided=0,
            fidelity={},
            rows=rows,
        )

    def _row(self, i: int, logged: float, again: float, replayed: bool) -> BaselineRow:
        name, at = f"q{i:05}", self.fails_at[i]
        passing = 1.0 - self.slips if at is None else self.luck
        if logged < passing:
            return BaselineRow(name, name, score=1.0)
        if not replayed:
            return BaselineRow(name, name, score=0.0)
        if again < passing:
            return BaselineRow(name, name, score=0.0, held=0.5, verdict="undecided")
        role = at or "model"
        return BaselineRow(name, name, score=0.0, held=0.0, verdict=role, blame={role: 1.0})


def wavering(kind: str, noise: float) -> tuple[float, float]:
    """How often a right outcome comes out wrong, and a wrong one right."""
    if kind == "flaky":
        return noise, 0.0
    flip = (1.0 - math.sqrt(1.0 - 2.0 * noise)) / 2.0  # two runs disagree with probability 2 flip (1 - flip)
    return flip, flip


def system(n: int, kind: str, noise: float, rng: np.random.Generator) -> System:
    """An unchanged system over `n` questions."""
    fails = rng.permutation(n) >= round(BASE * n)
    stages = rng.integers(0, len(ROLES), size=n)
    at = tuple(ROLES[s] if f else None for f, s in zip(fails, stages, strict=True))
    return System(at, *wavering(kind, noise))


def worse(before: System, drop: float, role: Role, rng: np.random.Generator) -> System:
    """The same with a steady fault of a stage that lowers the expected mean score by `drop`."""
    n, right = len(before.fails_at), [i for i, at in enumerate(before.fails_at) if at is None]
    hit = set(rng.permutation(right)[: round(drop * n / (1.0 - before.slips - before.luck))].tolist())
    return replace(before, fails_at=tuple(role if i in hit else at for i, at in enumerate(before.fails_at)))


@dataclass(frozen=True)
class Seen:
    """How many of the gates came out how, and how many a gate that fails on any drop would have failed."""

    outcomes: Counter[str]
    naive: int
    named: int

    def part(self, outcome: str) -> float:
        return self.outcomes[outcome] / self.outcomes.total()


@dataclass(frozen=True)
class Cell:
    """One setting of the simulation."""

    kind: str
    replayed: bool
    noise: float
    n: int
    drop: float = 0.0

    def __str__(self) -> str:
        reports = "replayed" if self.replayed else "logged"
        return f"{self.kind:6} {reports:9} {self.noise:5.2f} {self.n:6}"


HEAD = f"{'noise':6} {'reports':9} {'':5} {'traces':>6}"


def gates(cell: Cell, pairs: int, seed: int) -> Seen:
    """Hold `pairs` simulated reports against baselines of the same questions."""
    rng = np.random.default_rng(
        [seed, cell.n, round(cell.noise * 1000), round(cell.drop * 1000), cell.replayed]
    )
    outcomes: Counter[str] = Counter()
    naive = named = 0
    for i in range(pairs):
        role = ROLES[i % len(ROLES)]
        before = system(cell.n, cell.kind, cell.noise, rng)
        after = worse(before, cell.drop, role, rng) if cell.drop else before
        found = paired(before.report(rng, cell.replayed), after.report(rng, cell.replayed))
        # Intervals are not looked at here: few resamples.
        verdict = judged(found, Rules(), ("before", "after"), Chance(i, resamples=20, permutations=1999))
        outcomes[verdict.outcome] += 1
        naive += verdict.comparison.score.change < 0
        named += verdict.outcome == "fail" and verdict.stage == role
    return Seen(outcomes, naive, named)


def limit(cell: Cell) -> float:
    """Power of the best paired test of single runs in theory (normal approximation) at the level of the
    score rule."""
    slips, luck = wavering(cell.kind, cell.noise)
    hit = cell.drop / (1.0 - slips - luck)
    flips = 2.0 * (slips * (1.0 - slips) * (BASE - hit) + luck * (1.0 - luck) * (1.0 - BASE))
    flips += hit * ((1.0 - slips) * (1.0 - luck) + slips * luck)
    normal, variance = NormalDist(), flips - cell.drop**2
    return normal.cdf(cell.drop * math.sqrt(cell.n / variance) - normal.inv_cdf(1.0 - ALPHA))


def false_alarms(pairs: int, seed: int) -> Iterator[str]:
    """Prints the table of unchanged systems; yields what misses its bar."""
    print(f"Unchanged systems, {pairs} pairs each (at most {MOST_FALSE_ALARMS:.0%} may fail)\n")
    print(f"{HEAD} {'fail':>7} {'pass':>7} {'inconclusive':>12} {'fails on any drop':>17}")
    for kind, replayed, noise, n in product(KINDS, (False, True), NOISE, (50, 200, 1000)):
        cell = Cell(kind, replayed, noise, n)
        seen = gates(cell, pairs, seed)
        print(
            f"{cell} {seen.part('fail'):7.1%} {seen.part('pass'):7.1%} {seen.part('inconclusive'):12.1%} "
            f"{seen.naive / pairs:17.1%}",
            flush=True,
        )
        if seen.part("fail") > MOST_FALSE_ALARMS:
            yield f"false alarms {seen.part('fail'):.1%} ({cell})"


def power(pairs: int, seed: int) -> Iterator[str]:
    """Prints the curves of true drops; yields what misses its bar."""
    print(f"\nTrue drops, {pairs} pairs each (at least {LEAST_POWER:.0%} caught where marked *, at most")
    print(
        f"{MOST_SILENT:.0%} let pass of drops of 5 points up; limit: of the best paired test of the logs)\n"
    )
    print(
        f"{HEAD} {'drop':>5} {'caught':>8} {'limit':>7} {'pass':>7} {'inconclusive':>12} {'stage named':>11}"
    )
    failed = named = 0
    for kind, replayed, noise, n, drop in product(KINDS, (False, True), NOISE, (200, 1000), DROPS):
        cell = Cell(kind, replayed, noise, n, drop)
        seen = gates(cell, pairs, seed)
        yield from _curve(cell, seen)
        failed += seen.outcomes["fail"] if replayed else 0
        named += seen.named if replayed else 0
    print(f"\nstage named in {named:,} of {failed:,} failed gates ({named / failed:.1%})")
    if named < LEAST_NAMED * failed:
        yield f"stage named {named / failed:.1%}"


def _curve(cell: Cell, seen: Seen) -> Iterator[str]:
    caught, silent, failed = seen.part("fail"), seen.part("pass"), seen.outcomes["fail"]
    # No test of single runs can catch what is beyond its limit: there the bar is for replayed reports.
    barred = (cell.noise, cell.n, cell.drop) in BARS and (cell.replayed or limit(cell) >= LEAST_POWER)
    named = f"{seen.named / failed:11.1%}" if cell.replayed and failed else ""
    print(
        f"{cell} {cell.drop:5.2f} {caught:7.1%}{'*' if barred else ' '} {limit(cell):7.1%} {silent:7.1%} "
        f"{seen.part('inconclusive'):12.1%} {named}",
        flush=True,
    )
    if barred and caught < LEAST_POWER:
        yield f"power {caught:.1%} ({cell}, drop {cell.drop})"
    if cell.drop >= MARGIN and silent > MOST_SILENT:
        yield f"silent pass {silent:.1%} ({cell}, drop {cell.drop})"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--pairs", type=int, default=500, help="pairs a cell of the power curves; unchanged: 4 times"
    )
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    missed = [*false_alarms(4 * asked.pairs, asked.seed), *power(asked.pairs, asked.seed)]
    print("\n" + ("every bar is met" if not missed else "\n".join(f"MISSED: {m}" for m in missed)))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
