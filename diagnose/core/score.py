"""A score that may be undefined."""

from __future__ import annotations

from diagnose.core.artifact import Frozen


class Score(Frozen, frozen=True, omit_defaults=False):
    """`value` is between 0 and 1, or None with the reason in `undefined`: never NaN, never a default."""

    value: float | None
    undefined: str | None = None

    def __post_init__(self) -> None:
        if (self.value is None) == (self.undefined is None):
            raise ValueError("a score has a value or a reason why it has none")
        if self.value is not None and not 0.0 <= self.value <= 1.0:
            raise ValueError(f"a score is between 0 and 1, found {self.value}")
