"""One name of the program's vocabulary with everything `diagnose explain` says about it."""

from __future__ import annotations

from diagnose.core.artifact import Frozen


class Entry(Frozen, frozen=True):
    """The explanation of one name; None or () where a part has no meaning for its kind.

    `kind` is `role`, `repair`, `mode`, `ablation`, `metric`, `number`, `field`, `level`, `finding`, `reason`,
    `error`, `exit` or `stage`. `formula` computes a number; for a mode it is the rule that detects it, for
    a role when its contract is kept. `evidence` is what a reviewer is shown. `of` is what the name
    belongs to: the role of a mode, the place of a number in its file (`report.ranking`).
    """

    name: str
    kind: str
    definition: str
    formula: str | None = None
    range: str | None = None
    unit: str | None = None
    source: str | None = None
    remedy: str | None = None
    see: tuple[str, ...] = ()
    evidence: str | None = None
    of: str | None = None

    @property
    def address(self) -> str:
        """The name with what it belongs to: `packer.truncated`, `report.ranking.share`."""
        return f"{self.of}.{self.name}" if self.of else self.name
