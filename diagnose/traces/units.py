"""One trace id may hold several queries: a batch, a script, a conversation."""

from __future__ import annotations

from collections.abc import Sequence

from diagnose.traces.tree import Forest, Node

RETRIEVING = frozenset({"retriever", "ranker"})
MAX_UNITS = 5_000

Unit = tuple[Sequence[Node], str]
"""The nodes of one query in tree order, and the trace id it gets."""


def units_of(forest: Forest) -> list[Unit]:
    """The queries of a trace: its sibling spans that each retrieve and answer, where they asked different
    things and nothing else retrieves or answers; otherwise the trace as it is.

    A retriever and a model that share only a trace id (their common parent was not exported) stay together.
    """
    if not forest.nodes:
        return [((), forest.whole[0].trace_id)]
    trace_id = forest.nodes[0].span.trace_id
    level: Sequence[Node] = forest.roots
    while len(level) == 1 and level[0].span.kind not in (*RETRIEVING, "model"):
        level = level[0].children
    units = [node for node in level if node.leave - node.enter > 1 and _is_whole(node, forest)]
    if not 1 < len(units) <= MAX_UNITS:
        return [(forest.nodes, trace_id)]
    asked = {node.span.query for node in units}
    loose = any(
        _does(node, forest, RETRIEVING) or _does(node, forest, {"model"})
        for node in level
        if node not in units
    )
    if loose or None in asked or len(asked) < len(units):
        return [(forest.nodes, trace_id)]
    return [(forest.nodes[node.enter : node.leave], f"{trace_id}/{node.span.span_id}") for node in units]


def _is_whole(node: Node, forest: Forest) -> bool:
    return _does(node, forest, RETRIEVING) and _does(node, forest, {"model"})


def _does(node: Node, forest: Forest, kinds: frozenset[str] | set[str]) -> bool:
    return any(below.span.kind in kinds for below in forest.nodes[node.enter : node.leave])
