"""How often blame lands on faults that were planted in a pipeline."""

from __future__ import annotations

from diagnose.core.artifact import Whole
from diagnose.core.stage import Role


class Trial(Whole, frozen=True):
    """One planted fault (or pair, or none) over the queries that the pipeline answers without it.

    `tried` queries were replayed with the fault in place, `failed` of them then failed. Of those `right`
    are pinned on a planted stage (for a pair: both are in some minimal repair set), `convicted` on a
    planted stage or both, `wrong` on another stage, `on_model` of these on the model, `undecided` on none.
    Of two kinds of failures nothing of that is counted: in `inert` ones the fault broke no contract of a stage
    before the model, in `read_through` ones a pair's other fault left the evidence to the model with a fault, whose
    repair is then enough. `verdicts` counts all by verdict, `modes` counts the modes of the right ones.
    `model_runs` were made for them all.
    """

    faults: tuple[str, ...]
    roles: tuple[Role, ...]
    tried: int
    failed: int
    right: int
    wrong: int
    on_model: int
    undecided: int
    verdicts: dict[str, int]
    modes: dict[str, int]
    model_runs: int
    inert: int = 0
    read_through: int = 0


class Trust(Whole, frozen=True):
    """The result of planting faults in a pipeline: `right` (with its Wilson 95 % interval) and `wrong` over
    the `failed` failures of single faults that broke a contract; `inert` more broke none (see `Trial`).

    Of `n_queries` labelled queries the pipeline answers `n_answered` without faults, and `n_earned` of
    these with the evidence in every stage's output and still with every stage before the model repaired.
    Faults are planted in those alone: a lucky answer has a fault already, and nobody knows whose. `partial` marks what
    was interrupted before all faults were planted.
    """

    n_queries: int
    n_answered: int
    n_earned: int
    trials: tuple[Trial, ...]
    failed: int
    right: float | None
    right_low: float | None
    right_high: float | None
    wrong: float | None
    model_runs_per_failure: float | None
    seed: int
    noise: float = 0.0
    inert: int = 0
    notes: tuple[str, ...] = ()
    partial: bool = False
