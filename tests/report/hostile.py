"""Text that attacks a terminal, a page or a layout, and values in which every free text is such a text."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from diagnose.core.stage import ROLES

T = TypeVar("T", bound=msgspec.Struct)

TEXTS = {
    "markup": "[bold red]alarm[/] [link=https://evil.example]click[/link] :bomb:",
    "colours": "\x1b[31mred\x1b[0m \x1b[2J\x1b[H\x9b31m",
    "title": "\x1b]0;owned\x07 \x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "overwrite": "right\rwrong\b\b\b\x00\x7f",
    "direction": "\u202eevil\u202c \u2066x\u2069 \u200bzero\ufeffwidth",
    "lines": "first\n\n# heading\n- item\n```\ncode\n```\n| a | b |\n|---|---|\n\u2028last",
    "html": "<script>alert(1)</script><img src=x onerror=alert(2)></details><!-- &lt;b&gt; &#64;ada",
    "markdown": "![pixel](https://evil.example/p.png) [x](javascript:alert(1)) **bold** ~~gone~~ $x^2$ [^1]",
    "mentions": "@ada @acme/team #12 acme/app#7 GH-9 a@b.example https://evil.example www.evil.com",
    "ticks": "`` ` ``` a|b \\| \\` <b>`</b>",
    "surrogate": "half \ud83d pair",
    "long": "A" * 50_000,
    "long words": "wide words " * 9_000,
    "empty": "",
}
_FREE_KEYS = {"levels", "modes", "reasons", "tags"}
"""Fields of a report whose keys are free text."""
_FIXED = {*ROLES, "replayed", "undecided", "noise", "all"}
"""Texts of which a file with others is refused."""


def hostile(value: T, text: str) -> T:
    """The value with `text` in place of every free text."""
    fields = {name: _replaced(getattr(value, name), text, name) for name in value.__struct_fields__}
    return type(value)(**fields)


def _replaced(value: object, text: str, field: str) -> object:
    match value:
        case str():
            return value if not value or value in _FIXED else text
        case tuple():
            return tuple(_replaced(item, text, field) for item in value)
        case dict():
            free = field in _FREE_KEYS
            return {(text if free else name): _replaced(item, text, name) for name, item in value.items()}
        case msgspec.Struct():
            return hostile(value, text)
    return value


def commands(text: str) -> Iterator[str]:
    """Every character of a text that can command a terminal or reorder a line (newlines apart)."""
    return (c for c in text if c != "\n" and unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"})
