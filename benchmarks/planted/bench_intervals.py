"""Whether the intervals cover and the sequential test keeps its error rate, on simulated logs of known truth.

    python benchmarks/planted/bench_intervals.py [--logs 200] [--seed 0] [--quick]

Coverage: over 200 logs, how often the 95 % interval of a stage's share holds the true share (bar: 92 to 98 %).
Error: of the verdicts that were settled, peeked at after every call, how many are not the one that the true pass rates
give (bar: alpha), also where many prompts pass at rates in between and where the rate pooled over traces
is wrong for some. Writes `INTERVALS.md` and `intervals.json` beside itself.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from benchmarks.planted.simulated import (
    PASS_MARK,
    ROLES,
    World,
    concluded,
    drawn,
    funnel_of,
    game_of,
    populations,
    sampled,
    true_verdict,
    true_worth,
)
from diagnose import __version__
from diagnose.ablate.spread import Effort
from diagnose.attribute import shapley
from diagnose.attribute.gains import Log
from diagnose.attribute.summarise import summarise
from diagnose.attribute.verdict import Facts, blamed
from diagnose.core.blame import Blame
from diagnose.core.game import Game
from diagnose.flow.swayed import swayed_of
from diagnose.stats.permutation import wilson_interval

HERE = Path(__file__).parent
LEAST, MOST = 0.92, 0.98
"""Bounds on the coverage of a 95 % interval."""
TRACES = 80
"""Traces of a simulated log."""
TRUTH_DRAWS = 20_000
"""Failing traces from which the true shares of a population are computed."""
STEADY = World("deterministic", 0.0)
COVERED = (
    STEADY,
    World("noise 0.2", 0.2),
    World("noise 0.35", 0.35),
    World("noise 0.35, in between", 0.35, 0.5),
)
TESTED = (
    World("noise 0.2", 0.2),
    World("noise 0.35", 0.35),
    World("noise 0.2, half of the spoilt prompts pass at 0.2 to 0.6", 0.2, 0.5),
    World("noise 0.35, half of the spoilt prompts pass at 0.2 to 0.6", 0.35, 0.5),
    World("noise 0.1, but 0.4 to 0.7 in a fifth of the traces", 0.1, 0.0, 0.2, (0.3, 0.6)),
    World("noise 0.1, but 0.7 to 0.95 in a tenth of the traces", 0.1, 0.0, 0.1, (0.05, 0.3)),
    World("noise 0.5: right every other time", 0.5),
    World("noise alone, 0.35", 0.35, weights=(0, 0, 0, 0, 0, 0, 1)),
)
ALPHAS = (0.01, 0.05)


@dataclass(frozen=True)
class Coverage:
    """How often the interval of a stage's share held the true share; `missing` logs gave no interval."""

    world: str
    role: str
    true_share: float
    mean_share: float
    mean_width: float
    logs: int
    missing: int
    covered: int

    @property
    def part(self) -> float:
        """Of the logs with an interval."""
        return self.covered / max(1, self.logs - self.missing)


@dataclass(frozen=True)
class Errors:
    """What the sequential test came to: settled verdicts, how many of them are wrong, and the model calls each failure
    took, the logged one not counted."""

    world: str
    alpha: float
    most_calls: int
    failures: int
    settled: int
    wrong: int
    calls: float
    by_truth: dict[str, tuple[int, int, int]]

    @property
    def part(self) -> float:
        """Of the settled verdicts."""
        return self.wrong / max(1, self.settled)


def true_shares(world: World, seed: int) -> np.ndarray:
    """[roles]: each stage's part of the loss over all failing traces of a population."""
    rng = np.random.default_rng([seed, 999_983])
    worths: list[np.ndarray] = []
    while len(worths) < TRUTH_DRAWS:
        one = drawn(world, rng)
        if rng.random() >= one.rates[one.unit_of[0]]:
            worths.append(true_worth(one))
    total = shapley.shares(np.stack(worths)).sum(axis=0)
    return np.asarray(total / total.sum())


def covered(world: World, n_logs: int, seed: int) -> list[Coverage]:
    """Coverage of every stage's interval in one world."""
    truth = true_shares(world, seed)
    found: dict[str, list[tuple[float, float | None, float | None]]] = {role: [] for role in ROLES}
    for log, rng in populations(world, n_logs, TRACES, seed):
        games: list[Game] = []
        blames: list[Blame] = []
        if world.noise:
            ways = sampled(log, Effort(), rng)
            pairs = [
                concluded(f"t{i}", one, way)
                for i, (one, way) in enumerate(zip(log.failures, ways, strict=True))
            ]
        else:
            plain = [(one, game_of(f"t{i}", true_worth(one))) for i, one in enumerate(log.failures)]
            pairs = [(game, blamed(game, PASS_MARK, Facts(funnel=funnel_of(one)))) for one, game in plain]
        for game, blame in pairs:
            games.append(game)
            blames.append(blame)
        swayed = swayed_of(list(zip(ways, blames, strict=True)), log.right) if world.noise else None
        score = 1.0 - len(blames) / TRACES
        for ranked in summarise(games, blames, Log(TRACES, score, swayed=swayed), seed).ranking:
            found[ranked.role].append((ranked.share, ranked.low, ranked.high))
    return [_coverage(world.name, role, float(truth[i]), found[role]) for i, role in enumerate(ROLES)]


def _coverage(
    world: str, role: str, truth: float, found: Sequence[tuple[float, float | None, float | None]]
) -> Coverage:
    known = [(low, high) for _, low, high in found if low is not None and high is not None]
    return Coverage(
        world=world,
        role=role,
        true_share=truth,
        mean_share=float(np.mean([share for share, _, _ in found])),
        mean_width=float(np.mean([high - low for low, high in known])) if known else 0.0,
        logs=len(found),
        missing=len(found) - len(known),
        covered=sum(low <= truth <= high for low, high in known),
    )


def tested(world: World, alpha: float, most_calls: int, n_logs: int, seed: int) -> Errors:
    """The sequential test's error in one world."""
    failures = settled = wrong = 0
    calls = 0
    names = (*ROLES, "no loss")
    by_truth = {name: [0, 0, 0] for name in names}
    effort = Effort(alpha, most_calls)
    for log, rng in populations(world, n_logs, TRACES, seed):
        for one, way in zip(log.failures, sampled(log, effort, rng), strict=True):
            assert way.leaning is not None
            truth = true_verdict(one, world.noise)
            erred = way.settled and way.leaning.leader != truth
            failures, settled, wrong = failures + 1, settled + way.settled, wrong + erred
            calls += way.cells.n_calls
            row = by_truth[names[truth]]
            row[0], row[1], row[2] = row[0] + 1, row[1] + way.settled, row[2] + erred
    rows = {name: (row[0], row[1], row[2]) for name, row in by_truth.items() if row[0]}
    return Errors(world.name, alpha, most_calls, failures, settled, wrong, calls / max(1, failures), rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both; 0 where every bar holds, else 1."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--logs", type=int, default=200, help="simulated logs for the coverage")
    parser.add_argument("--test-logs", type=int, default=20, help="simulated logs for each error rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--quick", action="store_true", help="few logs; prints, writes nothing")
    told = parser.parse_args(arguments)
    n_logs, n_tests = (20, 3) if told.quick else (told.logs, told.test_logs)
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    started = time.monotonic()
    with ProcessPoolExecutor(told.jobs, mp_context=get_context("spawn")) as pool:
        covering = [pool.submit(covered, world, n_logs, told.seed) for world in COVERED]
        testing = [
            pool.submit(tested, world, alpha, Effort().max_calls_per_trace, n_tests, told.seed)
            for world in TESTED
            for alpha in ALPHAS
        ]
        testing += [
            pool.submit(tested, TESTED[3], alpha, 100, max(1, n_tests // 4), told.seed) for alpha in ALPHAS
        ]
        coverages = [row for job in covering for row in job.result()]
        errors = [job.result() for job in testing]
    lines = page(coverages, errors)
    print("\n".join(lines), flush=True)
    if not told.quick:
        _write(lines, coverages, errors, f"--seed {told.seed}", time.monotonic() - started)
    held = all(LEAST <= row.part <= MOST for row in coverages) and all(
        row.part <= row.alpha for row in errors
    )
    return 0 if held else 1


MISSED_WHY = (
    "An interval is of resampled traces, each with what it tells of the others' pass rates (docs/decisions/0021).\n"
    "It is too short where that is not nearly linear, and where a small share rests on few failures: it is skew.\n"
    "200 logs tell a coverage to some 1.5 points. Compare the two columns for how far the estimates are biased."
)


def page(coverages: Sequence[Coverage], errors: Sequence[Errors]) -> list[str]:
    """Both tables, and between them what is missed, by how much and why."""
    misses = [
        f"* {row.world}, {row.role}: by {(LEAST - row.part if row.part < LEAST else row.part - MOST) * 100:.1f} points"
        for row in coverages
        if not LEAST <= row.part <= MOST
    ]
    misses += [
        f"* {row.world}, alpha {row.alpha:g}: by {(row.part - row.alpha) * 100:.2f} points"
        for row in errors
        if row.part > row.alpha
    ]
    told = ["Missed:", "", *misses, "", *MISSED_WHY.split("\n"), ""] if misses else []
    return [*_coverage_table(coverages), "", *told, *_error_table(errors)]


def _coverage_table(rows: Sequence[Coverage]) -> list[str]:
    lines = [
        "| log | stage | true share | mean estimate | mean width | intervals | held it | 92 to 98 % |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        verdict = "held" if LEAST <= row.part <= MOST else "**missed**"
        lines.append(
            f"| {row.world} | {row.role} | {row.true_share:.3f} | {row.mean_share:.3f} | {row.mean_width:.3f} "
            f"| {row.logs - row.missing} of {row.logs} | {row.part * 100:.1f} % | {verdict} |"
        )
    return lines


def _error_table(rows: Sequence[Errors]) -> list[str]:
    lines = [
        "| log | alpha | most calls | failures | settled | wrong of the settled (95 %) | calls a failure | |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        low, high = wilson_interval(row.wrong, row.settled) if row.settled else (0.0, 1.0)
        verdict = "held" if row.part <= row.alpha else "**missed**"
        wrong = f"{row.wrong} = {row.part * 100:.2f} % ({low * 100:.2f} to {high * 100:.2f})"
        lines.append(
            f"| {row.world} | {row.alpha:g} | {row.most_calls} | {row.failures} | {row.settled / row.failures:.3f} "
            f"| {wrong} | {row.calls:.2f} | {verdict} |"
        )
    return lines


def _write(
    lines: Sequence[str],
    coverages: Sequence[Coverage],
    errors: Sequence[Errors],
    options: str,
    elapsed_s: float,
) -> None:
    head = [
        "# Intervals and the sequential test, on logs of known truth",
        "",
        "Written by `bench_intervals.py`; do not edit.",
        "",
        f"* command: `python benchmarks/planted/bench_intervals.py {options}`",
        f"* versions: diagnose {__version__}, Python {platform.python_version()}, numpy {np.__version__}",
        f"* machine: {platform.machine()}, {os.cpu_count()} cores, {platform.system()}; {elapsed_s / 60:.0f} minutes",
        "",
    ]
    (HERE / "INTERVALS.md").write_text("\n".join([*head, *lines]) + "\n", encoding="utf-8")
    found = {
        "coverage": [{**asdict(row), "part": row.part} for row in coverages],
        "errors": [{**asdict(row), "part": row.part} for row in errors],
    }
    (HERE / "intervals.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
