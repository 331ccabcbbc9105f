"""Text with named places, filled in one pass."""

from __future__ import annotations

import re
from collections.abc import Mapping

from diagnose.errors import UsageError, quoted

_PLACE = re.compile(r"\{(\w+)\}")


def fill(template: str, values: Mapping[str, str]) -> str:
    """The template with every `{name}` replaced by its value; braces around other names stay.

    One pass, and no `str.format`: a passage that itself holds `{query}` is left as it is, and no
    template reaches an attribute.

    >>> fill("{n}. {text} {x}", {"n": "1", "text": "see {n}"})
    '1. see {n} {x}'
    """
    return _PLACE.sub(lambda found: values.get(found[1], found[0]), template)


def check_places(template: str, allowed: tuple[str, ...], required: tuple[str, ...], key: str) -> None:
    """Raises UsageError where a template lacks a required place or names an unknown one."""
    named = set(_PLACE.findall(template))
    if missing := [name for name in required if name not in named]:
        raise UsageError(f"{key}: expected {{{missing[0]}}} somewhere in it, found {quoted(template)}")
    if unknown := sorted(named - set(allowed)):
        places = ", ".join(f"{{{name}}}" for name in allowed)
        raise UsageError(f"{key}: expected no other places than {places}, found {{{unknown[0]}}}")
