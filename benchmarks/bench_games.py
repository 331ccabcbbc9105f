"""100,000 games of four stages: Shapley values, minimal sets, and the bootstrap of a report's ranking."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import numpy as np
from figures import Figure, alone, tell

N = 100_000


def work() -> None:
    """What a report does with games, on arrays as they come from a stack."""
    from diagnose.attribute.remedy import minimal_masks
    from diagnose.attribute.shapley import interactions, shares
    from diagnose.stats.bootstrap import cluster_sums

    worth = np.random.default_rng(0).integers(0, 2, (N, 16)).astype(np.float64)
    worth[:, 0], worth[:, -1] = 0.0, 1.0
    started = time.perf_counter()
    parts = shares(worth)
    interactions(worth)
    minimal_masks(worth, 0.5)
    arrays = time.perf_counter() - started
    cluster_sums(np.hstack([parts, np.ones((N, 1))]), None, 1000, 0)
    print(arrays, time.perf_counter() - started)


def whole() -> None:
    """The same from values: games in, their blame as columns, and the summary; then each blame as a line of
    blame.jsonl."""
    from diagnose.attribute.gains import Log
    from diagnose.attribute.summarise import summarise
    from diagnose.core.coalition import keys
    from diagnose.core.game import Game
    from diagnose.core.stage import Role
    from diagnose.flow import divided

    roles: tuple[Role, ...] = ("retriever", "ranker", "packer", "model")
    worth = np.random.default_rng(0).integers(0, 2, (N, 16)).astype(np.float64)
    worth[:, 0], worth[:, -1] = 0.0, 1.0
    games = [
        Game(f"t{i}", roles, dict(zip(keys(roles), row, strict=True))) for i, row in enumerate(worth.tolist())
    ]
    started = time.perf_counter()
    found = divided(games, 0.5)
    divided_s = time.perf_counter() - started
    summarise(found.games, found.blames, Log(N, 0.0), 0)
    took = time.perf_counter() - started
    from diagnose.traces.to_jsonl import write_jsonl

    with tempfile.TemporaryDirectory() as folder:
        write_jsonl(Path(folder) / "blame.jsonl", found.blames)
    print(divided_s, took, time.perf_counter() - started - took)


def main() -> None:
    """Each in a process of its own, for its peak memory."""
    for name, what in (("work", "in arrays"), ("whole", "as values, Game to Blame to summary")):
        took = alone([sys.executable, __file__, name])
        first, total, *written = (float(x) for x in took.said.split())
        peak = took.peak_mb
        note = f"{first:.2f} s of it before the bootstrap, peak {peak:.0f} MB"
        tell(Figure(f"{N:,} games of four stages, {what}: seconds", "–", total, 5.0, "<=", note))
        tell(Figure(f"{N:,} games of four stages, {what}: peak GB", "–", peak / 1024, 1.0, "<="))
        if written:
            tell(Figure(f"{N:,} blames made and written to blame.jsonl: seconds", "–", written[0]))


if __name__ == "__main__":
    {"work": work, "whole": whole}[sys.argv[1]]() if len(sys.argv) > 1 else main()
