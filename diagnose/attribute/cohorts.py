"""Groups of traces that share a tag, and the stage whose share departs there from the rest of the log.

Each cohort with `FEWEST_FAILURES` convictions or more is tested against all others by permuting which
failures belong to it; Holm's correction runs over every cohort and stage tested. The statistic for a
stage is the difference in the mean of

    share − S · loss        S the stage's part of the whole log's loss

which is zero where the stage's part of the cohort's loss is S, and which a cohort does not move by
failing harder. Failures count as independent: clusters are not kept together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diagnose.attribute.ranking import share_rows
from diagnose.attribute.remedy import SAME_WORTH
from diagnose.attribute.shapley import Floats, clean
from diagnose.core.blame import Blame
from diagnose.core.report import Cohort
from diagnose.core.stage import Role
from diagnose.errors import quoted
from diagnose.stats.permutation import group_difference_p, holm

FEWEST_FAILURES = 5
"""Convictions a cohort needs to be tested."""
ERROR_RATE = 0.05
"""Chance of naming any departing stage in a log that has none."""
MOST_TAGS = 10
"""Tags that are looked at: those on most failures."""
MOST_VALUES = 20
"""Values of one tag that become cohorts: those with most failures."""
MOST_TESTED = 2000
"""Convictions that enter the tests; of more, a seeded sample does. Shares are of all."""
PERMUTATIONS = 499
LOOK_CLOSER = 0.02
"""A p-value up to this is measured again with fresh permutations, at least `CLOSER_PERMUTATIONS` and
`PERMUTATIONS_PER_TEST` for each test of the log: Holm's correction multiplies the p-value by up to the number
of tests, and the 1/500 of a first look would not survive that."""
CLOSER_PERMUTATIONS = 1999
PERMUTATIONS_PER_TEST = 50

Tags = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Cohorts:
    """`cohorts` in the order of tag, then of failures; `notes` says what was left out."""

    cohorts: tuple[Cohort, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Group:
    """A cohort before it is tested; `failing` marks its failures among all [n_failures]."""

    tag: str
    value: str
    n_traces: int
    failing: NDArray[np.bool_]


def find_cohorts(blames: Sequence[Blame], tags: Tags, roles: tuple[Role, ...], seed: int) -> Cohorts:
    """The cohorts of a log, for tags with two values or more that some traces share.

    `tags` holds the tags of every trace, failing or not, by trace id. `departs` is the stage with the
    smallest corrected p-value where that is at most `ERROR_RATE`, of equals the one blamed more than
    elsewhere; `p_value` is that p-value, None for a cohort too small to test. Same input and seed,
    same result.
    """
    every = {**{blame.trace_id: blame.tags for blame in blames}, **tags}
    counts = TagCounts()
    for of_trace in every.values():
        counts.add(of_trace)
    return cohorts_of(blames, [every[blame.trace_id] for blame in blames], counts, roles, seed)


class TagCounts:
    """How many traces have each value of each tag."""

    def __init__(self) -> None:
        self.of: dict[str, Counter[str]] = {}

    def add(self, tags: Mapping[str, str]) -> None:
        """Count the tags of a trace in."""
        for tag, value in tags.items():
            counts = self.of.get(tag)
            if counts is None:
                counts = self.of[tag] = Counter()
            counts[value] += 1


def cohorts_of(
    blames: Sequence[Blame],
    tags: Sequence[Mapping[str, str]],
    traces: TagCounts,
    roles: tuple[Role, ...],
    seed: int,
) -> Cohorts:
    """As `find_cohorts`, from the tags of each failure and counts over all traces."""
    groups, notes = _groups(tags, traces.of)
    shares = share_rows(blames, roles)
    departures = _departures(groups, shares, seed)
    found = []
    for group, departure in zip(groups, departures, strict=True):
        column, p_value = departure if departure else (None, None)
        found.append(
            Cohort(
                tag=group.tag,
                value=group.value,
                n_traces=group.n_traces,
                n_failures=int(group.failing.sum()),
                shares=_parts(shares[group.failing], roles),
                departs=None if column is None else roles[column],
                p_value=p_value,
            )
        )
    return Cohorts(tuple(found), notes)


def _groups(
    tags: Sequence[Mapping[str, str]], traces: Mapping[str, Counter[str]]
) -> tuple[list[_Group], tuple[str, ...]]:
    failing = TagCounts()
    for of_failure in tags:
        failing.add(of_failure)
    failures = failing.of
    usable = [tag for tag, values in traces.items() if len(values) > 1 and max(values.values()) > 1]
    kept = sorted(usable, key=lambda tag: (-failures.get(tag, Counter()).total(), tag))[:MOST_TAGS]
    notes = [f"{len(usable) - len(kept)} more tags made no cohorts"] if len(usable) > len(kept) else []
    groups: list[_Group] = []
    for tag in sorted(kept):
        failed, values = failures.get(tag, Counter()), traces[tag]
        order = sorted(values, key=lambda value: (-failed[value], -values[value], value))
        number = {value: i for i, value in enumerate(order[:MOST_VALUES])}
        which = np.array([number.get(one.get(tag, ""), -1) for one in tags], dtype=int)
        has = np.array([tag in one for one in tags], dtype=bool)
        groups += [_Group(tag, value, values[value], has & (which == i)) for value, i in number.items()]
        if len(order) > MOST_VALUES:
            notes.append(f"tag {quoted(tag)}: {len(order) - MOST_VALUES} more values made no cohorts")
    return groups, tuple(notes)


def _parts(shares: Floats, roles: tuple[Role, ...]) -> dict[Role, float]:
    """Each stage's part of the loss; empty where there is none."""
    total = float(shares.sum())
    if total <= SAME_WORTH:
        return {}
    return dict(zip(roles, clean(shares.sum(axis=0) / total).tolist(), strict=True))


def _departures(groups: Sequence[_Group], shares: Floats, seed: int) -> list[tuple[int | None, float] | None]:
    """For each group the column that departs, if one does, with its corrected p-value; None if untested."""
    rows = _tested_rows(shares, seed)
    if len(rows) == 0:
        return [None] * len(groups)
    tested = shares[rows]
    loss = tested.sum(axis=1, keepdims=True)
    excess = tested - loss * (tested.sum(axis=0) / loss.sum())
    live = np.flatnonzero(np.abs(excess).max(axis=0, initial=0.0) > SAME_WORTH)
    within = [group.failing[rows] for group in groups]
    big = [i for i, mask in enumerate(within) if FEWEST_FAILURES <= mask.sum() < len(rows)]
    found: list[tuple[int | None, float] | None] = [None] * len(groups)
    p_values = _corrected([within[i] for i in big], excess[:, live], seed)
    for i, p in zip(big, p_values, strict=True):
        raised = excess[within[i]].mean(axis=0)[live]
        best = min(range(len(live)), key=lambda c: (p[c], -raised[c]), default=None)
        if best is None:
            found[i] = (None, 1.0)
        else:
            found[i] = (int(live[best]) if p[best] <= ERROR_RATE else None, float(p[best]))
    return found


def _tested_rows(shares: Floats, seed: int) -> NDArray[np.intp]:
    convicted = np.flatnonzero(shares.any(axis=1))
    if len(convicted) <= MOST_TESTED:
        return convicted
    return np.sort(np.random.default_rng(seed).choice(convicted, MOST_TESTED, replace=False))


def _corrected(masks: Sequence[NDArray[np.bool_]], excess: Floats, seed: int) -> list[Floats]:
    """Holm-corrected p-values [columns] of each group against the rest. Groups that split the failures the
    same way, such as the two values of a tag, are one test."""
    splits = {_split(mask): mask for mask in masks}
    n_tests = len(splits) * excess.shape[1]
    p_values = {split: _p_values(mask, excess, n_tests, seed) for split, mask in splits.items()}
    flat = holm([p for values in p_values.values() for p in values.tolist()])
    corrected = np.array(flat).reshape(len(splits), excess.shape[1])
    row = {split: i for i, split in enumerate(p_values)}
    return [corrected[row[_split(mask)]] for mask in masks]


def _split(mask: NDArray[np.bool_]) -> bytes:
    return min(mask.tobytes(), (~mask).tobytes())


def _p_values(mask: NDArray[np.bool_], excess: Floats, n_tests: int, seed: int) -> Floats:
    p = group_difference_p(excess, mask, PERMUTATIONS, seed)
    again = p <= LOOK_CLOSER
    if again.any():
        # Still valid: whatever the first look said, the second's is a p-value of its own.
        resamples = max(CLOSER_PERMUTATIONS, n_tests * PERMUTATIONS_PER_TEST)
        p[again] = group_difference_p(excess[:, again], mask, resamples, seed + 1)
    return p
