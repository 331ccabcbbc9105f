"""The packer owes passages in rank order, best first, whole, once each, readable, within its budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from diagnose.core.artifact import Context, Output, Passage
from diagnose.core.stage import Given
from diagnose.repairs.contract import Scene
from diagnose.repairs.layout import Block, Frame, blocks_of, frame_of, render
from diagnose.repairs.ordering import bearing


@dataclass(frozen=True)
class Layout:
    """A packer's context read against its input: the blocks in text order, the ranks that carry evidence,
    the ranks of passages it claims to have packed that cannot be read in the text, and whether the text holds
    something that is none of its input."""

    blocks: tuple[Block, ...]
    gold: tuple[int, ...]
    unreadable: tuple[int, ...]
    garbage: bool

    @property
    def reach(self) -> tuple[Block, ...]:
        """The blocks down to the last one that carries evidence: as far as the contract looks."""
        last = max((i for i, b in enumerate(self.blocks) if b.rank in self.gold), default=-1)
        return self.blocks[: last + 1]


def layout_of(given: Given, own: Context, scene: Scene) -> Layout:
    """How the packer laid out its input."""
    passages = given.passages
    blocks = tuple(blocks_of(passages, own.text))
    gold = tuple(i for i, mark in enumerate(bearing(passages, scene)) if mark)
    found = {b.rank for b in blocks}
    claimed = {p.id for p in own.passages}
    unreadable = tuple(
        i
        for i, p in enumerate(passages)
        if p.id in claimed and i not in found and p.text and not _copy(i, passages)
    )
    return Layout(blocks, gold, unreadable, _stray(own.text, blocks) > LONGEST_STRAY)


LONGEST_STRAY = 0.3
"""Part of a context's characters outside all passages from which on it holds more than separators and
labels."""


def _stray(text: str, blocks: Sequence[Block]) -> float:
    return 1.0 - sum(b.end - b.start for b in blocks) / len(text) if text else 0.0


def _copy(rank: int, passages: Sequence[Passage]) -> bool:
    return any(p.text == passages[rank].text for p in passages[:rank])


def faults(given: Given, own: Output, scene: Scene) -> tuple[str, ...]:
    """The modes in which a context breaks the contract, worst first; () where it keeps it."""
    assert isinstance(own, Context)
    layout = layout_of(given, own, scene)
    if not layout.gold:
        return ()
    whole = {b.rank for b in layout.blocks if b.whole}
    cut = {b.rank for b in layout.blocks if not b.whole}
    missing = [g for g in layout.gold if g not in whole]
    reach = layout.reach
    ranks = [b.rank for b in reach]
    # Copies anywhere in the context are at the cost of gold that did not get in.
    shown = [b.rank for b in layout.blocks] if missing else ranks
    checks = (
        ("over-window", _over(own.text, scene)),
        (
            "garbled",
            (layout.garbage and any(g in layout.unreadable for g in missing))
            or any(not b.exact for b in reach),
        ),
        ("truncated", any(g in cut for g in missing) or bool(missing and cut)),
        ("dropped", any(g not in cut for g in missing)),
        ("truncated", any(not b.whole and b.rank not in layout.gold for b in reach)),
        ("truncated", _cut_with_room(given, own, layout, scene)),
        ("duplicated", len(set(shown)) < len(shown)),
        ("reordered", list(dict.fromkeys(ranks)) != sorted(set(ranks))),
    )
    return tuple(dict.fromkeys(mode for mode, broken in checks if broken))


def _cut_with_room(given: Given, own: Context, layout: Layout, scene: Scene) -> bool:
    """Whether a passage is cut although the declared budget has room for the whole of it: no budget excuses that, gold
    or not."""
    if scene.budget_tokens is None or scene.count_tokens is None:
        return False
    for block in layout.blocks:
        if not block.whole:
            whole = own.text[: block.start] + given.passages[block.rank].text + own.text[block.end :]
            if scene.count_tokens(whole) <= _limit(own, scene):
                return True
    return False


def kept(given: Given, own: Output, scene: Scene) -> bool:
    """Its context is what the packer owes, as far as the gold reaches."""
    return not faults(given, own, scene)


def repair(given: Given, own: Output, scene: Scene) -> Output:
    """Its own context with just the contract restored.

    Rank order, gold whole, each once, unreadable passages from its input, the missing gold of its input put
    in its rank place at the cost of the last non-gold. What ranks before the gold and was displaced by copies or
    a cut comes back too: the repaired context is no kinder to the model than a working packer's. Only where the
    evidence cannot fit the budget however well it was ranked, the model's window is the limit instead.
    """
    assert isinstance(own, Context)
    if kept(given, own, scene):
        return own
    layout = layout_of(given, own, scene)
    texts = _restored(given, own, layout)
    frame = _frame(given, own, layout)
    limit = _limit(own, scene)
    _uncut(given, own, layout, texts, frame, scene)
    _refilled(given, own, layout, texts, frame, scene)
    chosen = sorted(texts)
    while _size(_text(given, texts, chosen, frame), scene) > limit:
        spare = [rank for rank in chosen if rank not in layout.gold]
        if not spare:
            break
        chosen.remove(spare[-1])
    passages = tuple(_as_packed(given.passages[rank], texts[rank]) for rank in chosen)
    return Context(_text(given, texts, chosen, frame), passages)


def _restored(given: Given, own: Context, layout: Layout) -> dict[int, str]:
    """The text of each rank that the repaired context shows."""
    texts: dict[int, str] = {}
    reach = {b.rank for b in layout.reach}
    for block in layout.blocks:
        clean = block.exact and (block.whole or block.rank not in reach | set(layout.gold))
        shown = own.text[block.start : block.end] if clean else given.passages[block.rank].text
        texts.setdefault(block.rank, shown)
    for rank in (*layout.unreadable, *layout.gold):
        texts[rank] = given.passages[rank].text if rank not in texts or rank in layout.gold else texts[rank]
    return texts


def _uncut(
    given: Given, own: Context, layout: Layout, texts: dict[int, str], frame: Frame, scene: Scene
) -> None:
    """Make cut passages whole, best first, where the declared budget has room for them."""
    if scene.budget_tokens is None or scene.count_tokens is None:
        return
    for rank in sorted({b.rank for b in layout.blocks if not b.whole}):
        whole = {**texts, rank: given.passages[rank].text}
        if _size(_text(given, whole, sorted(whole), frame), scene) <= _limit(own, scene):
            texts[rank] = given.passages[rank].text


def _refilled(
    given: Given, own: Context, layout: Layout, texts: dict[int, str], frame: Frame, scene: Scene
) -> None:
    """Put what was displaced from before the last gold in the places that were freed, best first: a passage for each
    copy that went, and where the text was cut short of its declared budget, as many as fit that."""
    cut = _cut_with_room(given, own, layout, scene)
    places = len(given.passages) if cut else len(layout.blocks) - len({b.rank for b in layout.blocks})
    ahead = given.passages[: max(layout.gold, default=0)]
    displaced = (i for i, p in enumerate(ahead) if i not in texts and p.text and not _copy(i, ahead))
    for rank in displaced:
        more = {**texts, rank: given.passages[rank].text}
        if places <= 0 or _size(_text(given, more, sorted(more), frame), scene) > _limit(own, scene):
            return
        texts[rank] = given.passages[rank].text
        places -= 1


def _frame(given: Given, own: Context, layout: Layout) -> Frame:
    """The packer's own frame; where passages are unreadable their remains must not stay behind in it."""
    frame = frame_of(own.text, layout.blocks, given.passages)
    if not layout.unreadable:
        return frame
    gaps = sorted(frame.gaps, key=len)[:1]
    return Frame("", tuple(gaps), "")


def _text(given: Given, texts: dict[int, str], chosen: Sequence[int], frame: Frame) -> str:
    return render(frame, [(given.passages[rank], texts[rank]) for rank in chosen])


def _as_packed(passage: Passage, text: str) -> Passage:
    return Passage(passage.id, text, passage.score, passage.title, passage.tags)


def _size(text: str, scene: Scene) -> int:
    return scene.count_tokens(text) if scene.count_tokens else len(text)


def _over(text: str, scene: Scene) -> bool:
    limit = scene.window_tokens
    return limit is not None and scene.count_tokens is not None and scene.count_tokens(text) > limit


def _limit(own: Context, scene: Scene) -> int:
    """What the context may measure: the declared budget, else what the packer itself took, and never more
    than the model's window. In tokens where they can be counted, else in characters."""
    if scene.count_tokens is None:
        return len(own.text)
    budget = scene.budget_tokens if scene.budget_tokens is not None else scene.count_tokens(own.text)
    return budget if scene.window_tokens is None else min(budget, scene.window_tokens)


def cannot_fit(given: Given, scene: Scene) -> bool:
    """Whether the evidence alone is over the declared budget, however well it was ranked."""
    if scene.budget_tokens is None or scene.count_tokens is None:
        return False
    gold = [p.text for p, mark in zip(given.passages, bearing(given.passages, scene), strict=True) if mark]
    return scene.count_tokens("\n\n".join(gold)) > scene.budget_tokens
