"""How likely a query is to need more than a small budget: a calibrated logistic model of features known beforehand.

Everything folds into one weight for each feature, so that a router can hold the model in a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FEWEST = 60
"""Queries below which no model is trained."""
FEWEST_OF_A_KIND = 12
"""Queries below which of either kind (needs more, does not) no model is trained."""
FOLDS = 5
BINS = 5
DIGITS = 4
"""To which complexities are told apart by thresholds."""
PRIOR = 1.0
"""Inverse strength of the ridge on weights of standardised features (scikit-learn's C)."""
CALIBRATION = 1e4
"""The same for the two numbers of the calibration: hardly any."""


@dataclass(frozen=True)
class Model:
    """P = 1 / (1 + e^−(bias + x · weights)) for raw features x (n, k)."""

    weights: Floats
    bias: float

    def predict(self, x: Floats) -> Floats:
        """Probabilities (n,) for features (n, k)."""
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(x @ self.weights + self.bias, -500, 500))))


def refusal(needs: NDArray[np.bool_]) -> str | None:
    """Why no model can be trained on these outcomes (n,), or None."""
    more = int(needs.sum())
    fewer = min(more, len(needs) - more)
    if fewer == 0:
        return "all queries need the same budget: there is nothing to tell apart"
    if len(needs) < FEWEST:
        return f"too little data: {len(needs)} queries that some budget answers, expected at least {FEWEST}"
    if fewer < FEWEST_OF_A_KIND:
        kind = "need more than a small budget" if more == fewer else "make do with a small budget"
        return f"too little data: {fewer} queries {kind}, expected at least {FEWEST_OF_A_KIND}"
    return None


def trained(x: Floats, needs: NDArray[np.bool_], seed: int) -> Model:
    """The model of features (n, k) and outcomes (n,), calibrated on predictions for queries left out (Platt 1999).

    `refusal(needs)` must be None.
    """
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    mean, spread = x.mean(axis=0), x.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    z = (x - mean) / spread
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    margins = cross_val_predict(_logistic(PRIOR), z, needs, cv=folds, method="decision_function")
    platt = _logistic(CALIBRATION).fit(margins[:, None], needs)
    slope, offset = max(float(platt.coef_[0, 0]), 0.0), float(platt.intercept_[0])
    whole = _logistic(PRIOR).fit(z, needs)
    weights = slope * whole.coef_[0] / spread
    return Model(weights, float(slope * whole.intercept_[0] + offset - weights @ mean))


def _logistic(c: float) -> Any:
    # Any: scikit-learn has no types.
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=c, max_iter=2000)


def held_out(x: Floats, needs: NDArray[np.bool_], seed: int) -> Floats:
    """Predictions (n,) for every query by a model that has not seen it."""
    predicted = np.zeros(len(x))
    for fold in folds_of(needs, seed):
        rest = np.setdiff1d(np.arange(len(x)), fold)
        if refusal(needs[rest]) is None:
            predicted[fold] = trained(x[rest], needs[rest], seed).predict(x[fold])
        else:
            predicted[fold] = needs[rest].mean()
    return predicted


def folds_of(needs: NDArray[np.bool_], seed: int) -> list[Ints]:
    """The rows of each of `FOLDS` folds with like parts of both kinds, or fewer where a kind is rarer."""
    from sklearn.model_selection import KFold, StratifiedKFold

    rare = min(int(needs.sum()), int((~needs).sum()))
    kind = StratifiedKFold if rare >= FOLDS else KFold
    rows = np.arange(len(needs))
    return [test for _, test in kind(FOLDS, shuffle=True, random_state=seed).split(rows, needs)]


def brier(predicted: Floats, needs: NDArray[np.bool_]) -> float:
    """Mean squared error of probabilities (Brier 1950): 0 to 1, 0 is best.

    >>> brier(np.array([1.0, 0.5]), np.array([True, False]))
    0.125
    """
    return float(np.mean((predicted - needs) ** 2))


def bins_of(predicted: Floats, needs: NDArray[np.bool_]) -> list[tuple[float, float, int, float, float]]:
    """Up to `BINS` bins of about as many queries each, by predicted probability: low, high, n, mean predicted,
    part that needed more."""
    order = np.argsort(predicted, kind="stable")
    found = []
    for rows in np.array_split(order, min(BINS, len(order))):
        p = predicted[rows]
        found.append((float(p[0]), float(p[-1]), len(rows), float(p.mean()), float(needs[rows].mean())))
    return found


def calibration_error(bins: Sequence[tuple[float, float, int, float, float]]) -> float:
    """Mean |predicted − observed| over bins, weighted by their size: 0 to 1, 0 is best (Naeini et al. 2015)."""
    total = sum(n for _, _, n, _, _ in bins)
    return sum(n * abs(predicted - observed) for _, _, n, predicted, observed in bins) / total


def thresholds_of(predicted: Floats, parts: int) -> tuple[float, ...]:
    """The complexities that cut the queries into `parts` parts as equal as can be; fewer where many are the same.

    Queries of one complexity (to four digits) stay together.

    >>> thresholds_of(np.array([0.1, 0.1, 0.1, 0.2, 0.9]), 2)
    (0.19995,)
    """
    values, counts = np.unique(np.round(predicted, DIGITS), return_counts=True)
    below = (np.cumsum(counts) - counts)[1:] / len(predicted)
    if not len(below):
        return ()
    nearest = {float(values[1:][int(np.argmin(np.abs(below - i / parts)))]) for i in range(1, parts)}
    # Half a digit lower: a complexity that was rounded up to the threshold belongs above it.
    return tuple(round(cut - 0.5 * 10**-DIGITS, DIGITS + 1) for cut in sorted(nearest))
