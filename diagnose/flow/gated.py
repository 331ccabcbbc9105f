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


def _name(paths: Sequence[Path]) -> str:
    """What a side is called, without the machine's folders."""
    return " + ".join(path.resolve().name for path in paths)
