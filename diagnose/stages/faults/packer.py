"""Faults of packers."""

from __future__ import annotations

import random
from collections.abc import Sequence

import msgspec

from diagnose.core.artifact import Context, Output, Passage
from diagnose.core.stage import Given
from diagnose.stages.faults.fault import Around, Fault, marks_of


def _repacked(own: Output, pieces: Sequence[tuple[Passage, str]]) -> Output:
    """A context of these texts, laid out with blank lines between them."""
    shown = tuple(msgspec.structs.replace(p, text=text) for p, text in pieces)
    return Context("\n\n".join(text for _, text in pieces), shown)


def _cut_short(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    """The window ends after a fifth of the context."""
    assert isinstance(own, Context)
    words = own.text.split(" ")
    text = " ".join(words[: max(1, len(words) // 5)])
    return Context(text, own.passages)


def _dropped(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    """The passages that matter do not get in."""
    assert isinstance(own, Context)
    marks = marks_of(given, own.passages, around)
    return _repacked(own, [(p, p.text) for p, mark in zip(own.passages, marks, strict=True) if not mark])


def _worst_first(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    assert isinstance(own, Context)
    return _repacked(own, [(p, p.text) for p in reversed(own.passages)])


def _doubled(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    """Copies of the best distractor fill the window to the length it had."""
    assert isinstance(own, Context)
    marks = marks_of(given, own.passages, around)
    rest = [p for p, mark in zip(own.passages, marks, strict=True) if not mark] or list(own.passages[:1])
    return _repacked(own, [(rest[0], rest[0].text) for _ in own.passages]) if rest else own


def _garbled(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    """Words run together and lose their vowels, as when a parser breaks."""
    assert isinstance(own, Context)
    pieces = [(p, "".join(c for c in p.text if c not in "aeiou ,.")) for p in own.passages]
    return Context("\n\n".join(text for _, text in pieces), own.passages)


def _over_window(given: Given, own: Output, rng: random.Random, around: Around) -> Output:
    """Everything is packed behind filler, and the front of it is cut away as an overfull window does."""
    assert isinstance(own, Context)
    words = own.text.split(" ")
    return Context(" ".join(words[-max(1, len(words) // 5) :]), own.passages)


FAULTS = (
    Fault("truncated", "packer", "truncated", "cuts the context to a fifth", _cut_short),
    Fault("dropped", "packer", "dropped", "leaves the gold passages out", _dropped),
    Fault("reordered", "packer", "reordered", "packs the worst first", _worst_first),
    Fault("duplicated", "packer", "duplicated", "packs one distractor over and over", _doubled),
    Fault("garbled", "packer", "garbled", "runs words together without vowels", _garbled),
    Fault(
        "over-window", "packer", None, "lets the front of the context fall out of the window", _over_window
    ),
)
