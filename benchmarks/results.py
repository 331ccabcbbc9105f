"""Runs every benchmark and writes RESULTS.md: `python benchmarks/results.py [NAME …]`, or `make bench`.

With names only those benchmarks run, and their rows take the place of the old ones.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from figures import Figure

HERE = Path(__file__).parent
KEPT = HERE / "results.json"
PACKAGES = ("diagnose-blame", "llama-cpp-python", "msgspec", "numpy", "scikit-learn", "bm25s", "httpx", "ray")


def ran(script: Path) -> list[dict[str, object]]:
    """The figures of one benchmark; a row that says so where it failed."""
    print(f"== {script.name} (load {os.getloadavg()[0]:.1f})", flush=True)
    found: list[dict[str, object]] = []
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            if line.startswith("FIGURE "):
                found.append(
                    {**json.loads(line.removeprefix("FIGURE ")), "load": round(os.getloadavg()[0], 1)}
                )
    if process.returncode:
        found.append(
            {"what": script.stem, "against": "", "value": None, "note": f"ended with {process.returncode}"}
        )
    return found


def row(found: dict[str, object]) -> str:
    """One row of the table."""
    load = found.pop("load", "")
    figure = Figure(**found)  # type: ignore[arg-type]
    value = "not measured" if figure.value is None else f"{figure.value:.3g}"
    bar = "" if figure.bar is None else f"{figure.sense} {figure.bar:g}"
    met = {True: "yes", False: "**no**", None: ""}[figure.met]
    return f"| {figure.what} | {figure.against} | {value} | {bar} | {met} | {load} | {figure.note} |"


def version(package: str) -> str:
    """A package's version, or that it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def machine() -> str:
    """What the figures were measured on."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    kind = names[0] if names else platform.machine()
    return f"{os.cpu_count()} × {kind}, {memory:.0f} GB, Python {platform.python_version()}"


def commit() -> str:
    """The commit that was measured."""
    asked = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(asked, check=True, capture_output=True, text=True, cwd=HERE).stdout.strip()  # noqa: S603


def main() -> None:
    """Run, keep, write."""
    wanted = set(sys.argv[1:])
    scripts = [
        s for s in sorted(HERE.glob("bench_*.py")) if not wanted or s.stem.removeprefix("bench_") in wanted
    ]
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    for script in scripts:  # written after each: a run that is broken off has what it measured
        kept[script.stem] = ran(script)
        KEPT.write_text(json.dumps(kept, indent=1) + "\n")
        write(kept)


def write(kept: dict[str, list[dict[str, object]]]) -> None:
    """RESULTS.md from all that is kept."""
    lines = [
        "# Benchmarks",
        "",
        f"`make bench` · {machine()} · "
        + ", ".join(f"{name} {version(name)}" for name in PACKAGES)
        + f" · commit {commit()}",
        "",
        "Every value is a ratio against something measured in the same run, or says its unit. Load is the machine's "
        "load average over a minute when the row was measured: above the number of its CPUs, wall times are too long.",
        "",
        "| what | against | value | bar | met | load | |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *(row(dict(found)) for name in sorted(kept) for found in kept[name]),
        "",
    ]
    (HERE / "RESULTS.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
