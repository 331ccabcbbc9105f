"""What comes of holding one system's outcomes against another's: the comparison and the gate's verdict."""

from __future__ import annotations

from typing import Literal

from diagnose.core.artifact import Whole
from diagnose.core.stage import Role

GATE_SCHEMA = "diagnose.gate/1"
COMPARISON_SCHEMA = "diagnose.comparison/1"

GateOutcome = Literal["pass", "fail", "inconclusive"]
RuleKind = Literal[
    "score",
    "new_failures",
    "blame",
    "fix_alone",
    "fidelity",
    "undecided",
    "cohort",
    "cost",
    "latency",
    "tokens",
]
Identity = Literal["same", "changed", "added", "removed", "unknown"]


class Delta(Whole, frozen=True):
    """A paired difference over `n` traces: the means before and after, their difference, its 95 %
    cluster-bootstrap interval, and the one-sided p-value of a change for the worse (None where nothing was
    tested)."""

    n: int
    before: float
    after: float
    change: float
    low: float | None
    high: float | None
    p_value: float | None


class StageChange(Whole, frozen=True):
    """How one stage's blame changed, in points of mean score over all paired traces (None where one side
    was not replayed), whether its fingerprint did, and how many regressed traces it is convicted of now."""

    role: Role
    identity: Identity
    blame: Delta | None
    regressed: int


class CohortChange(Whole, frozen=True):
    """How the score of the traces that share a tag changed; the p-values are Holm-corrected over the
    cohorts."""

    tag: str
    value: str
    score: Delta


class Moved(Whole, frozen=True):
    """A trace that came out otherwise: its scores and verdicts (None where it passed) on both sides."""

    trace_id: str
    before: float
    after: float
    verdict_before: str | None
    verdict_after: str | None
    mode_before: str | None = None
    mode_after: str | None = None


class Changed(Whole, frozen=True):
    """Something that the two sides were not made with alike: `corpus`, `scorer`, `labels`, or a role."""

    what: str
    before: str | None
    after: str | None


class Comparison(Whole, frozen=True, tag_field="schema", tag=COMPARISON_SCHEMA):
    """Two systems over the same traces, paired.

    `regressed` passed before and fail now, `repaired` the other way round, `failing` fail on both sides;
    all worst first. `flips` is the part of traces whose outcome differs, in either direction. `stages` are
    in pipeline order.
    """

    before: str
    after: str
    n_before: int
    n_after: int
    score: Delta
    flips: float
    stages: tuple[StageChange, ...]
    cohorts: tuple[CohortChange, ...]
    regressed: tuple[Moved, ...]
    repaired: tuple[Moved, ...]
    failing: tuple[Moved, ...]
    changed: tuple[Changed, ...]
    steady: bool
    headline: str
    notes: tuple[str, ...] = ()


class Needed(Whole, frozen=True):
    """What would decide: `traces` in all, or `runs` of each side over the traces there are; None where that
    would not help."""

    traces: int | None
    runs: int | None


class RuleVerdict(Whole, frozen=True):
    """What one rule says. `of` is its stage or cohort. `value` is what is held against `limit`, with its 95 %
    interval; `p_value` is the chance of such a value, or a worse one, where nothing changed, corrected for
    the rules tested with it, and `level` what it must not exceed for the rule to fail."""

    rule: RuleKind
    of: str | None
    outcome: GateOutcome
    says: str
    value: float | None
    low: float | None
    high: float | None
    limit: float
    p_value: float | None
    level: float | None
    needed: Needed | None = None


class GateVerdict(Whole, frozen=True, tag_field="schema", tag=GATE_SCHEMA):
    """Whether a report may pass. `stage` is the stage whose blame rose most, where the gate did not pass
    and one did; `rules` come in the order in which they were tested."""

    outcome: GateOutcome
    headline: str
    stage: Role | None
    rules: tuple[RuleVerdict, ...]
    comparison: Comparison
    alpha: float
    alpha_others: float
    seed: int
    needed: Needed | None = None
