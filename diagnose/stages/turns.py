"""Chat messages as the text of a context, and back: a packer that writes a whole prompt may write several."""

from __future__ import annotations

import re
from collections.abc import Sequence

from diagnose.core.artifact import Turn

_HEAD = re.compile(r"^\[(system|user|assistant|tool)\]$", re.MULTILINE)
_ESCAPED = re.compile(r"^\\(\\*\[(?:system|user|assistant|tool)\])$", re.MULTILINE)
_ESCAPABLE = re.compile(r"^(\\*\[(?:system|user|assistant|tool)\])$", re.MULTILINE)


def text_of_turns(turns: Sequence[Turn]) -> str:
    """One user's message as it is; several as `[system]`, `[user]`, … lines, each before its message.

    >>> text_of_turns([Turn("system", "Be brief."), Turn("user", "Why?")])
    '[system]\\nBe brief.\\n\\n[user]\\nWhy?'
    """
    if len(turns) == 1 and turns[0].role == "user" and not _HEAD.match(turns[0].content):
        return turns[0].content
    return "\n\n".join(f"[{turn.role}]\n{_ESCAPABLE.sub(_backslashed, turn.content)}" for turn in turns)


def turns_of_text(text: str) -> tuple[Turn, ...]:
    """The messages that a text stands for; one of the user where it has no such lines.

    >>> turns_of_text("[system]\\nBe brief.\\n\\n[user]\\nWhy?")[1]
    Turn(role='user', content='Why?')
    """
    if not _HEAD.match(text):
        return (Turn("user", text),)
    parts = _HEAD.split(text)[1:]
    roles, bodies = parts[::2], parts[1::2]
    last = len(bodies) - 1
    turns = []
    for i, (role, body) in enumerate(zip(roles, bodies, strict=True)):
        inner = body.removeprefix("\n") if i == last else body.removeprefix("\n").removesuffix("\n\n")
        turns.append(Turn(role, _ESCAPED.sub(r"\1", inner)))
    return tuple(turns)


def _backslashed(found: re.Match[str]) -> str:
    return "\\" + found[1]
