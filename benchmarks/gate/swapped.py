"""Four stages changed, one of them broken: does swapping them find the culprit, and do the shares add up?

Pipelines B differ from pipeline A over hotpotqa questions in all four stages: three changes that a team would
make (another depth, another budget, a few more sentences) and one known fault (`diagnose trust`) that strikes
a part of the questions. `diagnose compare A B` divides the change of the mean score; the culprit is the stage
with the largest loss.

Where the fault costs less than 5 points (B with it against B without it) there is no culprit to find.

    python benchmarks/gate/swapped.py [--queries 80] [--seed 0]

Exits with 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hotpot import USUAL, Planted, Settings, gold_of, missing, pipeline, queries, spoiled

from diagnose.cli.opened import scorer_of
from diagnose.core.swap import Swaps
from diagnose.flow.swapped import swaps_of
from diagnose.replay.memo import Memo
from diagnose.stages.faults import FAULTS

LEAST_FOUND = 0.95
ADDS_UP_TO = 1e-12
LEAST_COST = 0.05
PARTS = (0.3, 0.6)
"""Parts of the questions that the fault strikes."""

CHANGES: tuple[Settings, ...] = (
    {
        "retriever": {**USUAL["retriever"], "top_k": 30},
        "ranker": {**USUAL["ranker"], "top_n": 6},
        "packer": {**USUAL["packer"], "budget_tokens": 900},
        "model": {**USUAL["model"], "sentences": 4},
    },
    {
        "retriever": {**USUAL["retriever"], "top_k": 16},
        "ranker": {**USUAL["ranker"], "top_n": 7},
        "packer": {**USUAL["packer"], "separator": "\n---\n"},
        "model": {**USUAL["model"], "min_overlap": 0.05},
    },
)


def played(n: int, seed: int) -> Iterator[tuple[str, str, float, float, Swaps]]:
    """Fault, its stage, the part it strikes, what it costs, and what swapping showed."""
    with tempfile.TemporaryDirectory() as folder:
        asked = queries(Path(folder), n)
        before = pipeline(Path(folder), "a")
        gold, memo = gold_of(asked, before), Memo()
        for number, settings in enumerate(CHANGES):
            changed = pipeline(Path(folder), f"b{number}", settings)
            sound = swaps_of(asked, before, changed, scorer_of(before), memo, seed)
            told = ", ".join(f"{s.role} {s.share:+.3f}" for s in sound.shares)
            print(f"without a fault: {told}")
            for fault in FAULTS.values():
                if fault.noisy or fault.role not in before.roles:
                    continue
                for part in PARTS:
                    after = spoiled(changed, Planted(fault, part, seed + number), gold, seed)
                    found = swaps_of(asked, before, after, scorer_of(before), memo, seed)
                    yield fault.name, fault.role, part, sound.after - found.after, found


def benched(n: int, seed: int) -> Iterator[str]:
    """Prints the table; yields what misses its bar."""
    print(f"Four stages changed, one broken; {n} questions\n")
    print(
        f"{'fault':18} {'stage':10} {'part':>4} {'cost':>6} {'change':>7} "
        f"{'its share':>9} {'named':10} {'sum off by':>10}"
    )
    total = right = idle = 0
    worst = 0.0
    for fault, role, part, cost, found in played(n, seed):
        off = abs(sum(s.share for s in found.shares) - (found.after - found.before))
        worst = max(worst, off, abs(sum(s.share for s in found.shares) - found.change.value))
        own = next(s.share for s in found.shares if s.role == role)
        if cost < LEAST_COST:
            idle += 1
            continue
        named = found.shares[0].role
        total, right = total + 1, right + (named == role)
        print(
            f"{fault:18} {role:10} {part:4.1f} {cost:6.3f} {found.change.value:+7.3f} "
            f"{own:+9.3f} {named:10} {off:10.1e}",
            flush=True,
        )
    print(
        f"\nculprit found in {right} of {total} ({right / total:.1%}; "
        f"in {idle} more the fault cost less than {LEAST_COST:.0%})"
    )
    print(f"shares add up to the change within {worst:.1e}")
    if right < LEAST_FOUND * total:
        yield f"culprit found in {right / total:.1%}"
    if worst > ADDS_UP_TO:
        yield f"shares are off by {worst:.1e}"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--queries", type=int, default=80)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    if why := missing():
        print(f"skipped: {why}")
        return 0
    missed = [*benched(asked.queries, asked.seed)]
    print("\n" + ("every bar is met" if not missed else "\n".join(f"MISSED: {m}" for m in missed)))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
