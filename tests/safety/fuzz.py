"""Random damage to sound inputs, thrown at every reader: only errors of our own may come out.

    python -m tests.safety.fuzz --inputs 1000000 --seed 1

prints what was tried; an input that breaks a reader is kept in `corpus/`, where a test throws it again for good. The
inputs are made in rounds of 10,000, each from the seed and its number, and each says on stderr what it came to:
`--first-round 40` goes on after a run that was broken off in its fortieth.
`fuzz_atheris.py` drives the same readers by coverage.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from diagnose.errors import DiagnoseError
from diagnose.report.to_json import read_report
from diagnose.stages.load import load_pipeline
from diagnose.traces.account import Account
from diagnose.traces.check import check_log
from diagnose.traces.from_jsonl import read_traces
from diagnose.traces.labels import read_labels
from diagnose.traces.outcomes import read_baseline, read_outcomes
from diagnose.traces.read import read_log
from diagnose.traces.saved import read_blames, read_cases, read_games

CORPUS = Path(__file__).parent / "corpus"
ROUND = 10_000
"""Inputs between two words on how far it is."""
SLOW_S = 5.0
"""CPU seconds after which one small input counts as a failure of its own."""


def _all(values: Iterable[object]) -> None:
    for _ in values:
        pass


READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "log": ("json", lambda path: _all(read_log(path, account=Account()))),
    "rows": ("csv", lambda path: _all(read_log(path, account=Account()))),
    "traces": ("jsonl", lambda path: _all(read_traces(path))),
    "check": ("jsonl", check_log),
    "labels": ("jsonl", read_labels),
    "games": ("jsonl", lambda path: _all(read_games(path))),
    "blames": ("jsonl", lambda path: _all(read_blames(path))),
    "cases": ("jsonl", lambda path: _all(read_cases(path))),
    "outcomes": ("jsonl", lambda path: _all(read_outcomes(path))),
    "baseline": ("json", read_baseline),
    "report": ("json", read_report),
    "pipeline": ("toml", load_pipeline),
}
"""Each reader by name, and the suffix of what it reads."""
HEAVY = frozenset({"rows"})
"""Readers that start a table library for each input: fewer inputs go to them."""
TOKENS = [
    b"{", b"}", b"[", b"]", b'"', b",", b":", b"null", b"true", b"-1", b"1e999", b"NaN", b"9" * 400, b"\\ud83d",
    b"\\u0000", b"\x00", b"\xff", b"\xef\xbb\xbf", b"\x1b[2J", b"\r\n", b"\n\n", b"[" * 3000, b'{"a":' * 3000, b"''",
    b'"""', b"'''", b"#", b"=", b".", b"..", b"../", b"1979-05-27", b"inf", b"0x_", b"\x1f\x8b\x08", b"PK\x03\x04",
    b"PAR1", b"\\", b"\xe2\x80\xa8", b'"schema":"diagnose.trace/1"', b"{}", b"[]", b'""', b"=cmd|' /C calc'!A0",
]  # fmt: skip

Finding = tuple[str, bytes, str]


def broken_by(name: str, data: bytes, folder: Path) -> str | None:
    """What comes out of a reader that should not, in a sentence; None where it holds."""
    suffix, read = READERS[name]
    path = folder / f"input.{suffix}"
    path.write_bytes(data)
    started = time.process_time()
    try:
        read(path)
    except DiagnoseError:
        pass
    except Exception as error:  # noqa: BLE001  whatever it is: it is what is looked for
        return f"{type(error).__name__}: {error}"[:300]
    took_s = time.process_time() - started
    return f"took {took_s:.1f} CPU seconds" if took_s > SLOW_S else None


def damaged(data: bytes, seeds: Sequence[bytes], draw: random.Random) -> bytes:
    """One to four random changes: bytes flipped, cut out, doubled, tokens put in, two inputs spliced."""
    for _ in range(draw.randint(1, 4)):
        at = draw.randint(0, len(data))
        end = min(len(data), at + draw.choice((1, 1, 2, 4, 16, 64, 256)))
        match draw.randint(0, 6):
            case 0:
                data = data[:at] + bytes([draw.randrange(256)]) + data[at + 1 :]
            case 1:
                data = data[:at] + data[end:]
            case 2:
                data = data[:end] + data[at:]
            case 3 | 4:
                data = data[:at] + draw.choice(TOKENS) + data[end if draw.random() < 0.5 else at :]
            case 5:
                other = draw.choice(seeds)
                data = data[:at] + other[draw.randint(0, len(other)) :]
            case 6:
                data = data[:at]
    return data[:65_536]


def seeds_of(name: str) -> list[bytes]:
    """Sound inputs of a reader."""
    from tests.safety import seeds

    return seeds.OF[name]()


def fuzzed(
    n: int, seed: int, names: Sequence[str] = tuple(READERS), seconds: float = float("inf")
) -> tuple[Counter[str], list[Finding]]:
    """How many inputs went to each reader (no more once the seconds are over), and what broke one."""
    until = time.monotonic() + seconds
    draw = random.Random(seed)
    weights = [0.002 if name in HEAVY else 1.0 for name in names]
    seeds = {name: seeds_of(name) for name in names}
    tried: Counter[str] = Counter()
    found: dict[str, Finding] = {}
    shared = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(dir=shared if shared.is_dir() else None))
    try:
        for name in draw.choices(names, weights, k=n):
            if time.monotonic() > until:
                break
            data = damaged(draw.choice(seeds[name]), seeds[name], draw)
            tried[name] += 1
            if (broken := broken_by(name, data, folder)) is not None:
                found.setdefault(f"{name} {broken[:60]}", (name, data, broken))
    finally:
        shutil.rmtree(folder)
    return tried, list(found.values())


def kept(found: Sequence[Finding], label: str) -> None:
    """Findings, written where a test throws them again."""
    CORPUS.mkdir(exist_ok=True)
    for i, (name, data, broken) in enumerate(found):
        (CORPUS / f"{name}-{label}-{i}.bin").write_bytes(data)
        sys.stderr.write(f"{name}: {broken}\n")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--first-round", type=int, default=0)
    parser.add_argument("--reader", action="append", choices=list(READERS))
    options = parser.parse_args()
    names = options.reader or tuple(READERS)
    until = time.monotonic() + options.seconds
    started = time.process_time()
    tried: Counter[str] = Counter()
    failures = 0
    for i in range(options.first_round, -(-options.inputs // ROUND)):
        n = min(ROUND, options.inputs - i * ROUND)
        of_round, found = fuzzed(n, options.seed * 100_000 + i, names, until - time.monotonic())
        tried += of_round
        failures += len(found)
        kept(found, f"{options.seed}-{i}")
        sys.stderr.write(f"round {i}: {tried.total():,} inputs, {failures} failures\n")
        if time.monotonic() > until:
            break
    said: dict[str, Any] = {
        "inputs": tried.total(),
        "readers": dict(tried),
        "failures": failures,
        "cpu_s": round(time.process_time() - started, 1),
    }
    sys.stdout.write(json.dumps(said) + "\n")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
