"""Sets of repaired stages, as bit masks over a pipeline's roles, and their names in files."""

from __future__ import annotations

from functools import lru_cache

from diagnose.core.stage import Role

SEPARATOR = "+"


def key(roles: tuple[Role, ...], mask: int) -> str:
    """The coalition's name: role names joined by `+` in pipeline order, `""` for none.

    >>> key(("retriever", "ranker", "model"), 0b101)
    'retriever+model'
    """
    return SEPARATOR.join(role for i, role in enumerate(roles) if mask >> i & 1)


@lru_cache(maxsize=256)
def keys(roles: tuple[Role, ...]) -> tuple[str, ...]:
    """The names of all 2ⁿ coalitions; position m holds the name of mask m."""
    return tuple(key(roles, mask) for mask in range(1 << len(roles)))


def members(roles: tuple[Role, ...], mask: int) -> tuple[Role, ...]:
    """The roles in the coalition, in pipeline order."""
    return tuple(role for i, role in enumerate(roles) if mask >> i & 1)
