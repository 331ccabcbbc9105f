"""Only the prompts that a verdict hangs on, for a pipeline whose stages are all deterministic.

A prompt that has not run passes or fails: where every such completion of the game has the same verdict, the rest
need not run, and a share lies between the least and the most that a completion gives it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from diagnose.ablate.cells import Cells, Floats
from diagnose.replay.run import Runner

Verdicts = Callable[[Floats], NDArray[np.int64]]
"""Verdict codes [m] of games [m, 2ⁿ]."""

MOST_OPEN = 8
"""Prompts whose outcomes are gone through together, 2⁸ completions; with more of them open one is run first."""
LIKELY = {"unsupported": 0.1, "unrepaired": 0.1, "supported": 0.8, "fair": 0.9}
"""How probable a right answer is taken to be, by kind of prompt: it sets the order of the runs, never a verdict."""


def decided(cells: Cells, runner: Runner, judge: Verdicts) -> Floats:
    """Run prompts of a game until its verdict is certain; the games [m, 2ⁿ] that it may still be.

    Every answer must be right or wrong (worth 1 or 0), and the pipeline without a verifier, so that units are
    prompts. The fair prompt always runs: no verdict without a replay. `judge` gives equal codes to equal verdicts.
    Raises `replay.run.Broken` where the model fails. Called again on the same cells it goes on where it was left.
    """
    fair = cells.prompt(cells.everything)
    if not cells.calls[fair]:
        cells.run(runner, fair)
    while True:
        rates = _completions(cells)
        if rates is None:
            cells.run(runner, _open(cells)[0])
            continue
        games = cells.worths(rates)
        codes = judge(games)
        if (codes == codes[0]).all():
            return games
        cells.run(runner, _telling(cells, rates, codes))


def _open(cells: Cells) -> list[int]:
    """The prompts of which nothing is known, neither from a run nor from the log."""
    seen = cells.passes + cells.fails
    return [unit for unit in range(len(seen)) if seen[unit] == 0]


def _completions(cells: Cells) -> Floats | None:
    """[2ᵏ, prompts]: every outcome of the k open prompts beside what is known; None where they are too many."""
    unknown = _open(cells)
    if len(unknown) > MOST_OPEN:
        return None
    seen = np.maximum(cells.passes + cells.fails, 1.0)
    rates = np.tile(cells.passes / seen, (1 << len(unknown), 1))
    for bit, unit in enumerate(unknown):
        rates[:, unit] = np.arange(1 << len(unknown)) >> bit & 1
    return rates


def _telling(cells: Cells, rates: Floats, codes: NDArray[np.int64]) -> int:
    """The open prompt whose outcome is likeliest to settle the verdict; among equals the first."""

    def settles(unit: int) -> float:
        likely = LIKELY[cells.kinds[unit]]
        found = 0.0
        for outcome, probability in ((1.0, likely), (0.0, 1.0 - likely)):
            left = codes[rates[:, unit] == outcome]
            found += probability * bool((left == left[0]).all())
        return found

    return max(_open(cells), key=settles)
