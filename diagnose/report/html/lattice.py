"""The game of a trace as a picture: every combination of repaired stages, from none to all.

Labels and lines are drawn once for all games of the same stages; a trace adds which combinations are right.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from diagnose.core.blame import Blame
from diagnose.core.coalition import members
from diagnose.core.game import Game
from diagnose.core.stage import Role

MOST_STAGES = 5
"""Stages up to which combinations can be told apart on a picture."""
LABELLED = 4
WIDTH, LEVEL, EDGE = 560, 46, 22
SHORT = {
    "router": "rou",
    "rewriter": "rew",
    "retriever": "ret",
    "ranker": "rank",
    "compressor": "comp",
    "packer": "pack",
    "model": "mod",
    "verifier": "ver",
}


class Node(NamedTuple):
    """One combination: its place and its label."""

    x: int
    y: int
    label: str


class Grid(NamedTuple):
    """What all games of the same stages share. `lines` joins combinations that differ in one stage."""

    id: str
    width: int
    height: int
    nodes: tuple[Node, ...]
    lines: str


class Lattice(NamedTuple):
    """A game on its grid: paths through the combinations that are right, partly right, and a smallest repair."""

    grid: Grid
    right: str
    partly: str
    smallest: str
    said: str


@lru_cache(maxsize=64)
def grid_of(roles: tuple[Role, ...]) -> Grid:
    """The grid of all combinations of these stages."""
    n = len(roles)
    places: dict[int, tuple[int, int]] = {}
    for size in range(n + 1):
        level = [mask for mask in range(1 << n) if mask.bit_count() == size]
        level.sort(key=lambda mask: [i for i in range(n) if mask >> i & 1])
        for i, mask in enumerate(level):
            places[mask] = (round(WIDTH * (i + 0.5) / len(level)), EDGE // 2 + size * LEVEL + 4)
    nodes = tuple(Node(*places[mask], _label(roles, mask)) for mask in range(1 << n))
    lines = "".join(
        f"M{x} {y}L{places[mask | 1 << i][0]} {places[mask | 1 << i][1]}"
        for mask, (x, y) in sorted(places.items())
        for i in range(n)
        if not mask >> i & 1
    )
    name = "lattice-" + "-".join(SHORT[role] for role in roles)
    return Grid(name, WIDTH, n * LEVEL + EDGE + 22, nodes, lines)


def _label(roles: tuple[Role, ...], mask: int) -> str:
    names = members(roles, mask)
    if not names:
        return "nothing"
    if len(names) == len(roles):
        return "everything"
    if len(roles) > LABELLED:
        return ""
    return names[0] if len(names) == 1 else " + ".join(SHORT[role] for role in names)


def lattice_of(game: Game | None, blame: Blame, pass_mark: float) -> Lattice | None:
    """The picture of a game, or None where there is none or it has too many stages."""
    if game is None or not 0 < len(game.roles) <= MOST_STAGES:
        return None
    grid, values = grid_of(game.roles), game.values()
    right = [m for m, v in enumerate(values) if v >= pass_mark]
    partly = [m for m, v in enumerate(values) if 0.0 < v < pass_mark]
    smallest = [
        sum(1 << game.roles.index(role) for role in repair)
        for repair in blame.minimal_repairs
        if set(repair) <= set(game.roles)
    ]
    said = _said(blame, values, pass_mark)
    return Lattice(grid, _dots(grid, right), _dots(grid, partly), _dots(grid, smallest), said)


def _dots(grid: Grid, masks: Iterable[int]) -> str:
    """A path of dots: lines without length, which round ends make visible."""
    return "".join(f"M{grid.nodes[mask].x} {grid.nodes[mask].y}h0" for mask in masks)


def _said(blame: Blame, values: tuple[float, ...], pass_mark: float) -> str:
    right = sum(v >= pass_mark for v in values)
    if not right:
        return f"None of {len(values)} combinations of repairs gives a right answer."
    sets = "; ".join(" + ".join(repair) for repair in blame.minimal_repairs if repair)
    smallest = f" Smallest: {sets}." if sets else ""
    return f"{right} of {len(values)} combinations of repairs give a right answer.{smallest}"
