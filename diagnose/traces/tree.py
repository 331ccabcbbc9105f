"""The spans of one trace as trees: duplicates merged, cycles cut, strays kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from diagnose.traces.account import Account
from diagnose.traces.from_logs import OF_LOG, together
from diagnose.traces.from_phoenix_query import OF_JOINT, OF_ROW, retriever_of
from diagnose.traces.span import Span

SKEW_NS = 1_000_000_000
"""A child that starts a second before its parent was timed by another clock."""


@dataclass(eq=False, slots=True)
class Node:
    """A span among its relatives. `enter` to `leave` are the places of it and all below it in tree order."""

    span: Span
    parent: Node | None = None
    children: list[Node] = field(default_factory=list)
    enter: int = 0
    leave: int = 0

    def holds(self, other: Node) -> bool:
        """Whether the other node is this one or below it."""
        return self.enter <= other.enter < self.leave


@dataclass(frozen=True)
class Forest:
    """The trees of one trace: `roots` by start time, `nodes` in tree order, `whole` what is said of the trace."""

    roots: tuple[Node, ...]
    nodes: tuple[Node, ...]
    whole: tuple[Span, ...] = ()

    def upward(self) -> Iterator[Node]:
        """All nodes, every one after those below it and after its elder siblings."""
        return iter(sorted(self.nodes, key=lambda node: (node.leave, -node.enter)))


def forest_of(spans: Iterable[Span], account: Account) -> Forest:
    """The trees of a trace's spans, given in log order."""
    whole: list[Span] = []
    by_id: dict[str, Node] = {}
    logged: dict[str, list[Span]] = {}
    for n, span in enumerate(spans):
        if span.kind == "trace":
            whole.append(span)
            continue
        key = span.span_id or f"unnamed {n}"
        if span.label in (OF_LOG, OF_ROW):
            logged.setdefault(key, []).append(span)
            continue
        twin = by_id.get(key)
        if twin is not None and _differ(twin.span, span):
            account.note(
                "different spans under one id: kept apart, under the first one's parent", span.trace_id
            )
            by_id[f"{key} {n}"] = Node(span)
        elif twin is not None:
            account.note("spans logged more than once were merged", span.trace_id)
            twin.span = merged(twin.span, span)
        else:
            by_id[key] = Node(span)
    for key, records in logged.items():
        part = together(records) if records[0].label == OF_LOG else retriever_of(records)
        by_id[key] = Node(merged(by_id[key].span, part) if key in by_id else part)
    _count_joint(by_id, account)
    roots = _linked(by_id, account)
    return Forest(tuple(roots), tuple(_numbered(roots)), tuple(whole))


def _count_joint(by_id: dict[str, Node], account: Account) -> None:
    """Keeps documents that a log has in one text only where it has them in no other way."""
    joint = [key for key, node in by_id.items() if node.span.label == OF_JOINT]
    if not joint:
        return
    apart = any(node.span.cited and node.span.label != OF_JOINT for node in by_id.values())
    for key in joint:
        if apart:
            del by_id[key]
        else:
            what = "retrieved documents logged as one text (get_qa_with_reference): taken for one passage"
            account.note(what, by_id[key].span.trace_id)


def _differ(one: Span, other: Span) -> bool:
    """Whether two records of one id are of two spans: they say different names and different starts."""
    return bool(
        one.name
        and other.name
        and one.name != other.name
        and one.start_ns
        and other.start_ns
        and one.start_ns != other.start_ns
    )


def merged(one: Span, other: Span) -> Span:
    """Two records of one span: what the second says is added to the first, and wins where both say something else."""
    changes: dict[str, Any] = {}
    for name in Span.__struct_fields__:
        mine, theirs = getattr(one, name), getattr(other, name)
        if theirs in (None, "", (), {}, 0, "unknown") or mine == theirs:
            continue
        changes[name] = {**mine, **theirs} if isinstance(mine, dict) else theirs
    return msgspec.structs.replace(one, **changes) if changes else one


def _linked(by_id: dict[str, Node], account: Account) -> list[Node]:
    roots: list[Node] = []
    for node in by_id.values():
        parent = by_id.get(node.span.parent_id) if node.span.parent_id else None
        if node.span.parent_id and parent is None:
            what = "spans whose parent is not in the log: taken for the top of their tree"
            account.note(what, node.span.trace_id)
        if parent is None:
            roots.append(node)
            continue
        node.parent = parent
        parent.children.append(node)
        if node.span.start_ns and node.span.start_ns < parent.span.start_ns - SKEW_NS:
            what = (
                "spans that start before their parent (clocks differ): ordered by start among their siblings"
            )
            account.note(what, node.span.trace_id)
    for node in by_id.values():
        if len(node.children) > 1:
            node.children.sort(key=_start)
    if len(roots) + sum([len(node.children) for node in roots]) < len(by_id):  # else no span is out of reach
        roots = [*roots, *_cut_circles(by_id, roots, account)]
    return sorted(roots, key=_start)


def _cut_circles(by_id: dict[str, Node], roots: list[Node], account: Account) -> list[Node]:
    """The tops of what no root leads to: spans in a circle are each on their own, since none can be inside another."""
    reached = {id(node) for root in roots for node in _below(root)}
    tops: list[Node] = []
    for start in by_id.values():
        if id(start) in reached:
            continue
        circle = _circle_above(start)
        for node in circle:
            assert node.parent is not None
            node.parent.children.remove(node)
            node.parent = None
        tops += circle
        reached.update(id(below) for node in circle for below in _below(node))
        what = "spans that are their own ancestors: taken for the top of their tree"
        account.note(what, start.span.trace_id, len(circle))
    return tops


def _circle_above(node: Node) -> list[Node]:
    """The circle that a span's ancestors run into."""
    place: dict[int, int] = {}
    path: list[Node] = []
    at: Node | None = node
    while at is not None and id(at) not in place:
        place[id(at)] = len(path)
        path.append(at)
        at = at.parent
    assert at is not None  # a span that no root leads to has no end above it
    return path[place[id(at)] :]


def _below(root: Node) -> Iterator[Node]:
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack += node.children


def _start(node: Node) -> int:
    return node.span.start_ns


def _numbered(roots: list[Node]) -> Iterator[Node]:
    """Numbers the nodes in tree order; without recursion, since a log may nest ten thousand deep."""
    place = 0
    stack: list[tuple[Node, bool]] = [(root, False) for root in reversed(roots)]
    while stack:
        node, done = stack.pop()
        if done:
            node.leave = place
            continue
        node.enter = place
        place += 1
        yield node
        stack.append((node, True))
        stack.extend((child, False) for child in reversed(node.children))
