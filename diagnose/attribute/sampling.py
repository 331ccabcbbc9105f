"""What a sample of the failures says of all of them: shares and gains by prediction-powered inference.

Where the log loses the evidence is known of every failure, and a guess at who is to blame. With m_s the corrected mean
of stage s's share in a failure (`stats.prediction`), its part of the loss is m_s / Σ m, and its interval that of the
mean of

    u = share_s − (m_s / Σ m) · loss

divided by Σ m (a ratio's linearisation: Cochran (1977), Sampling Techniques, section 6.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from diagnose.attribute.divided import Columns
from diagnose.attribute.gains import Log, Played
from diagnose.attribute.ranking import Bools, blame_order, swayed_failures
from diagnose.attribute.remedy import SAME_WORTH
from diagnose.attribute.shapley import Floats, clean
from diagnose.core.report import Gain, Interval, Ranked
from diagnose.core.stage import Role
from diagnose.stats.bootstrap import cluster_sums, first_probabilities
from diagnose.stats.prediction import Estimate, best_weight, corrected_mean


@dataclass(frozen=True)
class Sampling:
    """Which failures were replayed. `asked` [n] are those that only a replay can tell of, `seen` [n] of these the
    sample; `guess` [n] is the stage at which the log loses the evidence, or "none"."""

    asked: Bools
    seen: Bools
    guess: Sequence[str]

    @property
    def weight(self) -> float:
        """How many failures each replayed one stands for."""
        return float(self.asked.sum() / self.seen.sum())


def corrected(
    ranking: Sequence[Ranked], columns: Columns, roles: tuple[Role, ...], played: Played, log: Log, seed: int
) -> tuple[Ranked, ...]:
    """The ranking of all failures from the shares of those that were replayed. Each stage keeps what the sample alone
    says in `sampled`; verdicts and modes stay those of the sample. Where pass rates are pooled over the log, intervals
    have the error of that, too."""
    sampling, shares = log.sampling, columns.shares
    assert sampling is not None
    way = _Way(sampling, roles, swayed_failures(columns.ids, roles, log))
    means = np.array([way.mean(shares, s).mean for s in range(len(roles))])
    if not ranking or means.sum() <= SAME_WORTH:
        return tuple(ranking)
    first = way.first(shares, means, seed)
    gains = _gains(way, roles, played, log)
    total, n = float(means.sum()), int(sampling.asked.sum())
    found = []
    for ranked in ranking:
        s = roles.index(ranked.role)
        part = float(means[s]) / total
        low, high = way.ends_of_part(shares, s, part, total)
        found.append(
            msgspec.structs.replace(
                ranked,
                share=float(clean(np.array(part))),
                low=low,
                high=high,
                p_first=float(first[s]),
                loss=round(float(means[s]) * n, 9) + 0.0,
                fix_alone=gains[s],
                sampled=Interval(ranked.share, ranked.low, ranked.high),
            )
        )
    return tuple(sorted(found, key=blame_order))


class _Way:
    """Corrected means over the failures that only a replay can tell of."""

    def __init__(self, sampling: Sampling, roles: tuple[Role, ...], swayed: Floats) -> None:
        self.swayed = swayed[:, : len(roles)], swayed[:, len(roles) :]
        guess = np.array(sampling.guess)
        self.asked, self.seen = sampling.asked, sampling.seen
        self.guesses = np.stack([guess == role for role in roles], axis=1).astype(np.float64)

    def mean(self, values: Floats, s: int) -> Estimate:
        """The mean of column s of `values` [n, roles]."""
        guess = self.guesses[:, s]
        return corrected_mean(values[self.seen, s], guess[self.seen], guess[self.asked])

    def ends_of_part(self, shares: Floats, s: int, part: float, total: float) -> tuple[float, float]:
        """The interval of a stage's part of the loss."""
        shares = shares + self.swayed[0]
        apart = shares[:, s] - part * shares.sum(axis=1)
        guess = self.guesses[:, s] - part * self.guesses.sum(axis=1)
        found = corrected_mean(
            apart[self.seen], guess[self.seen], guess[self.asked], ends=(-part, 1.0 - part)
        )
        low, high = ((end - found.mean) / total + part for end in (found.low, found.high))
        ends = clean(np.array([max(low, min(0.0, part)), min(high, max(1.0, part))]))
        return float(ends[0]), float(ends[1])

    def first(self, shares: Floats, means: Floats, seed: int) -> Floats:
        """[roles]: the probability that a stage's part is the largest, by resampling the sample."""
        seen, guess = (shares + self.swayed[0])[self.seen], self.guesses[self.seen]
        weights = np.array([best_weight(seen[:, s], guess[:, s]) for s in range(seen.shape[1])])
        rest = seen - weights * guess
        n = len(rest)
        drawn = cluster_sums(rest, None, RESAMPLES, seed) / n - rest.mean(axis=0)
        drawn *= np.sqrt(1.0 - n / self.asked.sum())
        return clean(first_probabilities(clean(means + drawn)))


RESAMPLES = 1000


def _gains(way: _Way, roles: tuple[Role, ...], played: Played, log: Log) -> list[Gain]:
    """What repairing each stage alone wins over all traces, net of what it breaks."""
    alone = np.zeros((len(way.seen), len(roles)))
    alone[list(played.rows)] = played.alone(roles)
    part = float(way.asked.sum()) / log.n_traces
    harm = played.passing_rows(roles)
    each = played.passing_weight / log.n_traces
    found = []
    for s in range(len(roles)):
        mean, won = way.mean(alone, s).mean, way.mean(alone + way.swayed[1], s)
        lost = float(harm[:, s].sum()) * each if len(harm) else 0.0
        spread = 1.96 * each * float(np.sqrt(len(harm)) * harm[:, s].std()) if len(harm) else 0.0
        ends = [
            part * mean + lost + side * float(np.hypot(part * (end - won.mean), spread))
            for side, end in ((-1.0, won.low), (1.0, won.high))
        ]
        value, low, high = clean(np.array([part * mean + lost, *ends])).tolist()
        found.append(Gain(value, low, high))
    return found
