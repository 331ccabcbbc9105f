"""Blame over many traces (`diagnose.report/1`)."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from diagnose.core.artifact import Whole
from diagnose.core.game import Runs
from diagnose.core.stage import Role
from diagnose.core.trust import Trust

REPORT_SCHEMA = "diagnose.report/1"


class Interval(Whole, frozen=True):
    """An estimate with its 95 % interval; `low` and `high` are None where there is no spread to see."""

    value: float
    low: float | None
    high: float | None


class Gain(Whole, frozen=True):
    """Accuracy (mean score, 0 to 1) won over all traces of the log if one thing were repaired."""

    gain: float
    low: float | None
    high: float | None


class Ranked(Whole, frozen=True):
    """One stage in the ranking.

    `share` is its part of the total loss (0 to 1; below zero where it masks others), `low` and `high` the
    95 % cluster-bootstrap interval, `p_first` the probability of ranking first, `loss` its blame in
    failures, `verdicts` the number of failures it is convicted of, `modes` how it failed and how often. Where only a
    sample of the failures was replayed, these are of all failures (verdicts and modes of the sample), and `sampled`
    is there: the share in the sample alone.
    """

    role: Role
    share: float
    low: float | None
    high: float | None
    p_first: float
    loss: float
    fix_alone: Gain
    verdicts: int
    modes: dict[str, int]
    sampled: Interval | UnsetType = UNSET


class Findings(Whole, frozen=True):
    """Failures that are no stage's: the trace ids by finding."""

    scorer: tuple[str, ...] = ()
    corpus: tuple[str, ...] = ()
    label: tuple[str, ...] = ()


class UndecidedCount(Whole, frozen=True):
    """How many failures stay undecided and why; `calls_needed` would settle those that calls can."""

    n: int
    reasons: dict[str, int]
    calls_needed: int | None = None


class Triage(Whole, frozen=True):
    """What usual triage would have said: evidence retrieved, so the model; else the retriever.

    `blames` counts its convictions by role; `replay` counts ours over the same failures;
    `agrees` is on how many both name the same stage; `model_acquitted` counts those it pins on
    the model and a replay convicts another stage of.
    """

    blames: dict[Role, int]
    replay: dict[str, int]
    agrees: int
    model_acquitted: int


class FixStep(Whole, frozen=True):
    """One step of the greedy fix order: the accuracy once this and the earlier repairs are in."""

    role: Role
    gain: float
    score: float


class PairGain(Whole, frozen=True):
    """The two stages that gain most repaired together: `gain` in mean score, and the `score` with both."""

    roles: tuple[Role, Role]
    gain: float
    score: float


class Cohort(Whole, frozen=True):
    """Traces that share a tag; `shares` is each stage's part of the cohort's loss. `departs` names the stage
    whose share departs from the rest of the log and `p_value` how surely (permutation test,
    Holm-corrected)."""

    tag: str
    value: str
    n_traces: int
    n_failures: int
    shares: dict[Role, float]
    departs: Role | None
    p_value: float | None


class StageCost(Whole, frozen=True):
    """Logged cost of one stage, summed over the traces that have it; None where the log has none."""

    elapsed_s: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
    money: float | None
    n_traces: int


class Cost(Whole, frozen=True):
    """Logged cost per stage and per right answer."""

    stages: dict[Role, StageCost]
    tokens_per_right_answer: float | None
    seconds_per_right_answer: float | None
    money_per_right_answer: float | None


class Fidelity(Whole, frozen=True):
    """How far replays with nothing changed reproduced the log at one stage.

    `n` traces were compared; `same` is the fraction with the same output; `drifted` the fraction that differs
    although two replays agree (something changed since); `unstable` the fraction in which
    two replays of the same input disagree.
    """

    n: int
    same: float
    drifted: float
    unstable: float


class PassingCheck(Whole, frozen=True):
    """A sample of right answers replayed under each stage's repair: how many of `n` it breaks."""

    n: int
    broken: dict[Role, int]


class Agreement(Whole, frozen=True):
    """How far the metric agrees with people on the `n` logged answers that have their feedback.

    `agrees` is the part (0 to 1) on which both say pass or both say fail, `low` and `high` its 95 % interval, `kappa`
    Cohen's (None where one side never differs). `too_lenient` answers pass and were rejected, `too_strict` fail and
    were accepted. `best_pass` is the pass mark that agrees most with these marks, on `best_agrees` of them, where
    another agrees more than the one in use.
    """

    metric: str
    n: int
    agrees: float
    low: float | None
    high: float | None
    kappa: float | None
    too_lenient: int
    too_strict: int
    best_pass: float | None
    best_agrees: float | None


class ToLabel(Whole, frozen=True):
    """A trace without a usable label, and why it should get one."""

    trace_id: str
    why: tuple[str, ...]


class StageIdentity(Whole, frozen=True):
    """What a stage was when it was replayed."""

    role: Role
    name: str
    fingerprint: str


class RunProvenance(Whole, frozen=True):
    """What made the report: enough to make it again; no clock and no path of the machine."""

    version: str
    command: str
    seed: int
    metric: str
    pass_mark: float
    pipeline: str | None = None
    stages: tuple[StageIdentity, ...] = ()
    corpus: str | None = None
    traces: str | None = None


class Report(Whole, frozen=True, tag_field="schema", tag=REPORT_SCHEMA):
    """The ranked blame report. `ranking` is in order of blame.

    `residual` adds up, in failures, what no repair wins back; `funnel` counts the failures that lost the
    evidence at each stage; `same_outcome` is the part of the replayed failures that fail again with nothing
    changed; `fragile` names right answers whose evidence never reached the model; `detected` counts what
    cheap detectors saw in the log, keyed `role.mode`; `retrieval` holds the mean of retrieval
    measures over the logged lists of traces with gold passages; `trust` is how often blame landed on faults
    planted in this pipeline; `agreement` is how far the metric agrees with people. `n_unlabelled` traces have
    neither a score nor a usable label; `label_first` names those whose labels would tell most. `partial` marks
    the report of a run that was interrupted.
    """

    n_traces: int
    n_failures: int
    score: float | None
    levels: dict[str, int]
    fidelity: dict[Role, Fidelity]
    ranking: tuple[Ranked, ...]
    findings: Findings
    undecided: UndecidedCount
    triage: Triage | None
    fix_order: tuple[FixStep, ...]
    cohorts: tuple[Cohort, ...]
    cost: Cost
    runs: Runs
    provenance: RunProvenance
    roles: tuple[Role, ...] = ()
    headline: str = ""
    residual: float | None = None
    funnel: dict[Role, int] = {}
    same_outcome: float | None = None
    fragile: tuple[str, ...] = ()
    detected: dict[str, int] = {}
    retrieval: dict[Role, dict[str, float]] = {}
    trust: Trust | None = None
    passing: PassingCheck | None = None
    skipped: tuple[str, ...] = ()
    label_first: tuple[ToLabel, ...] = ()
    n_unlabelled: int = 0
    best_pair: PairGain | None = None
    agreement: Agreement | None = None
    notes: tuple[str, ...] = ()
    partial: bool = False
