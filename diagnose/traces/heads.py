"""What every span has, whatever its tool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec


class Head(msgspec.Struct, frozen=True, gc=False):
    """What every span has: who it is, when it ran, how it ended."""

    trace_id: str
    span_id: str
    parent_id: str | None = None
    name: str = ""
    start_ns: int = 0
    end_ns: int = 0
    error: str | None = None
    source: str = ""


class Event(NamedTuple):
    """A span event."""

    name: str
    attributes: Mapping[str, Any]
