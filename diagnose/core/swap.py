"""Which of the stages that differ between two pipelines moved the score (`diagnose.swap/1`)."""

from __future__ import annotations

from diagnose.core.artifact import Whole
from diagnose.core.report import Interval
from diagnose.core.stage import Role

SWAP_SCHEMA = "diagnose.swap/1"


class SwapShare(Whole, frozen=True):
    """A stage's part of the change of the mean score (its Shapley value in the game over swapped stages),
    with its 95 % cluster-bootstrap interval; `alone` is the change if only it is swapped, `last` if it is
    swapped last."""

    role: Role
    before: str | None
    after: str | None
    share: float
    low: float | None
    high: float | None
    alone: float
    last: float


class SwapTrace(Whole, frozen=True):
    """A trace whose score differs: its part of the change by stage, and the smallest sets of stages to
    revert that bring its old score back."""

    trace_id: str
    before: float
    after: float
    shares: dict[Role, float]
    reverts: tuple[tuple[Role, ...], ...]


class Swaps(Whole, frozen=True, tag_field="schema", tag=SWAP_SCHEMA):
    """The change of the mean score from pipeline A to pipeline B, divided among the stages that differ.

    The shares add up to `change` exactly (1e-12). `worth` is the mean score with each set of B's stages in A,
    `interactions` how two swaps change one another's effect. `minimal` are the smallest sets of B's stages
    that alone bring the change about, `reverts` the smallest to take back from B so that it does as well as
    A (both within `tolerance`), `best` the set of B's stages with the highest mean score. `partial` marks what was
    interrupted before all traces were replayed.
    """

    pipeline_a: str
    pipeline_b: str
    n: int
    runs: int
    before: float
    after: float
    change: Interval
    shares: tuple[SwapShare, ...]
    worth: dict[str, float]
    interactions: dict[str, float]
    minimal: tuple[tuple[Role, ...], ...]
    reverts: tuple[tuple[Role, ...], ...]
    best: tuple[Role, ...]
    traces: tuple[SwapTrace, ...]
    tolerance: float
    seed: int
    headline: str
    notes: tuple[str, ...] = ()
    partial: bool = False
