"""Times and ids as tracing tools write them."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import Any

LATEST_NS = 2**63
_HEX = re.compile(r"[0-9a-fA-F]+")
_NO_PARENT = frozenset({"", "0" * 16, "0" * 32})
_ID_CHARACTERS = {24: 16, 12: 8}
"""Base64 lengths of ids, and the bytes in them."""


def as_ns(value: Any) -> int:
    """A time as nanoseconds since 1970; 0 where there is none, or none that a clock can show.

    Texts are ISO 8601 or digits, tables hold times as such; numbers are seconds, milliseconds, microseconds or
    nanoseconds by their size.
    """
    if type(value) is str:
        if not value.isdigit():
            return _from_iso(value)
        number = int(value) if len(value) <= 20 else 0
        if 100_000_000_000_000_000 <= number < LATEST_NS:  # nanoseconds, as nearly every log has them
            return number
        value = number
    elif isinstance(value, datetime):
        return _since_1970(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < LATEST_NS:
        return 0
    if value >= 1e17:  # nanoseconds, as nearly every log has them
        return int(value)
    for most, scale in ((1e11, 1_000_000_000), (1e14, 1_000_000), (1e17, 1_000)):
        if value < most:
            return ns if (ns := int(value * scale)) < LATEST_NS else 0
    return int(value)


def _from_iso(text: str) -> int:
    try:
        at = datetime.fromisoformat(text.strip().replace(" UTC", "+00:00"))
    except (ValueError, OverflowError):
        return 0
    return _since_1970(at)


def _since_1970(at: datetime) -> int:
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    since = at - datetime(1970, 1, 1, tzinfo=UTC)
    return max(((since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds) * 1000, 0)


def hex_id(value: Any) -> str:
    """A trace or span id in small hexadecimal letters, out of hex (`0x…`, capitals) or base64; else as it is."""
    if not isinstance(value, str):
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""
    if len(value) in (16, 32) and value.islower():
        return value
    text = value.strip().removeprefix("0x")
    if _HEX.fullmatch(text):
        return text.lower()
    if (n_bytes := _ID_CHARACTERS.get(len(text))) is not None:
        try:
            raw = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            return text
        return raw.hex() if len(raw) == n_bytes else text
    return text


def parent_id(value: Any) -> str | None:
    """A parent's id, None for the ways to say that there is none."""
    found = hex_id(value)
    return None if found in _NO_PARENT else found
