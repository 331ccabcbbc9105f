"""How the passages of one trace went from stage to stage, read off the spans that hold them.

A span's kind is what its tool says; what it did shows in what went in and came out: an outer retriever whose
passages are a choice of its inner one's is a ranker, one that shortens them a compressor, one that repeats
them nothing at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from diagnose.core.artifact import Passage
from diagnose.traces.account import Account
from diagnose.traces.passage_ids import PassageIds
from diagnose.traces.span import Cited, IdFrom
from diagnose.traces.tree import Node

Relation = Literal["same", "choice", "shorter", "other"]
PROVENANCE = "retriever"
"""The tag that says which of several retrievers found a passage."""


@dataclass(eq=False, slots=True)
class Held:
    """The passages that a span gave."""

    node: Node
    passages: tuple[Passage, ...]
    recovered: str | None = None


@dataclass
class Flow:
    """What the stages of one trace gave: the lists that were retrieved, and the last word of those after."""

    retrieved: list[Held] = field(default_factory=list)
    ranked: list[Held] = field(default_factory=list)
    compressed: Held | None = None
    became: dict[int, str] = field(default_factory=dict)
    ids: dict[str, IdFrom] = field(default_factory=dict)

    def everything(self) -> Iterator[Passage]:
        """Every passage, those of the last stage first."""
        for held in (
            *([self.compressed] if self.compressed else []),
            *reversed(self.ranked),
            *self.retrieved,
        ):
            yield from held.passages

    def last(self) -> tuple[Passage, ...]:
        """What the last of the stages passed on."""
        if self.compressed:
            return self.compressed.passages
        return union(self.ranked or self.retrieved)


def flow_of(nodes: Iterable[Node], ids: PassageIds, account: Account) -> Flow:
    """Reads the spans in the order they ended: those inside before the one around them."""
    flow = Flow()
    for node in _retrievers_first(nodes):
        span = node.span
        if span.cited is None and not (span.error and span.kind in ("retriever", "ranker", "compressor")):
            continue
        held = Held(node, _passages(span.cited or (), ids, flow))
        inside = [item for item in flow.retrieved if node.holds(item.node) and item.node is not node]
        if span.kind in ("ranker", "compressor"):
            _after_retrieval(flow, held, ids, account)
        elif inside:
            _around(flow, held, inside, account)
        elif span.kind == "retriever" or _searches_again(flow, held):
            flow.retrieved.append(held)
            flow.became[node.enter] = "retriever"
        elif held.passages:
            _unmarked(flow, held, ids, account)
    return flow


def _searches_again(flow: Flow, held: Held) -> bool:
    """Whether a tool found passages of its own; one that was given some did what comes after retrieval."""
    span = held.node.span
    return span.kind == "tool" and bool(held.passages and flow.retrieved) and not span.given


def _retrievers_first(nodes: Iterable[Node]) -> list[Node]:
    """The nodes, a ranker that seems to have run before any retriever (clocks differ) after all of them."""
    given = list(nodes)
    places = [i for i, node in enumerate(given) if node.span.kind == "retriever" and node.span.cited]
    if not places:
        return given
    early = [n for n in given[: places[0]] if n.span.kind in ("ranker", "compressor") and n.span.cited]
    if not early or any(node.parent is not None and node.parent.span.kind == "retriever" for node in early):
        return given
    moved = {id(node) for node in early}
    before, after = given[: places[-1] + 1], given[places[-1] + 1 :]
    return [*(node for node in before if id(node) not in moved), *early, *after]


def _passages(cited: Sequence[Cited], ids: PassageIds, flow: Flow) -> tuple[Passage, ...]:
    found = []
    for item in cited:
        passage, id_from = ids.passage(item, item.tags)
        flow.ids.setdefault(passage.id, id_from)
        found.append(passage)
    return tuple(found)


def _after_retrieval(flow: Flow, held: Held, ids: PassageIds, account: Account) -> None:
    """A span that its tool calls a ranker or compressor."""
    span = held.node.span
    given = _passages(span.given, ids, flow) if span.given else ()
    if not flow.retrieved and given:
        flow.retrieved.append(Held(held.node, given, "the ranker's input"))
        account.note("retriever's output taken from the ranker's input", span.trace_id)
    pool = flow.last()
    relation = relation_of(pool, held.passages)
    if span.kind == "compressor" or (relation == "shorter" and flow.ranked):
        flow.compressed = Held(held.node, _aligned(pool, held.passages))
        flow.became[held.node.enter] = "compressor"
        return
    if flow.ranked and relation_of(flow.ranked[-1].passages, given or held.passages) in ("same", "choice"):
        account.note("several rankers one after another: the last one's output is kept", span.trace_id)
        flow.ranked[-1] = held
    else:
        flow.ranked.append(held)
    flow.became[held.node.enter] = "ranker"


def _around(flow: Flow, held: Held, inside: list[Held], account: Account) -> None:
    """A span around others that hold passages."""
    node, span = held.node, held.node.span
    ranked = [item for item in flow.ranked if node.holds(item.node)]
    compressed = flow.compressed if flow.compressed and node.holds(flow.compressed.node) else None
    pool = compressed.passages if compressed else union(ranked or inside)
    relation = relation_of(pool, held.passages)
    if relation == "same" or not span.cited:
        flow.became[node.enter] = "around its stages"
        if (
            span.kind == "retriever"
            and len(inside) == 1
            and relation == "same"
            and not (ranked or compressed)
        ):
            # One retriever in two spans: the outer is the one its framework shows to the user.
            flow.retrieved = [held if item is inside[0] else item for item in flow.retrieved]
            flow.became[node.enter], flow.became[inside[0].node.enter] = "retriever", "the same retriever"
    elif relation == "choice":
        flow.ranked = [item for item in flow.ranked if item not in ranked]
        flow.ranked.append(held)
        flow.became[node.enter] = "ranker"
    elif relation == "shorter":
        flow.compressed = Held(node, _aligned(pool, held.passages))
        flow.became[node.enter] = "compressor"
    elif span.kind == "retriever":
        account.note(
            "a retriever around others gave passages that they had not: its output counts, theirs are left out",
            span.trace_id,
        )
        flow.retrieved = [item for item in flow.retrieved if item not in inside]
        flow.ranked = [item for item in flow.ranked if item not in ranked]
        flow.compressed = None if compressed else flow.compressed
        flow.retrieved.append(held)
        flow.became.update({item.node.enter: "inside the retriever" for item in (*inside, *ranked)})
        flow.became[node.enter] = "retriever"


def _unmarked(flow: Flow, held: Held, ids: PassageIds, account: Account) -> None:
    """A span of no such kind whose output is passages all the same."""
    node, span = held.node, held.node.span
    given = _passages(span.given, ids, flow) if span.given else ()
    if not flow.retrieved and given and relation_of(given, held.passages) in ("choice", "shorter"):
        flow.retrieved.append(Held(node, given, "its input"))
        account.note("retriever's output taken from the input of the span after it", span.trace_id)
    elif not flow.retrieved:
        flow.retrieved.append(held)
        flow.became[node.enter] = "retriever"
        account.note("spans of another kind whose output is passages: taken for the retriever", span.trace_id)
        return
    pool = flow.last()
    relation = relation_of(pool, held.passages)
    if relation == "choice":
        chained = flow.ranked and relation_of(flow.ranked[-1].passages, held.passages) != "other"
        flow.ranked = [*(flow.ranked[:-1] if chained else flow.ranked), held]
        flow.became[node.enter] = "ranker"
    elif relation == "shorter":
        flow.compressed = Held(node, _aligned(pool, held.passages))
        flow.became[node.enter] = "compressor"
    elif relation == "same":
        flow.became[node.enter] = "passes passages on"


def relation_of(before: Sequence[Passage], after: Sequence[Passage]) -> Relation:
    """What a step did to passages: nothing, chose or ordered them, shortened them, or something else."""
    texts = {passage.id: passage.text for passage in before}
    aligned = _aligned(before, after)
    if any(passage.id not in texts for passage in aligned) or (not before and after):
        return "other"
    if any(p.text and texts[p.id] and _shortened(texts[p.id], p.text) for p in aligned):
        return "shorter"
    return "same" if [p.id for p in before] == [p.id for p in aligned] else "choice"


def _shortened(before: str, after: str) -> bool:
    return len(after.strip()) < len(before.strip()) and " ".join(after.split()) != " ".join(before.split())


def _aligned(before: Sequence[Passage], after: Sequence[Passage]) -> tuple[Passage, ...]:
    """Passages known by their text alone keep the id of the longer one that they are a piece of."""
    ids = {passage.id for passage in before}
    found = []
    for passage in after:
        if passage.id not in ids and passage.id.startswith("sha256:") and passage.text.strip():
            whole = next((p for p in before if passage.text.strip() in p.text), None)
            found.append(msgspec.structs.replace(passage, id=whole.id) if whole else passage)
        else:
            found.append(passage)
    return tuple(found)


def union(lists: Sequence[Held]) -> tuple[Passage, ...]:
    """Several lists as one, rank by rank; each passage once, tagged with the spans that found it."""
    if len(lists) == 1:
        return lists[0].passages
    finders: dict[str, list[str]] = {}
    first: dict[str, Passage] = {}
    for rank in range(max((len(held.passages) for held in lists), default=0)):
        for held in lists:
            if rank < len(held.passages):
                passage = held.passages[rank]
                first.setdefault(passage.id, passage)
                names = finders.setdefault(passage.id, [])
                if held.node.span.name not in names:
                    names.append(held.node.span.name)
    return tuple(
        msgspec.structs.replace(p, tags={**(p.tags or {}), PROVENANCE: ", ".join(finders[p.id])})
        for p in first.values()
    )
