"""A report held against a baseline."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from diagnose.core.verdict import Comparison, GateVerdict
from diagnose.flow.sides import read_sides
from diagnose.gate.change import Chance
from diagnose.gate.compare import compared
from diagnose.gate.judge import judged
from diagnose.gate.pairs import paired
from diagnose.gate.rules import Rules
from diagnose.report.to_html import Baseline
from diagnose.report.to_json import read_report


def gated(reports: Sequence[Path], baselines: Sequence[Path], rules: Rules, seed: int) -> GateVerdict:
    """The verdict on a report (or several runs of one system) held against a baseline (or several).

    BadInput where they cannot be read or are not comparable. Same files and seed, same verdict.
    """
    before, after = read_sides(baselines), read_sides(reports)
    pairs = paired(before, after, rules.allow)
    return judged(pairs, rules, (_name(baselines), _name(reports)), Chance(seed))


def compared_reports(before: Path, after: Path, allow: Collection[str], seed: int) -> Comparison:
    """Two reports paired by trace; errors as `gated`."""
    pairs = paired(read_sides([before]), read_sides([after]), allow)
    return compared(pairs, (_name([before]), _name([after])), Chance(seed))


def beside_baseline(report: Path, baseline: Path, allow: Collection[str], seed: int) -> Baseline:
    """A report folder's baseline, itself a report folder, with the comparison; errors as `gated`."""
    then = read_report(baseline)
    return Baseline(then, compared_reports(baseline, report, allow, seed))


def check_baseline(baseline: Path | None) -> None:
    """BadInput where a report is no good as a baseline: before a long run, not after it."""
    if baseline is not None:
        read_report(baseline)
        read_sides([baseline])


def _name(paths: Sequence[Path]) -> str:
    """What a side is called, without the machine's folders."""
    return " + ".join(path.resolve().name for path in paths)
