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

_ODD_BLANKS = re.compile(r"[^\S ]\s*| \s+")
"""Blanks that are not a single space."""


class Piece(NamedTuple):
    """A passage in a text: from where to where, and as much of it as is there."""

    start: int
    end: int
    passage: Passage


class Flat:
    """A text with every run of blanks as one, and where each of its characters stood before."""

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

    def at(self, place: int) -> int:
        """Where a character of the flat text stood."""
        i = bisect_right(self._flat, place) - 1
        return self._raw[i] + place - self._flat[i]

    def end(self, place: int) -> int:
        """Where the character before a place of the flat text ended."""
        return self.at(place - 1) + 1 if place else 0


def flat_text(text: str) -> str:
    """The text with its runs of blanks as single ones; line breaks are often changed on the way to a prompt."""
    if "\n" in text or "  " in text or "\t" in text or "\r" in text or not text.isascii():
        return _ODD_BLANKS.sub(" ", text)
    return text


def pieces_of(passages: Iterable[Passage], text: str) -> tuple[Piece, ...]:
    """The passages in a text, in its order, every time they occur; of a cut one, the part that is there.

    Whole passages claim their place first, so that two passages that start alike are not taken for cut
    pieces of one another.
    """
    flat = Flat(text)
    wanted = [(passage, flat_text(passage.text.strip())) for passage in _once(passages)]
    wanted.sort(key=lambda pair: -len(pair[1]))
    found: list[Piece] = []
    taken = _Taken()
    missing = []
    for passage, body in wanted:
        places = _everywhere(body, flat.text) if len(body) >= LEAST_WHOLE else []
        free = [place for place in places if taken.claim(place, place + len(body))]
        found += [_piece(flat, place, place + len(body), passage, passage.text) for place in free]
        if not places:
            missing.append((passage, body))
    for passage, body in missing:
        if (cut := _cut_piece(body, flat, taken)) is not None:
            start, end = cut
            found.append(_piece(flat, start, end, passage, text[flat.at(start) : flat.end(end)]))
    return tuple(sorted(found, key=lambda piece: piece.start))


def _once(passages: Iterable[Passage]) -> list[Passage]:
    """Each text once: passages that repeat one another cannot be told apart in a text."""
    first: dict[str, Passage] = {}
    for passage in passages:
        if passage.text.strip():
            first.setdefault(passage.text.strip(), passage)
        if len(first) >= MAX_PASSAGES:
            break
    return list(first.values())


def _everywhere(body: str, text: str) -> list[int]:
    # A short piece is looked for first: most passages are not there at all, and long needles take setting up.
    probe = body[:PROBE]
    places: list[int] = []
    at = text.find(probe)
    while at >= 0 and len(places) < MAX_PASSAGES:
        if len(probe) == len(body) or text.startswith(body, at):
            places.append(at)
            at = text.find(probe, at + len(body))
        else:
            at = text.find(probe, at + 1)
    return places


def _cut_piece(body: str, flat: Flat, taken: _Taken) -> tuple[int, int] | None:
    """The longest piece from the start of a passage (else up to its end) that stands free in the text."""
    if len(body) <= PROBE:
        return None
    best: tuple[int, int] | None = None
    for at in _everywhere(body[:PROBE], flat.text):
        end = at + _shared(body, flat.text[at : at + len(body)])
        if (best is None or end - at > best[1] - best[0]) and taken.is_free(at, end):
            best = (at, end)
    if best is None:
        for at in _everywhere(body[-PROBE:], flat.text):
            end = at + PROBE
            back = _shared(body[::-1], flat.text[max(0, end - len(body)) : end][::-1])
            if (best is None or back > best[1] - best[0]) and taken.is_free(end - back, end):
                best = (end - back, end)
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


def _piece(flat: Flat, start: int, end: int, passage: Passage, text: str) -> Piece:
    shown = text.strip() if text is not passage.text else text
    return Piece(
        flat.at(start),
        flat.end(end),
        Passage(passage.id, shown, None, passage.title),
    )


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
