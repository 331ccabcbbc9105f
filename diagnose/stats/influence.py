"""How far each prompt of a log sways what is computed of all of them through the pooled rates (`pooled`).

A total over a log is computed with priors that all its prompts have in common, so that a prompt counts twice: by
itself, and by what it tells of the others. A resample that only draws each trace's own part does not see the second,
and its intervals are too short by the error of the pooled rates. The influence function (Hampel 1974; the infinitesimal
jackknife of Jaeckel 1972) gives that part for every prompt: the slope of the total in how often the prompt is there.

With c_r the number of prompts of one kind with outcome r, f_r [3] how likely it is of a prompt that passes hardly ever,
at the own rate, or anywhere, π the parts of the three and t_r = π·f_r, the fit maximises

    Σ_r c_r log t_r + B Σ_j P_j log π_j        over π on the simplex (B `BASE_PROMPTS`, P `PARTS`)

of which follow, for each shape around an own rate with its odds o,

    dπ / dc_r     = (A⁻¹ − A⁻¹11ᵀA⁻¹ / 1ᵀA⁻¹1) f_r / t_r,      A = Σ_r c_r f_r f_rᵀ / t_r² + B diag(P / π²)
    d log o / dc_r = log t_r − Σ o log t_r                     (at the maximum the slope in π is nought)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diagnose.stats.belief import GRID, Floats, log_likelihood
from diagnose.stats.pooled import LOW, OWN, WIDTHS, Seen, bend, by_shape, fitted, odds_of


def mean_slopes(prior: Floats, passes: Floats, fails: Floats) -> Floats:
    """[n, g]: the slope of n prompts' posterior mean pass rates in each weight of their priors [n, g]."""
    log = log_likelihood(passes, fails)
    likelihood = np.exp(log - log.max(axis=1, keepdims=True))
    weights = prior * likelihood
    total = weights.sum(axis=1, keepdims=True)
    mean = (weights @ GRID)[:, None] / total
    return np.asarray(likelihood * (GRID - mean) / total)


def influences(seen: Sequence[Seen], pulls: Sequence[Floats]) -> list[Floats]:
    """For each kind [r, m]: by how much one more prompt with each outcome moves m totals through the pooled rates.

    `pulls` holds for each kind [g, m], the slope of the totals in each weight of the kind's prior.
    """
    fits = [fitted(one) for one in seen]
    odds = odds_of(fits)
    # [k, m]: the totals' slope in the odds of each shape, all kinds taken together, for they share the shapes.
    slopes = np.sum([by_shape(parts) @ pull for (parts, _), pull in zip(fits, pulls, strict=True)], axis=0)
    slopes -= odds @ slopes
    return [
        _influence(one, parts, odds, slopes, pull)
        for one, (parts, _), pull in zip(seen, fits, pulls, strict=True)
    ]


def _influence(seen: Seen, parts: Floats, odds: Floats, slopes: Floats, pull: Floats) -> Floats:
    each = seen.explained.transpose(2, 1, 0)  # [k, r, 3]
    total = np.einsum("krj,kj->kr", each, parts)
    by_odds = np.einsum("k,kr,km->rm", odds, np.log(total), slopes)
    # [k, 3, m]: the totals' slope in the parts of each shape.
    of_parts = (
        np.stack([np.broadcast_to(LOW, OWN.shape), OWN, np.broadcast_to(WIDTHS, OWN.shape)], axis=1) @ pull
    )
    gradient = each / total[:, :, None]
    moved = np.einsum("krj,kij->kri", gradient, bend(gradient, seen.counts, parts))
    return np.asarray(by_odds + np.einsum("k,krj,kjm->rm", odds, moved, of_parts))
