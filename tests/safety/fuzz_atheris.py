"""Coverage-guided fuzzing of the readers and the TOML loader, where atheris is installed (`make torture`).

    python -m tests.safety.fuzz_atheris -runs=100000 -seed=1

The first byte of an input chooses the reader.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["diagnose", "tomllib"]):
    from tests.safety import fuzz

NAMES = [name for name in fuzz.READERS if name not in fuzz.HEAVY]
FOLDER = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))


def test_one(data: bytes) -> None:
    """One input."""
    if not data:
        return
    name = NAMES[data[0] % len(NAMES)]
    if broken := fuzz.broken_by(name, data[1:], FOLDER):
        raise AssertionError(f"{name}: {broken}")


def main() -> None:
    """The command line: that of libFuzzer."""
    start = FOLDER / "start"
    start.mkdir()
    for i, name in enumerate(NAMES):
        for k, seed in enumerate(fuzz.seeds_of(name)):
            (start / f"{name}-{k}").write_bytes(bytes([i]) + seed)
    atheris.Setup([*sys.argv, str(start)], test_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
