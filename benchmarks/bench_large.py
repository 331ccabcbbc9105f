"""A large log with nothing to replay: `diagnose run` without a pipeline against `json.loads` of the same file.

CPU time of both, so that other work on the machine does not count; peaks are of processes of their own.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from figures import Alone, Figure, alone, tell

WORDS = [f"{a}{b}" for a in ("ka", "lo", "mi", "ren", "sto", "vu") for b in ("ba", "del", "fo", "gra", "tin")]
SIZE = 20_000
LARGE = 200_000
PASSAGES, LENGTH = 10, 60


def make(path: Path, n: int, passages_each: int = PASSAGES) -> None:
    """A log of `n` traces; in one of five the evidence is lost, a third of the answers is wrong."""
    rng = random.Random(0)
    texts = [" ".join(rng.choices(WORDS, k=LENGTH)) for _ in range(5_000)]
    with path.open("w") as file:
        for i in range(n):
            picked = rng.sample(range(len(texts)), passages_each)
            gold = picked[rng.randrange(passages_each)] if rng.random() < 0.8 else 5_000
            answer = f"{WORDS[i % 30]} {i}"
            said = answer if rng.random() < 0.67 else "something else"
            passages = [
                {"id": f"p{p}", "text": texts[p], "score": 1.0 / (j + 1)} for j, p in enumerate(picked)
            ]
            context = {
                "text": "\n\n".join(texts[p] for p in picked[:4]),
                "passages": [{"id": f"p{p}"} for p in picked[:4]],
            }
            trace = {
                "trace_id": f"t{i}",
                "query": {"text": f"What of {' '.join(rng.choices(WORDS, k=6))}?"},
                "gold": {"answers": [answer], "passages": [{"id": f"p{gold}"}]},
                "steps": [
                    {"role": "retriever", "output": {"passages": passages}},
                    {"role": "packer", "output": context},
                    {"role": "model", "output": {"text": f"It is {said}."}},
                ],
                "tags": {"tenant": f"t{i % 7}"},
            }
            file.write(json.dumps(trace) + "\n")


def loads(path: str) -> None:
    """What the file takes anybody who only reads it."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            json.loads(line)


def run(path: Path, folder: Path) -> Alone:
    """The report without a replay, by a program whose modules are compiled, as an installed one's are."""
    program = str(Path(sys.executable).with_name("diagnose"))
    compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "compiled")}
    return alone([program, "run", str(path), "-q", "-o", str(folder / "report")], **compiled)


def main() -> None:
    """20,000 traces, and ten times as many."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "traces.jsonl"
        make(path, 20)
        run(path, folder)  # compiles
        make(path, SIZE)
        plain, took = alone([sys.executable, __file__, "loads", str(path)]), run(path, folder)
        make(path, LARGE)
        large = run(path, folder)
    note = f"{took.cpu_s:.1f} s of CPU, json.loads {plain.cpu_s:.1f}"
    what = f"{SIZE:,} traces, no replay"
    tell(Figure(f"{what}: time", "json.loads of the same file", took.cpu_s / plain.cpu_s, 6.0, "<=", note))
    tell(Figure(f"{what}: peak MB", "–", took.peak_mb, 500.0, "<="))
    note = f"{large.peak_mb:.0f} MB, {large.cpu_s:.0f} s of CPU"
    grown = large.peak_mb / took.peak_mb
    tell(Figure(f"{LARGE:,} traces, no replay: peak", f"peak of {SIZE:,}", grown, 1.2, "<=", note))


if __name__ == "__main__":
    loads(sys.argv[2]) if sys.argv[1:2] == ["loads"] else main()
