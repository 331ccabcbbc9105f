"""How a stage fails: an error that carries its failure as a value."""

from __future__ import annotations

import os
from typing import Literal

from diagnose.core.stage import Failure, Role
from diagnose.errors import StageFailed, visible
from diagnose.secrets import secrets_in, without

Kind = Literal["raised", "timeout", "nonsense", "unseen", "missing"]


class RunFailed(StageFailed):
    """A stage gave no output. `kind` is how it failed, `failure` the same as a value, for a replay to
    keep."""

    def __init__(self, role: Role, name: str, kind: Kind, reason: str) -> None:
        # What a stage raises may quote the key it was refused with; the reason is kept in reports.
        reason = without(reason, secrets_in(os.environ))
        self.kind = kind
        self.failure = Failure(role=role, kind=kind, reason=reason)
        super().__init__(f"stage {role} ({name}): {reason}")


class TimedOut(StageFailed):
    """A stage's own wait ended (an HTTP model that did not reply); becomes a failure of kind `timeout`."""


def one_line(exc: BaseException, limit: int = 200) -> str:
    """`ValueError: first line of its message`, clipped and without control characters.

    An exception whose own `__str__` raises is named only.
    """
    try:
        lines = visible(str(exc)).strip().splitlines()
    except Exception:  # noqa: BLE001  whatever a foreign __str__ raises
        lines = []
    name = type(exc).__name__
    if not lines:
        return name
    text = lines[0]
    return f"{name}: {text[:limit]}…" if len(text) > limit else f"{name}: {text}"
