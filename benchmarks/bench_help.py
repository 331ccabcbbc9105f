"""`diagnose --help` against importing what every command line of its kind imports: typer and rich."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from figures import Figure, alone, tell

TIMES = 7


def main() -> None:
    """The fastest of several, by turns."""
    program = str(Path(sys.executable).with_name("diagnose"))
    imports, ours = [], []
    for _ in range(TIMES):
        imports.append(alone([sys.executable, "-c", "import typer, rich.console"]).cpu_s)
        ours.append(alone([program, "--help"]).cpu_s)
    note = f"{min(ours):.2f} s of CPU, the fastest of {TIMES}; the measuring process is in both"
    tell(Figure("diagnose --help", "importing typer and rich", min(ours) / min(imports), 2.0, "<=", note))


if __name__ == "__main__":
    main()
