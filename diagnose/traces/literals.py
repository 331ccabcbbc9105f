"""Lists and objects as Python prints them, which is how tables get them into a cell of text."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from typing import Any

MAX_CHARACTERS = 2_000_000
"""Characters of a literal that are parsed."""
_SIDE_BY_SIDE = re.compile(r"""['"\])}]\s+['"\[({]""")
"""What may be two values without a comma; in a text it may be anything, so that the tokens are looked at."""
_OPEN, _CLOSED = frozenset("[{("), frozenset("]})")
_BARE = re.compile(r"\b(nan|NaN|inf|NaT|null|true|false)\b")
_PLAIN = {"true": "True", "false": "False"}


def literal(text: str, otherwise: Any) -> Any:
    """The value that a text prints, `otherwise` where it prints none.

    NumPy's way of printing is understood as well: no commas between items, `array(…, dtype=object)`. Python
    would join two texts that stand side by side, so that a list of passages became a single one.
    """
    if len(text) > MAX_CHARACTERS:
        return otherwise
    try:
        return _evaluated(_with_commas(text) if _SIDE_BY_SIDE.search(text) else text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError, tokenize.TokenError):
        return otherwise


def _evaluated(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return ast.literal_eval(_without_calls(text))


def _with_commas(text: str) -> str:
    """The text with a comma between any two values that stand side by side."""
    lines = text.splitlines(keepends=True)
    places: list[tuple[int, int]] = []
    before: tokenize.TokenInfo | None = None
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT):
            continue
        if before is not None and _ends_value(before) and _starts_value(token):
            places.append(before.end)
        before = token
    for row, column in reversed(places):
        line = lines[row - 1]
        lines[row - 1] = f"{line[:column]},{line[column:]}"
    return "".join(lines)


def _ends_value(token: tokenize.TokenInfo) -> bool:
    return token.type == tokenize.STRING or token.string in _CLOSED


def _starts_value(token: tokenize.TokenInfo) -> bool:
    return token.type == tokenize.STRING or token.string in _OPEN


def _without_calls(text: str) -> str:
    """The text with what is no literal taken out between its strings: calls of `array`, `nan`."""
    found: list[str] = []
    position = 0
    for match in re.finditer(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", text, re.DOTALL):
        found += (_bare(text[position : match.start()]), match[0])
        position = match.end()
    return "".join((*found, _bare(text[position:])))


def _bare(text: str) -> str:
    text = re.sub(r",?\s*dtype=\w+", "", text.replace("array(", "("))
    text = re.sub(r"\bTimestamp\(|\bnp\.\w+\(", "(", text)
    return _BARE.sub(lambda match: _PLAIN.get(match[0], "None"), text)
