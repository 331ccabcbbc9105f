"""What other settings would have given (`diagnose.sweep/1`), and the budgets queries need (`diagnose.budget/1`)."""

from __future__ import annotations

from diagnose.core.artifact import Whole
from diagnose.core.report import Interval

SWEEP_SCHEMA = "diagnose.sweep/1"
BUDGET_SCHEMA = "diagnose.budget/1"

Setting = str | int | float | bool | None


class Cell(Whole, frozen=True):
    """One set of settings (by dotted key; none for the pipeline as it is): mean `score` over the traces, its
    paired `change` against the pipeline as it is, traces won and lost, and mean cost of a query.

    `tokens` are those the model reads and writes. `seconds` are at the log's own pace, None where it has no
    times; `money` by the price table, None without one. `frontier` says that no cell has a higher score for as
    few tokens.
    """

    settings: dict[str, Setting]
    score: float
    change: Interval
    won: int
    lost: int
    tokens: float
    seconds: float | None
    money: float | None
    frontier: bool


class Sweep(Whole, frozen=True, tag_field="schema", tag=SWEEP_SCHEMA):
    """All cells of a sweep over the same `n` traces; the first is the pipeline as it is. `runs` are the repeats of
    stages that are not deterministic, `model_runs` the different runs of the model that all cells took; `partial` marks
    a sweep that was interrupted before all traces were replayed."""

    pipeline: str
    n: int
    runs: int
    model_runs: int
    cells: tuple[Cell, ...]
    seed: int
    headline: str
    notes: tuple[str, ...] = ()
    partial: bool = False


class Bin(Whole, frozen=True):
    """Queries whose predicted complexity is from `low` to `high`: how many, the mean predicted, and the part that
    did need more."""

    low: float
    high: float
    n: int
    predicted: float
    observed: float


class Complexity(Whole, frozen=True):
    """The model of complexity: P(the query needs more than `above_tokens` tokens' budget) =
    1 / (1 + e^−(`bias` + Σ weight · feature)).

    `brier` and `calibration_error` (mean |predicted − observed| over `bins`, 0 to 1) are of predictions for queries
    that the model was not trained on; `brier_base` is that of predicting the base rate, `brier_with_scores` with the
    shape of the retriever's scores among the features (None where the log has none).
    """

    weights: dict[str, float]
    bias: float
    above_tokens: float
    n: int
    brier: float
    brier_base: float
    brier_with_scores: float | None
    calibration_error: float
    bins: tuple[Bin, ...]


class Tier(Whole, frozen=True):
    """Queries of like complexity: from `low` on and below `high`. `cell` is the index of the smallest budget that keeps
    the answers of the pipeline as it is, `larger` that of the smallest that wins answers beyond doubt, if any does."""

    name: str
    low: float
    high: float
    n: int
    before: float
    score: float
    tokens_before: float
    tokens: float
    cell: int
    larger: int | None
    larger_gain: float | None


class Policy(Whole, frozen=True):
    """A way to give budgets: mean score and paired change against the pipeline as it is, mean cost of a query, and
    the part of the tokens that it saves."""

    name: str
    score: float
    change: Interval
    tokens: float
    saved: float
    seconds: float | None
    money: float | None


class Moved(Whole, frozen=True):
    """A query that another budget would serve better: the index of the cell, and tokens before and after."""

    trace_id: str
    tier: str
    cell: int
    tokens_before: float
    tokens: float


class Budget(Whole, frozen=True, tag_field="schema", tag=BUDGET_SCHEMA):
    """Which budget the queries of a log need.

    `cells` as in a sweep, the first the pipeline as it is. `complexity` is None where there is no model, `refused`
    says why. `policies`: `uniform` (the pipeline as it is), `best uniform` (the smallest budget that keeps all
    answers), `route` (the proposed one, on held-out folds) and `oracle` (for each query the smallest budget that
    answers it). `waste` are right answers that a smaller budget gives too, `starvation` wrong ones that a larger one
    wins. `toml` is the route table. `partial` as in a sweep.
    """

    pipeline: str
    n: int
    runs: int
    model_runs: int
    folds: int
    tolerance: float
    cells: tuple[Cell, ...]
    complexity: Complexity | None
    refused: str | None
    tiers: tuple[Tier, ...]
    policies: tuple[Policy, ...]
    waste: tuple[Moved, ...]
    starvation: tuple[Moved, ...]
    toml: str
    seed: int
    headline: str
    notes: tuple[str, ...] = ()
    partial: bool = False
