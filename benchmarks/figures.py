"""What a benchmark measures, as rows of RESULTS.md: each a ratio against something measured in the same run."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"


@dataclass(frozen=True)
class Figure:
    """One measured value. `bar` is what it has to reach (None: told for information), in the sense of `sense`;
    `value` None means that it could not be measured here, `note` then says why."""

    what: str
    against: str
    value: float | None
    bar: float | None = None
    sense: Literal["<=", ">=", "="] = "<="
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the bar is reached; None where there is none or nothing was measured."""
        if self.value is None or self.bar is None:
            return None
        if self.sense == "=":
            return abs(self.value - self.bar) < 1e-9
        return self.value <= self.bar if self.sense == "<=" else self.value >= self.bar


def tell(figure: Figure) -> None:
    """Put a figure on stdout, one JSON object a line, for `results.py`."""
    print("FIGURE " + json.dumps(asdict(figure)), flush=True)


def timed(work: Callable[[], object], times: int = 1) -> float:
    """The seconds of the fastest of several runs: what other load of the machine disturbs least."""
    found = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return min(found)


@dataclass(frozen=True)
class Alone:
    """What one process took: wall and CPU seconds and its peak memory in MB."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    said: str


def alone(arguments: list[str], **environment: str) -> Alone:
    """Run a program in a process of its own; raises CalledProcessError where it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    code = (
        "import resource, subprocess, sys; r = subprocess.run(sys.argv[1:]); "
        "print('PEAK', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(r.returncode)"
    )
    started = time.perf_counter()
    ran = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code, *arguments],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    wall_s = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    said, _, peak = ran.stdout.rpartition("PEAK ")
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Alone(wall_s, cpu_s, int(peak) / 1024, said)
