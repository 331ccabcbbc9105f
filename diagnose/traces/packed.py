"""Which passages a text holds, and where one was cut: the packed set, recovered from what the model read."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from diagnose.core.artifact import Passage

PROBE = 24
"""Characters of a passage's start that must be there before a text counts as holding a cut piece of it."""
LEAST_WHOLE = 4
"""Characters below which a passage is too short to be told from a chance occurrence."""
MAX_PASSAGES = 5_000

_LINE_BLANKS = ("\n", "\t", "\r")
_ODD_BLANKS = re.compile(r"[^\S ]\s*| \s+")
"""Blanks that are not a single space."""


class Piece(NamedTuple):
    """A passage in a text: from where to where, and as much of it as is there."""

    start: int
    end: int
    passage: Passage


class Even:
    """A text with a space for every blank: nothing moves."""

    def __init__(self, text: str) -> None:
        self.text = even_text(text)
        self.absent: set[str] = set()

    def at(self, place: int) -> int:
        """Where a character of the view stands in the text."""
        return place

    end = at


class Flat:
    """A text with one space for every run of blanks, and where each of its characters stood before."""

    def __init__(self, text: str) -> None:
        parts: list[str] = []
        self._flat, self._raw = [0], [0]
        position = length = 0
        for match in _ODD_BLANKS.finditer(text):
            start, end = match.span()
            parts.append(text[position:start])
            parts.append(" ")
            length += start - position + 1
            position = end
            self._flat.append(length)
            self._raw.append(end)
        parts.append(text[position:])
        self.text = "".join(parts) if position else text
        self.absent: set[str] = set()

    def at(self, place: int) -> int:
        """Where a character of the view stands in the text."""
        i = bisect_right(self._flat, place) - 1
        return self._raw[i] + place - self._flat[i]

    def end(self, place: int) -> int:
        """Where the character before a place of the view ends in the text."""
        return self.at(place - 1) + 1 if place else 0


def even_text(text: str) -> str:
    """The text with a space for every blank."""
    if text.isascii():
        for blank in _LINE_BLANKS:
            if blank in text:
                text = text.replace(blank, " ")
        return text
    return "".join(" " if c.isspace() else c for c in text)


def pieces_of(passages: Iterable[Passage], text: str) -> tuple[Piece, ...]:
    """The passages in a text, in its order, every time they occur; of a cut one, the part that is there.

    Whole passages claim their place first, so that two passages that start alike are not taken for cut
    pieces of one another. Line breaks and indents are often changed on the way to a prompt: what is not
    found as it is, is looked for with every run of blanks as one.
    """
    even, taken = Even(text), _Taken()
    wanted = [(passage, even_text(text)) for text, passage in _once(passages).items()]
    wanted.sort(key=lambda pair: -len(pair[1]))
    found, missing = _whole(wanted, even, taken)
    uneven = "  " in even_text(text.replace("\n\n", "\n"))  # more than the empty lines between passages
    again = [(p, " ".join(body.split())) for p, body in missing if uneven or "  " in body]
    if again:
        flat = Flat(text)
        more, again = _whole(again, flat, taken)
        found += more + _cut(again, flat, taken, text)
        missing = [] if uneven else [pair for pair in missing if "  " not in pair[1]]
    found += _cut(missing, even, taken, text)
    return tuple(sorted(found, key=lambda piece: piece.start))


_Wanted = list[tuple[Passage, str]]
"""Passages, and how their text reads in a view."""


def _whole(wanted: _Wanted, view: Even | Flat, taken: _Taken) -> tuple[list[Piece], _Wanted]:
    """The passages that stand whole in the view, and those that do not."""
    found: list[Piece] = []
    missing: _Wanted = []
    for passage, body in wanted:
        places = _everywhere(body, view) if len(body) >= LEAST_WHOLE else []
        for place in places:
            start, end = view.at(place), view.end(place + len(body))
            if taken.claim(start, end):
                found.append(Piece(start, end, Passage(passage.id, passage.text, None, passage.title)))
        if not places:
            missing.append((passage, body))
    return found, missing


def _cut(missing: _Wanted, view: Even | Flat, taken: _Taken, text: str) -> list[Piece]:
    """Of passages that are not there whole, the pieces that are."""
    found = []
    for passage, body in missing:
        if (place := _cut_piece(body, view, taken)) is not None:
            start, end = place
            end -= len(text[start:end]) - len(text[start:end].rstrip())
            start += len(text[start:end]) - len(text[start:end].lstrip())
            found.append(Piece(start, end, Passage(passage.id, text[start:end], None, passage.title)))
    return found


def _once(passages: Iterable[Passage]) -> dict[str, Passage]:
    """Passages by their text, each text once: what repeats another cannot be told from it in a text."""
    first: dict[str, Passage] = {}
    for passage in passages:
        if text := passage.text.strip():
            first.setdefault(text, passage)
            if len(first) >= MAX_PASSAGES:
                break
    return first


def _everywhere(body: str, view: Even | Flat) -> list[int]:
    # A short piece is looked for first: most passages are not there at all, and long needles take setting up.
    probe, text = body[:PROBE], view.text
    if probe in view.absent:
        return []
    at = text.find(probe)
    if at < 0:
        view.absent.add(probe)
        return []
    places: list[int] = []
    while at >= 0 and len(places) < MAX_PASSAGES:
        if len(probe) == len(body) or text.startswith(body, at):
            places.append(at)
            at = text.find(probe, at + len(body))
        else:
            at = text.find(probe, at + 1)
    return places


def _cut_piece(body: str, view: Even | Flat, taken: _Taken) -> tuple[int, int] | None:
    """Where in the text the longest free piece from the start of a passage (else up to its end) stands."""
    if len(body) <= PROBE:
        return None
    best: tuple[int, int] | None = None
    longest = 0
    for at in _everywhere(body[:PROBE], view):
        length = _shared(body, view.text[at : at + len(body)])
        place = view.at(at), view.end(at + length)
        if length > longest and taken.is_free(*place):
            best, longest = place, length
    if best is None:
        for at in _everywhere(body[-PROBE:], view):
            end = at + PROBE
            length = _shared(body[::-1], view.text[max(0, end - len(body)) : end][::-1])
            place = view.at(end - length), view.end(end)
            if length > longest and taken.is_free(*place):
                best, longest = place, length
    if best is not None:
        taken.claim(*best)
    return best


def _shared(one: str, other: str) -> int:
    """The length of the common start of two texts."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return low


class _Taken:
    """Stretches of a text that passages stand in, kept sorted."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def is_free(self, start: int, end: int) -> bool:
        i = bisect_left(self._starts, end)
        return i == 0 or self._ends[i - 1] <= start

    def claim(self, start: int, end: int) -> bool:
        """Takes a stretch, unless some of it is taken."""
        if not self.is_free(start, end):
            return False
        i = bisect_left(self._starts, start)
        self._starts.insert(i, start)
        self._ends.insert(i, end)
        return True


def context_around(text: str, pieces: Sequence[Piece]) -> str:
    """The part of a prompt that the passages take up, from the line that the first one starts on."""
    start = text.rfind("\n", 0, pieces[0].start) + 1
    return text[start : max(piece.end for piece in pieces)]
