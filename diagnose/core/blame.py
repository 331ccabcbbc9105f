"""The blame of one failing trace (`diagnose.blame/1`)."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from diagnose.core.artifact import Frozen
from diagnose.core.game import Runs
from diagnose.core.stage import Role

BLAME_SCHEMA = "diagnose.blame/1"
ADDS_UP_TO = 1e-9
"""How far the shares may add up beside the loss: rounding of 2⁸ sums, nothing more."""

Level = Literal["replayed", "observed", "unlabelled"]
Finding = Literal["scorer", "corpus", "label"]
FINDINGS: tuple[Finding, ...] = ("scorer", "corpus", "label")
Verdict = Role | Finding | Literal["undecided"]

Reason = Literal[
    "not-reproduced",
    "no-label",
    "not-replayable",
    "noise",
    "no-loss",
    "observed-only",
    "budget",
    "interrupted",
]


class Undecided(Frozen, frozen=True, omit_defaults=False):
    """Why there is no verdict; `power` (0 to 1) is the probability, given what was run, of having
    told the leading stage apart, `calls_needed` the further model calls that should settle it.
    Both are None where more calls would not help."""

    reason: Reason
    detail: str = ""
    power: float | None = None
    calls_needed: int | None = None


class FunnelStep(Frozen, frozen=True, omit_defaults=False):
    """Whether the evidence was in a stage's output; None where that cannot be told."""

    role: Role
    evidence: bool | None


class Blame(Frozen, frozen=True, omit_defaults=False):
    """Who is to blame for one failing trace, with the evidence.

    `shares` add up to `loss`, or the value cannot be built. `interactions` is keyed by two role names
    joined by `+`: above zero the repairs work only together, below zero either will do. `confidence` is
    the posterior probability of the verdict (1.0 for a deterministic pipeline); `evidence` says in a
    sentence what was seen. `workarounds` holds what the repair of a stage that is to blame for nothing would
    have won by itself, where that was asked for; it is no part of the shares. `bounds` is there where
    prompts that could not change the verdict were not run: the least and the most that each share can be;
    `shares` then holds the mean over what the game may be.
    """

    trace_id: str
    level: Level
    verdict: Verdict
    mode: str | None = None
    shares: dict[Role, float] = {}
    loss: float = 0.0
    residual: float | None = None
    minimal_repairs: tuple[tuple[Role, ...], ...] = ()
    necessity: dict[Role, float] = {}
    sufficiency: dict[Role, float] = {}
    interactions: dict[str, float] = {}
    undecided: Undecided | None = None
    funnel: tuple[FunnelStep, ...] = ()
    runs: Runs = Runs()
    confidence: float | None = None
    evidence: str | None = None
    tags: dict[str, str] = {}
    workarounds: dict[Role, float] = {}
    bounds: dict[Role, tuple[float, float]] | UnsetType = UNSET

    def __post_init__(self) -> None:
        total = sum(self.shares.values())
        if abs(total - self.loss) > ADDS_UP_TO:
            raise ValueError(f"shares add up to {total!r}, the loss is {self.loss!r}")
        if (self.verdict == "undecided") != (self.undecided is not None):
            raise ValueError("a verdict is 'undecided' exactly where a reason is given")
