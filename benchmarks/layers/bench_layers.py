"""Faults in all eight layers, alone and in pairs: how often blame lands on them, and what that takes.

    python -m benchmarks.layers.bench_layers [--every N] [--pairs-every N]

A corpus of towns, questions that need one, two or three passages or have no answer, and a pipeline of eight plain
deterministic functions (`tests/planted/town.py`). Every fault of every role is planted by itself, and every fault of
the four new roles in a pair with every other new one and with one fault of each old role. Writes `results.md` and
`results.json` beside itself. Pairs of which one repair does for both faults (SUBSTITUTES in
`tests/planted/test_layers.py`) are counted apart.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from diagnose.core.stage import ROLES, Role
from diagnose.core.trust import Trial
from diagnose.flow.trust import combinations_of, trusted
from diagnose.replay.memo import Memo
from diagnose.replay.run import Runner
from diagnose.score.table import Scorer
from diagnose.stages.faults import FAULTS
from diagnose.stats.permutation import wilson_interval
from tests.planted.test_layers import NEW, PAIRS, SUBSTITUTES
from tests.planted.town import questions, town

HERE = Path(__file__).parent
RIGHT, WRONG, RUNS = 0.97, 0.01, 3.0


@dataclass(frozen=True)
class Counted:
    """Failures of some trials, and what came of them."""

    failed: int
    right: int
    wrong: int
    undecided: int
    runs: int
    apart: int

    @classmethod
    def of(cls, trials: Sequence[Trial]) -> Counted:
        """The sums."""
        names = ("failed", "right", "wrong", "undecided", "model_runs")
        sums = [sum(getattr(t, name) for t in trials) for name in names]
        return cls(*sums, sum(t.inert + t.read_through for t in trials))

    @property
    def judged(self) -> int:
        """Failures that a verdict could be right about."""
        return self.failed - self.apart

    def row(self, name: str) -> str:
        """A row of a table."""
        ends = wilson_interval(self.right, self.judged) if self.judged else (0.0, 0.0)
        part = f"{self.right / self.judged:.1%} ({ends[0]:.1%} to {ends[1]:.1%})" if self.judged else "–"
        wrong = f"{self.wrong / self.judged:.2%}" if self.judged else "–"
        runs = f"{self.runs / self.failed:.2f}" if self.failed else "–"
        return f"| {name} | {self.judged} | {part} | {wrong} | {self.undecided} | {runs} |"


HEAD = (
    "| | failures | right (95 %) | wrong | undecided | model runs a failure |",
    "|---|--:|---|--:|--:|--:|",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=2, help="every so manieth question for single faults")
    parser.add_argument("--pairs-every", type=int, default=12, help="the same for pairs")
    told = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        pipeline = town(Path(folder))
        scorer = Scorer.from_settings(pipeline.score, pipeline.abstention)
        runner = Runner(pipeline, Memo())
        faults = [c for c in combinations_of(pipeline, False) if not c[0].noisy]
        singles = trusted(questions()[:: told.every], runner, scorer, faults).trials
        pairs = trusted(questions()[:: told.pairs_every], runner, scorer, PAIRS).trials
    text, held = written(singles, pairs, told.every, told.pairs_every)
    (HERE / "results.md").write_text(text, encoding="utf-8")
    body = json.dumps(msgspec.to_builtins([*singles, *pairs]), indent=0)
    (HERE / "results.json").write_text(body + "\n", encoding="utf-8")
    print(text)
    return 0 if held else 1


def written(
    singles: Sequence[Trial], pairs: Sequence[Trial], every: int, pairs_every: int
) -> tuple[str, bool]:
    """The results as Markdown, and whether the bars hold."""
    told = [t for t in pairs if t.faults not in SUBSTITUTES]
    apart = [t for t in pairs if t.faults in SUBSTITUTES]
    new = [t for t in singles if FAULTS[t.faults[0]].role in NEW]
    parts: dict[str, Sequence[Trial]] = {"four new roles, single": new, "pairs": told}
    counted = {name: Counted.of(trials) for name, trials in parts.items()}
    held = all(
        c.right >= RIGHT * c.judged and c.wrong <= WRONG * c.judged and c.runs <= RUNS * c.failed
        for c in counted.values()
    )
    lines = [
        "# Faults in all eight layers",
        "",
        f"Made by `python -m benchmarks.layers.bench_layers --every {every} --pairs-every {pairs_every}`: "
        f"{len(questions()[::every])} questions for single faults, {len(questions()[::pairs_every])} for pairs. All "
        "256 coalitions of each failure are played; the pipeline is deterministic. The bars for the four new roles: "
        f"right ≥ {RIGHT:.0%}, wrong ≤ {WRONG:.0%}, model runs ≤ {RUNS:g} a failure: "
        f"{'held' if held else '**missed**'}.",
        "",
        *HEAD,
        *(c.row(name) for name, c in counted.items()),
        Counted.of(singles).row("all eight roles, single"),
        Counted.of(apart).row("pairs that one repair does for"),
        "",
        "A pair is right where both stages are in some smallest set of repairs.",
        "",
        "## Single faults",
        "",
        *HEAD,
        *(_by_role(role, singles).row(f"**{role}**") for role in ROLES),
        *(Counted.of([t]).row(f"{FAULTS[t.faults[0]].role}: {t.faults[0]}") for t in singles),
        "",
        "## Pairs, by roles",
        "",
        *HEAD,
    ]
    for roles in dict.fromkeys(t.roles for t in told):
        lines.append(Counted.of([t for t in told if t.roles == roles]).row(" and ".join(roles)))
    return "\n".join(lines) + "\n", held


def _by_role(role: Role, trials: Sequence[Trial]) -> Counted:
    return Counted.of([t for t in trials if FAULTS[t.faults[0]].role == role])


if __name__ == "__main__":
    raise SystemExit(main())
