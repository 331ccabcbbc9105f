"""The ranking of stages by their part of a log's loss, with cluster-bootstrap intervals.

All traces of the log are resampled, not its failures alone: how often it fails is part of what is not
known of a gain. A share is a ratio of sums (a stage's shares over the loss), a gain one over all traces.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from diagnose.attribute.divided import UNDECIDED, Columns, Divided
from diagnose.attribute.gains import Log, Played
from diagnose.attribute.remedy import SAME_WORTH
from diagnose.attribute.shapley import Floats, clean
from diagnose.core.blame import Blame
from diagnose.core.report import Gain, Ranked
from diagnose.core.stage import ROLES, Role
from diagnose.stats.bootstrap import cluster_sums, first_probabilities, percentile_interval

Bools = NDArray[np.bool_]
Ends = tuple[float | None, float | None]


def is_conviction(blame: Blame) -> bool:
    """Whether a stage is convicted of the failure: only then do its shares count."""
    return blame.verdict in ROLES and blame.loss > 0


def carries_blame(blame: Blame) -> bool:
    """Whether a failure's shares count in a log: those of a conviction, and those of a failure that was replayed, if
    not often enough to convict a stage of it. Its shares are expectations; left out, the stages whose faults are
    hardest to tell from noise would come out with too little."""
    unsettled = blame.undecided is not None and blame.undecided.reason in ("noise", "budget")
    return blame.loss > 0 and (blame.verdict in ROLES or (unsettled and blame.confidence is not None))


def share_rows(blames: Sequence[Blame], roles: tuple[Role, ...]) -> Floats:
    """[blames, roles]: the shares of each blame that counts; zeros for others and for stages it has not."""
    rows = np.zeros((len(blames), len(roles)))
    for i, blame in enumerate(blames):
        if carries_blame(blame):
            rows[i] = [blame.shares.get(role, 0.0) for role in roles]
    return rows


def columns_of(blames: Sequence[Blame], roles: tuple[Role, ...]) -> Columns:
    """What a ranking needs of blames."""
    if isinstance(blames, Divided):
        convicted = blames.codes != UNDECIDED
        return Columns(blames.ids, blames.verdicts, None, convicted, convicted, blames.share_rows(roles))
    return Columns(
        ids=[blame.trace_id for blame in blames],
        verdicts=[blame.verdict for blame in blames],
        modes=[blame.mode for blame in blames],
        convicted=np.array([is_conviction(blame) for blame in blames], dtype=bool),
        guilty=np.array([carries_blame(blame) for blame in blames], dtype=bool),
        shares=share_rows(blames, roles),
    )


def rank(
    blames: Sequence[Blame], roles: tuple[Role, ...], played: Played, log: Log, seed: int, resamples: int
) -> tuple[Ranked, ...]:
    """The stages in order of blame; empty where none is convicted. Same input and seed, same result.

    An interval is missing where fewer than two clusters hold a conviction, or every resample is the same.
    """
    columns = columns_of(blames, roles)
    if not columns.convicted.any():
        return ()
    shares = columns.shares
    clusters = cluster_codes(columns.ids, log)
    guilty = np.flatnonzero(columns.guilty)
    spread = len(guilty) if clusters is None else len(np.unique(clusters[guilty]))
    values = _values(shares, roles, played, log)
    drawn = cluster_sums(values + _swayed(values.shape, columns.ids, roles, log), clusters, resamples, seed)
    k = len(roles)
    gain, gains = values[:, k:-1].sum(axis=0) / log.n_traces, drawn[:, k:-1] / drawn[:, -1:]
    harm = played.passing_rows(roles)
    if len(harm):
        weight = played.passing_weight / log.n_traces
        gain = gain + weight * harm.sum(axis=0)
        gains = gains + weight * cluster_sums(harm, None, resamples, seed + 1)
    some = drawn[:, :k].sum(axis=1) > SAME_WORTH  # a resample without a conviction has no shares
    losses = drawn[some, :k]
    return _ranked(columns, roles, losses, _gains(gain, gains, spread), spread)


def cluster_codes(failing: Sequence[str], log: Log) -> NDArray[np.intp] | None:
    """[n_traces]: a number for the cluster of each trace, failing ones first; None where each is its own."""
    if log.clusters is None:
        return None
    known = set(failing)
    ids = [*failing, *(trace_id for trace_id in log.clusters if trace_id not in known)]
    numbers: dict[str, int] = {}
    codes = np.arange(log.n_traces, dtype=np.intp) + len(log.clusters)  # one each, unless named below
    for i, trace_id in enumerate(ids[: log.n_traces]):
        if (cluster := log.clusters.get(trace_id)) is not None:
            codes[i] = numbers.setdefault(cluster, len(numbers))
    return codes


def tally(names: Iterable[str | None]) -> dict[str, int]:
    """How often each name occurs, commonest first, then by name; None is not counted."""
    counts = Counter(name for name in names if name is not None)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _values(shares: Floats, roles: tuple[Role, ...], played: Played, log: Log) -> Floats:
    """[n_traces, 2k + 1]: shares, gains of each repair alone, and a one; zeros for passing traces."""
    k = len(roles)
    values = np.zeros((log.n_traces, 2 * k + 1))
    values[: len(shares), :k] = shares
    values[list(played.rows), k:-1] = played.alone(roles)
    values[:, -1] = 1.0
    return values


def _swayed(shape: tuple[int, ...], ids: Sequence[str], roles: tuple[Role, ...], log: Log) -> Floats:
    """Beside `_values`: what each trace tells of the others, where pass rates are pooled over the log. Right answers
    are taken in any order, each by itself."""
    added = np.zeros(shape)
    if log.swayed is None:
        return added
    k, own = len(roles), log.swayed.roles
    columns = [roles.index(role) for role in own]
    columns += [k + column for column in columns]
    for i, trace_id in enumerate(ids):
        if (row := log.swayed.failing.get(trace_id)) is not None:
            added[i, columns] = row
    right = log.swayed.right[: len(added) - len(ids)]
    added[np.arange(len(right))[:, None] + len(ids), columns] = right
    return added


def swayed_failures(ids: Sequence[str], roles: tuple[Role, ...], log: Log) -> Floats:
    """[failures, 2k]: what each failure tells of the others, for shares and for the gain of each repair alone."""
    return _swayed((len(ids), 2 * len(roles)), ids, roles, log)


def _ranked(
    columns: Columns, roles: tuple[Role, ...], losses: Floats, gains: list[Gain], spread: int
) -> tuple[Ranked, ...]:
    """Puts the ranking together from the shares of every failure and resamples [m, k] of their sums."""
    loss = columns.shares.sum(axis=0)
    convicted = [v if c else None for v, c in zip(columns.verdicts, columns.convicted.tolist(), strict=True)]
    verdicts = Counter(convicted)
    share = clean(loss / loss.sum())
    drawn = clean(losses / losses.sum(axis=1, keepdims=True))
    first = clean(first_probabilities(drawn if len(drawn) else share[None, :]))
    found = []
    for i, role in enumerate(roles):
        low, high = ends(drawn[:, i], spread)
        found.append(
            Ranked(
                role=role,
                share=float(share[i]),
                low=low,
                high=high,
                p_first=float(first[i]),
                loss=round(float(loss[i]), 9) + 0.0,
                fix_alone=gains[i],
                verdicts=verdicts[role],
                modes=tally(m for m, v in zip(columns.modes or (), convicted, strict=False) if v == role),
            )
        )
    return tuple(sorted(found, key=blame_order))


def blame_order(ranked: Ranked) -> tuple[float, bool, int]:
    """What a ranking is sorted by. As in a single trace, the model yields on a tie; among the rest the earlier stage
    comes first."""
    return -ranked.share, ranked.role == "model", ROLES.index(ranked.role)


def _gains(gain: Floats, gains: Floats, spread: int) -> list[Gain]:
    return [Gain(value, *ends(gains[:, i], spread)) for i, value in enumerate(clean(gain).tolist())]


def ends(draws: Floats, spread: int) -> Ends:
    """The 95 % interval, or two Nones where fewer than two clusters failed or every resample is the same."""
    found = percentile_interval(clean(draws), n_clusters=spread)
    return (None, None) if found is None or found[0] == found[1] else found
