"""The command line with the time inside the embedded model's calls taken: `python timed_run.py TOLD run TRACES …`.

TOLD is the file in which the seconds (of the clock, and of the CPU), the number of calls and the moment of the first
one are in the end: that of `time.perf_counter`, which counts from one moment for all processes of a machine.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from diagnose.__main__ import main
from diagnose.stages.llama import LlamaModel


def timed_run(told: Path) -> None:
    """Run what is in `sys.argv`."""
    inside, cpu, starts, real = 0.0, 0.0, list[float](), LlamaModel.__call__

    def timed(self: LlamaModel, *given: object, **named: object) -> object:
        nonlocal inside, cpu
        starts.append(time.perf_counter())
        worked = time.process_time()
        try:
            return real(self, *given, **named)  # type: ignore[arg-type]
        finally:
            inside += time.perf_counter() - starts[-1]
            cpu += time.process_time() - worked

    LlamaModel.__call__ = timed  # type: ignore[method-assign,assignment]
    try:
        main()
    finally:
        told.write_text(json.dumps({"inside": inside, "cpu": cpu, "calls": len(starts), "first": starts[0]}))


if __name__ == "__main__":
    file = Path(sys.argv.pop(1))
    timed_run(file)
