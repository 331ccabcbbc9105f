"""What a fault is, and what it may know."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from diagnose.core.artifact import Output, Passage, Passages, Query
from diagnose.core.stage import Given, Role

GoldOf = Callable[[str, Sequence[Passage]], tuple[bool, ...]]
"""For the user's question (as `asked` has it) and a list of passages, which of them carry evidence."""
Spoil = Callable[[Given, Output, random.Random, "Around"], Output]


@dataclass(frozen=True)
class Around:
    """What a fault may know: which passages are gold, the probability that a flaky stage fails (0 to 1), the
    declared routes from cheapest to dearest, and passages of the corpus to draw something foreign from."""

    gold_of: GoldOf
    rate: float = 0.75
    routes: tuple[str, ...] = ()
    others: tuple[Passage, ...] = ()


@dataclass(frozen=True)
class Fault:
    """One way for a stage to fail. `mode` is the mode of DESIGN section 5 it should be found out as (None
    where several fit). `takes` spoils the input instead of the output; `noisy` draws anew in every
    repeat."""

    name: str
    role: Role
    mode: str | None
    does: str
    spoil: Spoil | None = None
    takes: Callable[[Given, random.Random], Given] | None = None
    noisy: bool = False


def asked(conversation: Query) -> str:
    """What stands for the user's question: its text, with the turns before it where there are any."""
    return "\n".join((*(turn.content for turn in conversation.history), conversation.text))


def marks_of(given: Given, passages: Sequence[Passage], around: Around) -> tuple[bool, ...]:
    """Which of the passages carry evidence of what the user asked."""
    return around.gold_of(asked(given.conversation), passages)


def split(given: Given, own: Output, around: Around) -> tuple[list[Passage], list[Passage]]:
    """Gold passages and the others, each in the stage's own order."""
    assert isinstance(own, Passages)
    marks = marks_of(given, own.passages, around)
    gold = [p for p, mark in zip(own.passages, marks, strict=True) if mark]
    return gold, [p for p, mark in zip(own.passages, marks, strict=True) if not mark]


def shifted(text: str) -> str:
    """The text with every digit another one."""
    return "".join(str((int(c) + 3) % 10) if c in "0123456789" else c for c in text)
