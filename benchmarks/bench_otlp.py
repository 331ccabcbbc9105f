"""A gigabyte of OpenTelemetry spans to traces, against `json.loads` of the same lines; and its memory against that of
an eighth of it. CPU seconds, each reading in a process of its own. The other readers: `bench_readers.py`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from bench_readers import make_otlp
from figures import Alone, Figure, alone, tell

GIGABYTE = 1 << 30
PART = 8


def read(how: str, path: Path) -> Alone:
    """One reading."""
    return alone(
        [sys.executable, str(Path(__file__).with_name("bench_readers.py")), "--read", how, str(path)]
    )


def main() -> None:
    """Make, read, tell."""
    with tempfile.TemporaryDirectory(prefix="diagnose-bench-") as folder:
        path = Path(folder) / "spans.jsonl"
        make_otlp(path, GIGABYTE // PART)
        small = read("read_log", path)
        n = make_otlp(path, GIGABYTE)
        plain, took = read("json.loads", path), read("read_log", path)
    what = "a 1 GB OTLP file, read"
    note = f"{took.cpu_s:.1f} s of CPU, json.loads {plain.cpu_s:.1f}; {n:,} traces"
    tell(Figure(f"{what}: time", "json.loads of it", took.cpu_s / plain.cpu_s, 5.0, "<=", note))
    note = f"{took.peak_mb:.0f} MB"
    tell(Figure(f"{what}: peak", "peak of an eighth of it", took.peak_mb / small.peak_mb, 1.2, "<=", note))


if __name__ == "__main__":
    main()
