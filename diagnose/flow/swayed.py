"""What pooling pass rates over a log adds to the uncertainty of what is said of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diagnose.ablate.spread import Logged, Sampled
from diagnose.ablate.sway import sway_of
from diagnose.attribute import shapley
from diagnose.attribute.gains import Swayed
from diagnose.attribute.ranking import carries_blame
from diagnose.attribute.shapley import Floats
from diagnose.core.blame import FINDINGS, Blame


def swayed_of(done: Sequence[tuple[Sampled, Blame]], logged: Logged) -> Swayed | None:
    """What each failing trace, sampled and blamed, and each right answer tells of the others' pass rates; None where no
    trace was sampled. All of them have the stages of one pipeline."""
    if not done:
        return None
    roles = done[0][0].cells.plan.roles
    counted = np.array([_counted(blame, len(roles)) for _, blame in done], dtype=float)
    found = sway_of([way for way, _ in done], logged, _columns, counted)
    failing = {blame.trace_id: row for (_, blame), row in zip(done, found.failing, strict=True)}
    return Swayed(roles, failing, found.right)


def _counted(blame: Blame, k: int) -> list[bool]:
    """[2k]: in which of the totals of `attribute.ranking` a blame counts: those of shares, those of gains."""
    return [carries_blame(blame)] * k + [bool(blame.shares) and blame.verdict not in FINDINGS] * k


def _columns(worth: Floats) -> Floats:
    """[m, 2k]: of games [m, 2ⁿ] each stage's share, and what repairing it alone wins back."""
    return np.concatenate([shapley.shares(worth), shapley.sufficiency(worth)], axis=1)
