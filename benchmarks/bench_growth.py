"""How time and memory grow: with traces, passages per trace, stages, and the size of the corpus.

Each size is run in a process of its own; an exponent is the slope of a straight line through the logarithms of size and
of CPU seconds (or of memory) beyond what the smallest possible run takes.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import numpy as np
from bench_large import WORDS, make
from figures import Alone, Figure, alone, tell

SIZES: dict[str, tuple[int, ...]] = {
    "traces": (4_000, 8_000, 16_000),
    "passages": (10, 20, 40, 80),
    "stages": (2, 4, 6, 8),
    "corpus": (10_000, 20_000, 40_000, 80_000),
}
WHAT = {
    "traces": "traces, no replay",
    "passages": "passages a trace, no replay",
    "stages": "stages of a game",
    "corpus": "passages of a corpus, looked through for the passage of each label",
}
SMALLEST = {"traces": 200, "passages": 1, "stages": 1, "corpus": 100}
TRACES, GAMES, LABELS = 1_500, 3_000, 200
LENGTH = 60
LEAST_S = 0.02


def streamed(n: int, passages: int) -> None:
    """A log of `n` traces from file to summary, without the pages; topics apart, which look at 5,000 traces at most."""
    from diagnose.flow import Streamed, reported
    from diagnose.flow.gathered import Gathered
    from diagnose.score.table import Scorer
    from diagnose.traces.from_jsonl import read_traces
    from diagnose.traces.lines import Problem

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "traces.jsonl"
        make(path, n, passages)
        started = time.process_time()
        way = Streamed(Scorer(), 1_000)
        way.log = Gathered(Scorer(), 0)
        for trace in read_traces(path):
            assert not isinstance(trace, Problem)
            list(way.see([trace]))
        reported(way.found(), None, Scorer(), 0, "run", (), way.log)
        print(time.process_time() - started)


def stages(n: int) -> None:
    """Games of `n` stages divided and summarised."""
    from diagnose.attribute.gains import Log
    from diagnose.attribute.summarise import summarise
    from diagnose.core.coalition import keys
    from diagnose.core.game import Game
    from diagnose.core.stage import ROLES
    from diagnose.flow import divided

    roles = ROLES[:n]
    worth = np.random.default_rng(0).integers(0, 2, (GAMES, 1 << n)).astype(float)
    worth[:, 0], worth[:, -1] = 0.0, 1.0
    games = [
        Game(f"t{i}", roles, dict(zip(keys(roles), row, strict=True))) for i, row in enumerate(worth.tolist())
    ]
    started = time.process_time()
    found = divided(games, 0.5)
    summarise(found.games, found.blames, Log(GAMES, 0.0), 0)
    list(found.blames)
    print(time.process_time() - started)


def corpus(n: int) -> None:
    """The labels of a log looked up by their texts."""
    from diagnose.core.artifact import Passage, Query
    from diagnose.core.trace import Gold, GoldPassage
    from diagnose.score.label import Library, label_of
    from diagnose.stages.corpus import MemoryCorpus

    rng = random.Random(0)
    words = [a + b for a in WORDS for b in WORDS]
    texts = [" ".join(rng.choices(words, k=LENGTH)) for _ in range(n)]
    held = MemoryCorpus(Passage(f"p{i}", text) for i, text in enumerate(texts))
    started = time.process_time()
    library = Library(held)
    for text in texts[:: max(1, n // LABELS)][:LABELS]:
        gold = Gold((text.split()[3],), (GoldPassage(text=text),))
        assert label_of(gold, Query("?"), library) is not None
    print(time.process_time() - started)


def _fastest(kind: str, n: int) -> Alone:
    """One size: of two processes the one that other work disturbed less."""
    return min(
        (alone([sys.executable, __file__, kind, str(n)]) for _ in range(2)), key=lambda a: float(a.said)
    )


def measured(kind: str) -> None:
    """The exponents of one kind of growth."""
    taken = {n: _fastest(kind, n) for n in (SMALLEST[kind], *SIZES[kind])}
    base = taken[SMALLEST[kind]]
    sizes = SIZES[kind]
    seconds = [max(float(taken[n].said) - float(base.said), 0.0) for n in sizes]
    memory = [max(taken[n].peak_mb - base.peak_mb, 1.0) for n in sizes]
    # With each stage the coalitions double, and nothing can be divided without looking at all of them.
    x = np.array([1 << n if kind == "stages" else n for n in sizes])
    beside = "2^stages, the worths of a game" if kind == "stages" else f"{sizes[0]:,} to {sizes[-1]:,}"
    for what, values, unit, least in (("time", seconds, "s", LEAST_S), ("memory", memory, "MB", 1.0)):
        told = np.array(values) >= least
        exponent = float(np.polyfit(np.log(x[told]), np.log(np.array(values)[told]), 1)[0])
        note = ", ".join(f"{v:.2f} {unit}" if unit == "s" else f"{v:.0f} {unit}" for v in values)
        if not told.all():
            note += f"; below {least:g} {unit} beyond the smallest run is left out, it cannot be told from it"
        tell(Figure(f"growth with {WHAT[kind]}: exponent of {what}", beside, exponent, 1.1, "<=", note))


def main() -> None:
    """All kinds."""
    for kind in SIZES:
        measured(kind)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        main()
    else:
        size = int(sys.argv[2])
        {
            "traces": lambda: streamed(size, 10),
            "passages": lambda: streamed(TRACES, size),
            "stages": lambda: stages(size),
            "corpus": lambda: corpus(size),
        }[sys.argv[1]]()
