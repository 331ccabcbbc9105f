"""What the prompts of a log tell about one another's pass rates.

A prompt passes hardly ever, or at the rate that is the pipeline's own, or somewhere in between. The pipeline's own
rate is one for all kinds of prompts: what a model gets wrong by chance it gets wrong by chance everywhere. How
much of each kind does what is learnt by maximum likelihood (Newton's method), held back by a
base prior that counts as a few prompts; over the own rate, and how far prompts stray from it, is averaged by
their marginal likelihood rather than one picked, so that a small log stays unsure of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from diagnose.stats.belief import GRID, HARDLY_EVER, Floats, log_likelihood

BASE_PROMPTS = 1.0
"""How many prompts of each kind the base prior counts as."""
MOST_STEPS = 50
"""Steps of the fit at most; it takes about seven."""
DONE = 1e-7
"""The fit is done once no step explains what was seen better than by this, in logs."""
STAY = 0.9
"""How much of a part one step may take away."""
PARTS = np.array([0.47, 0.48, 0.05])
"""The base prior's part of prompts that pass hardly ever, at the pipeline's own rate, and anywhere."""
LEAST_OWN = 0.1
"""The pipeline's own rate is at least this: below, nothing that happens is told from hardly ever."""
STRAYING = {None: 0.95, 20.0: 0.04, 5.0: 0.01}
"""How closely prompts keep to the own rate: exactly, or as a beta distribution of this concentration; and how likely
that is before anything is seen."""


def _widths() -> Floats:
    """[g]: the stretch of (0, 1) that each rate of the grid stands for."""
    ends = np.concatenate([[0.0], (GRID[1:] + GRID[:-1]) / 2.0, [1.0]])
    return np.asarray(np.diff(ends))


def _own_shapes() -> Floats:
    """[k, g]: the distributions of pass rates around an own rate that are weighed against each other."""
    shapes: list[Floats] = []
    for rate in GRID[GRID >= LEAST_OWN]:
        for concentration in STRAYING:
            if concentration is None:
                shape = (rate == GRID).astype(float)
            else:
                a, b = rate * concentration, (1.0 - rate) * concentration
                log = (a - 1.0) * np.log(GRID) + (b - 1.0) * np.log1p(-GRID)
                shape = np.exp(log - log.max()) * WIDTHS
            shapes.append(shape / shape.sum())
    return np.stack(shapes)


WIDTHS = _widths()
OWN = _own_shapes()
OWN_RATE: Floats = np.repeat(GRID[GRID >= LEAST_OWN], len(STRAYING))
"""[k]: the own rate of each of these shapes."""
OWN_PRIOR: Floats = np.tile(np.log(list(STRAYING.values())), len(OWN_RATE) // len(STRAYING))
"""[k]: the log of how likely each is before anything is seen, but for a constant."""
LOW: Floats = (GRID <= HARDLY_EVER) / np.count_nonzero(GRID <= HARDLY_EVER)


@dataclass(frozen=True)
class Pooled:
    """What a log tells: for each kind of prompt the prior [g] of a prompt's pass rate, and the belief [g] of what the
    pipeline's own rate is."""

    priors: tuple[Floats, ...]
    own: Floats


def pooled(seen: Sequence[tuple[Floats, Floats]]) -> Pooled:
    """What the prompts of all kinds tell together.

    `seen` holds for each kind the passes [n] and fails [n] of its prompts, fractional scores counting as part of
    a pass. A kind of which nothing was seen has the base prior around the own rate that the others tell.
    """
    fits = [fitted(kind_seen(*one)) for one in seen]
    odds = odds_of(fits)
    own = np.array([odds[rate == OWN_RATE].sum() for rate in GRID])
    return Pooled(tuple(prior / prior.sum() for prior in (odds @ by_shape(parts) for parts, _ in fits)), own)


def by_shape(parts: Floats) -> Floats:
    """[k, g]: the prior of a kind of prompts for each shape around an own rate, from its `parts` [k, 3]."""
    return np.asarray(parts[:, 0:1] * LOW + parts[:, 1:2] * OWN + parts[:, 2:] * WIDTHS)


@dataclass(frozen=True)
class Seen:
    """What was seen of the prompts of one kind: the different outcomes [r, 2] (passes, fails), of how many prompts
    each was seen [r], and how likely it is at each rate [r, g], up to a factor."""

    outcomes: Floats
    counts: Floats
    likelihood: Floats

    @property
    def explained(self) -> Floats:
        """[3, r, k]: how likely each outcome is of a prompt that passes hardly ever, at the own rate of each shape,
        anywhere."""
        own = self.likelihood @ OWN.T
        low, even = self.likelihood @ LOW, self.likelihood @ WIDTHS
        return np.stack(
            [np.broadcast_to(low[:, None], own.shape), own, np.broadcast_to(even[:, None], own.shape)]
        )


def kind_seen(passes: Floats, fails: Floats) -> Seen:
    """The outcomes of n prompts that passed and failed so often; those that were never run tell nothing."""
    some = passes + fails > 0
    if not some.any():
        return Seen(np.zeros((0, 2)), np.zeros(0), np.ones((0, len(GRID))))
    rows, counts = np.unique(np.stack([passes[some], fails[some]], axis=1), axis=0, return_counts=True)
    log = log_likelihood(rows[:, 0], rows[:, 1])
    return Seen(rows, counts.astype(float), np.exp(log - log.max(axis=1, keepdims=True)))


def odds_of(fits: Sequence[tuple[Floats, Floats]]) -> Floats:
    """[k]: how likely each shape around an own rate is, from what `fitted` gives for every kind."""
    evidence = OWN_PRIOR + sum(log for _, log in fits)
    odds = np.exp(evidence - evidence.max())
    return np.asarray(odds / odds.sum())


def fitted(seen: Seen) -> tuple[Floats, Floats]:
    """[k, 3], [k]: for each shape around an own rate, the parts of prompts that pass hardly ever, at it, anywhere, and
    the log of how well that explains what was seen."""
    each = np.ascontiguousarray(seen.explained.transpose(2, 1, 0))
    parts = np.broadcast_to(PARTS, (len(OWN), len(PARTS))).copy()
    reached = _explained(each, seen.counts, parts)
    for _ in range(MOST_STEPS):
        gradient = each / np.einsum("krj,kj->kr", each, parts)[:, :, None]
        before = reached
        better = _newton(gradient, seen.counts, parts)
        climbed = _explained(each, seen.counts, better)
        if not (climbed >= before - DONE).all():
            # A step of expectation maximisation always climbs, if slowly (Dempster, Laird and Rubin 1977).
            expected = np.einsum("krj,r->kj", gradient, seen.counts) * parts + BASE_PROMPTS * PARTS
            expected /= expected.sum(axis=1, keepdims=True)
            worse = climbed < before - DONE
            better[worse] = expected[worse]
            climbed = _explained(each, seen.counts, better)
        parts, reached = better, climbed
        if (reached - before < DONE).all():
            break
    return parts, reached


def _explained(each: Floats, counts: Floats, parts: Floats) -> Floats:
    """[k]: what the parts [k, 3] of each shape are to maximise."""
    total = np.einsum("krj,kj->kr", each, parts)
    return np.asarray(np.log(total) @ counts + BASE_PROMPTS * np.log(parts) @ PARTS)


def _newton(gradient: Floats, counts: Floats, parts: Floats) -> Floats:
    """[k, 3]: the parts after a step of Newton's method, no nearer to nought than a tenth of what they were."""
    slope = np.einsum("krj,r->kj", gradient, counts) + BASE_PROMPTS * PARTS / parts
    step = np.einsum("kij,kj->ki", bend(gradient, counts, parts), slope)
    room = np.where(step < 0.0, -STAY * parts / np.minimum(step, -1e-300), 1.0).min(axis=1, keepdims=True)
    moved = parts + np.minimum(1.0, room) * step
    return np.asarray(moved / moved.sum(axis=1, keepdims=True))


def bend(gradient: Floats, counts: Floats, parts: Floats) -> Floats:
    """[k, 3, 3]: how the parts of each shape give way to a slope, adding up to 1 as before: the inverse of what bends
    the fit down, A = Σ_r c_r f_r f_rᵀ / t_r² + B diag(P / π²), less A⁻¹11ᵀA⁻¹ / 1ᵀA⁻¹1. `gradient` [k, r, 3] is
    f_r / t_r, how likely each outcome is of each part over how likely it is of all."""
    down = np.einsum("r,kri,krj->kij", counts, gradient, gradient)
    down += np.einsum("kj,ij->kij", BASE_PROMPTS * PARTS / parts**2, np.eye(len(PARTS)))
    inverse = np.linalg.inv(down)
    ones = inverse.sum(axis=2)
    return np.asarray(inverse - ones[:, :, None] * ones[:, None, :] / ones.sum(axis=1)[:, None, None])
