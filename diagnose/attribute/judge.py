"""Verdicts of many games at once: what a posterior over games says about who is to blame."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from diagnose.attribute import shapley
from diagnose.attribute.verdict import SAYS_WHAT, TIE
from diagnose.core.stage import Role

Floats = NDArray[np.float64]
NEAR = 0.05
"""Shares closer than this are tied where worths are pass rates: no affordable number of runs tells them
apart."""
SUBSTITUTES = 0.15
"""What the stage that lost the evidence is ahead by: repairs that each work have the same share but for the
luck of a few runs, and of those the funnel decides."""
ORDER = 0.001
"""What an earlier stage is ahead of the next by in a tie."""


def no_loss(roles: tuple[Role, ...]) -> int:
    """The code of the verdict that no repair wins anything back."""
    return len(roles)


Judge = Callable[[Floats, float], NDArray[np.int64]]


@cache
def judge_of(roles: tuple[Role, ...], lost: Role | None) -> Judge:
    """A function from games [m, 2ⁿ], and how often (0 to 1) the model is wrong whatever it reads, to verdict codes
    [m]: positions in `roles`, or `no_loss`.

    The rules are those of `verdict.blamed`, with ties as wide as `NEAR` and `SUBSTITUTES`; `lost` is the
    stage where the funnel loses the evidence. What the model gets wrong anywhere says nothing of this trace: against
    a stage whose share is larger than that, the model's counts only as far as it goes beyond it.
    """
    model = roles.index("model") if "model" in roles else None
    nudges = np.array([-i * ORDER for i in range(len(roles))])
    if lost in roles and lost != "model":
        nudges[roles.index(lost)] += SUBSTITUTES
        # What a stage loses with a query that a stage before it spoiled is that stage's; in a tie it is ahead.
        for role in (r for r in SAYS_WHAT if r in roles and roles.index(r) < roles.index(lost)):
            nudges[roles.index(role)] += SUBSTITUTES

    def judge(worth: Floats, flaky: float) -> NDArray[np.int64]:
        shares = shapley.shares(worth) + nudges
        if model is not None:
            others = np.max([shares[:, i] for i in range(len(roles)) if i != model], axis=0, initial=0.0)
            shares[:, model] -= np.where(others > flaky / 2.0, max(flaky, NEAR), NEAR)
        codes: NDArray[np.int64] = shares.argmax(axis=1).astype(np.int64)
        codes[worth[:, -1] - worth[:, 0] <= TIE] = no_loss(roles)
        return codes

    return judge
