"""Where passages stand in a context's text, and the text with some of them replaced.

A context is read as head, blocks and tail: a block is the stretch in which one input passage stands (whole or
cut), the gaps between blocks are the packer's own separators and labels. Rendering keeps the packer's
gaps, so that a repair changes nothing it need not: real models flip on incidental changes of layout.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from diagnose.core.artifact import Passage
from diagnose.score.evidence import TEXT_LIMIT, words_of

_WORD = re.compile(r"\w+")
CUT_WORDS = 4
"""Leading words of a passage that must stand in the text for a cut copy of it to be recognised."""
GAP = "\n\n"
"""The separator where the packer's own cannot be seen."""
LONGEST_GAP = 200
"""Characters beyond which a gap holds something else than a separator and a label."""


@dataclass(frozen=True)
class Block:
    """One passage in the text: its rank in the packer's input, and characters [start, end). `whole` says
    whether all its words are there, `exact` whether they are spelled and spaced as in the passage."""

    rank: int
    start: int
    end: int
    whole: bool
    exact: bool


class _Words:
    """The words of a text with their places."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.spans = [m.span() for m in _WORD.finditer(text)]
        self.words = [text[a:b].lower() for a, b in self.spans]
        self.padded = " " + " ".join(self.words) + " "
        self.starts: list[int] = []
        at = 1
        for word in self.words:
            self.starts.append(at)
            at += len(word) + 1
        self.taken = bytearray(len(self.words))

    def word(self, index: int) -> str:
        """The word at this index where it is free; behind the last, one that begins no word."""
        return self.words[index] if index < len(self.words) and not self.taken[index] else "\0"

    def occurrences(self, words: Sequence[str]) -> list[int]:
        """Indices of the first words of free occurrences of a word sequence."""
        needle = " " + " ".join(words) + " "
        found, at = [], self.padded.find(needle)
        while at >= 0:
            first = bisect_left(self.starts, at + 1)
            if not any(self.taken[first : first + len(words)]):
                found.append(first)
            at = self.padded.find(needle, at + 1)
        return found


def blocks_of(passages: Sequence[Passage], text: str) -> list[Block]:
    """The blocks of a context's text in text order. Whole copies are claimed longest passage first, then cut
    ones; a passage that stands there twice has two blocks."""
    body = _Words(text)
    worded = [(rank, _Words(p.text)) for rank, p in _distinct(passages)]
    blocks: list[Block] = []
    for rank, passage in sorted(worded, key=lambda item: -len(item[1].words)):
        if passage.words:
            for first in body.occurrences(passage.words):
                blocks.append(_claim(body, rank, passage, first, len(passage.words)))
    seen = {block.rank for block in blocks}
    for rank, passage in worded:
        if rank not in seen and len(passage.words) > CUT_WORDS:
            for first in body.occurrences(passage.words[:CUT_WORDS])[:1]:
                blocks.append(_claim(body, rank, passage, first, _run(body, passage, first)))
    seen = {block.rank for block in blocks}
    blocks += _front_cut(body, [(rank, passage) for rank, passage in worded if rank not in seen])
    return sorted(blocks, key=lambda block: block.start)


def may_stand_cut(passages: Sequence[Passage], text: str) -> bool:
    """Whether some passage could stand cut in a text: False only where `blocks_of` finds no such block.

    Much cheaper than that: a passage stands whole where its text is in the context letter by letter, and not at all
    where neither its first words are in the context nor the context begins with its last ones.
    """
    whole, texts = set(text.split(GAP)), {p.text for p in passages}
    if whole <= texts:  # nothing but whole passages: no word is left for a cut one
        return False
    words = _spelt(text)
    body = f" {' '.join(words)} "
    fronts = []
    for first in (0, 1):  # behind the rest of a word that was cut, too
        if len(words) >= first + CUT_WORDS:
            needle = f" {' '.join(words[first : first + CUT_WORDS])} "
            fronts.append((needle, f" {' '.join(words[first:])} "))
    for passage in texts - whole:
        begins, own = _begins(passage)
        may = begins is not None and begins in body
        if (may or any(_ends(own, *front) for front in fronts)) and passage not in text:
            return True
    return False


def _ends(own: str, needle: str, front: str) -> bool:
    """Whether a context that begins with `front`, and that with `needle`, begins with the last words of `own`."""
    at = own.find(needle)
    while at >= 0:
        if front.startswith(own[at:]):
            return True
        at = own.find(needle, at + 1)
    return False


@lru_cache(maxsize=8192)
def _begins(passage: str) -> tuple[str | None, str]:
    """The padded first words of a passage (None where it has too few to be told by) and all of them; passages come
    back in other traces."""
    words = _spelt(passage)
    first = f" {' '.join(words[:CUT_WORDS])} " if len(words) > CUT_WORDS else None
    return first, f" {' '.join(words)} "


def _spelt(text: str) -> Sequence[str]:
    """The words of a text, as `_Words` has them."""
    if text.isascii() and len(text) <= TEXT_LIMIT:
        return words_of(text)
    return [word.lower() for word in _WORD.findall(text)]


def _front_cut(body: _Words, unseen: Sequence[tuple[int, _Words]]) -> list[Block]:
    """The end of a passage whose beginning fell out of the window, at the very front of the text."""
    for first in (0, 1):  # behind the rest of a word that was cut, too
        for rank, passage in unseen:
            for n in range(len(passage.words) - 1, CUT_WORDS - 1, -1):
                if passage.words[-n] != body.word(first):
                    continue
                stands = body.words[first : first + n] == passage.words[-n:]
                if stands and not any(body.taken[first : first + n]):
                    body.taken[: first + n] = b"\x01" * (first + n)
                    end = body.spans[first + n - 1][1]
                    tail = _common(passage.text[passage.spans[-1][1] :].rstrip(), body.text[end:])
                    return [Block(rank, body.spans[0][0], end + tail, whole=False, exact=True)]
    return []


def _distinct(passages: Sequence[Passage]) -> list[tuple[int, Passage]]:
    """The passages with their ranks; of those with the same text only the first."""
    first: dict[str, int] = {}
    for rank, passage in enumerate(passages):
        first.setdefault(passage.text, rank)
    return [(rank, passages[rank]) for rank in first.values()]


def _run(body: _Words, passage: _Words, first: int) -> int:
    length = 0
    for word, other in zip(passage.words, body.words[first:], strict=False):
        if word != other or body.taken[first + length]:
            break
        length += 1
    return length


def _claim(body: _Words, rank: int, passage: _Words, first: int, length: int) -> Block:
    whole = length == len(passage.words)
    # A cut in mid word leaves the beginning of the next one.
    stump = not whole and passage.words[length].startswith(body.word(first + length))
    length += stump
    body.taken[first : first + length] = b"\x01" * length
    start, end = body.spans[first][0], body.spans[first + length - 1][1]
    if stump:
        return Block(rank, start, end, False, True)
    lead = passage.text[: passage.spans[0][0]].strip()
    if lead and body.text[:start].rstrip().endswith(lead):
        start = body.text[:start].rstrip().rindex(lead)
    through = passage.spans[length - 1][1]
    common = _common(passage.text[through:].rstrip(), body.text[end:])
    copied = body.text[start : end + common].split()
    original = (passage.text if whole else passage.text[: through + common]).split()
    return Block(rank, start, end + common, whole, copied == original)


def _common(a: str, b: str) -> int:
    """The number of leading characters that a and b share, up to the next word of either."""
    n = 0
    for x, y in zip(a, b, strict=False):
        if x != y or _WORD.match(x):
            break
        n += 1
    return n


@dataclass(frozen=True)
class Frame:
    """The packer's own text around the blocks: before the first, between them, after the last. Labels that
    name a passage by id or title are kept as templates."""

    head: str
    gaps: tuple[str, ...]
    tail: str


_ID, _TITLE = "\0id\0", "\0title\0"


def frame_of(text: str, blocks: Sequence[Block], passages: Sequence[Passage]) -> Frame:
    """The frame of a context's text; a gap too long to be one (it holds garbage) becomes a plain
    separator."""
    if not blocks:
        return Frame("", (), "")
    head = _template(text[: blocks[0].start], passages[blocks[0].rank])
    gaps = []
    for before, after in pairwise(blocks):
        gap = text[before.end : after.start]
        gaps.append(_template(gap, passages[after.rank]) if len(gap) <= LONGEST_GAP else GAP)
    return Frame(head, tuple(gaps), text[blocks[-1].end :])


def _template(gap: str, passage: Passage) -> str:
    at = _label_start(gap)
    label = gap[at:]
    for value, mark in ((passage.title, _TITLE), (passage.id, _ID)):
        if value and re.search(rf"(?<!\w){re.escape(value)}(?!\w)", label):
            label = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", mark.replace("\\", ""), label)
    return gap[:at] + label


def render(frame: Frame, pieces: Sequence[tuple[Passage, str]]) -> str:
    """The text with these (passage, text of it) pieces in the frame's slots, in this order."""
    if not pieces:
        return ""
    out = [_filled(frame.head, pieces[0][0])]
    for slot, (passage, text) in enumerate(pieces):
        if slot:
            out.append(_filled(_gap(frame, slot - 1), passage))
        out.append(text)
    return "".join(out) + frame.tail


def _label_start(gap: str) -> int:
    """Where a passage's own label begins in the text before it: behind the last blank line."""
    return gap.rfind("\n\n") + 2 if "\n\n" in gap else 0


def _gap(frame: Frame, slot: int) -> str:
    if slot < len(frame.gaps):
        return frame.gaps[slot]
    if not frame.gaps:
        label = frame.head[_label_start(frame.head) :]
        labelled = _ID in label or _TITLE in label or _NUMBER.search(label)
        return GAP + (_counted(label, slot + 1) if labelled else "")
    return _counted(frame.gaps[-1], slot + 1 - len(frame.gaps))


_NUMBER = re.compile(r"(?<![\w])\d+(?=[\]).:])")


def _counted(gap: str, further: int) -> str:
    """A label's number counted on: the gap after `[2] ` is `[3] `."""
    return _NUMBER.sub(lambda m: str(int(m.group()) + further), gap)


def _filled(gap: str, passage: Passage) -> str:
    return gap.replace(_TITLE, passage.title or passage.id).replace(_ID, passage.id)
