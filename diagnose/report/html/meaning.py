"""The definitions at the end of the page: what `diagnose explain` says, in the order of its kinds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from diagnose.core.entry import Entry
from diagnose.report.foreign import flat

TITLES = {
    "number": "Numbers of games, blame and report",
    "role": "Stages and what they owe",
    "mode": "Modes: how a stage failed",
    "repair": "Repairs",
    "finding": "Findings: what is no stage’s fault",
    "reason": "Why a failure is undecided",
    "level": "Levels of evidence",
    "metric": "Metrics",
    "ablation": "Controls",
}
"""Kinds that explain something on the page; others are left to `diagnose explain`."""


class Defined(NamedTuple):
    """A definition and its place on the page."""

    entry: Entry
    anchor: str


class Group(NamedTuple):
    """The entries of one kind."""

    title: str
    entries: tuple[Defined, ...]


def groups_of(definitions: Sequence[Entry]) -> tuple[Group, ...]:
    """The definitions by kind. A name that is defined twice (a role and its repair) has two places."""
    taken: set[str] = set()
    groups: list[Group] = []
    for kind, title in TITLES.items():
        entries = [Defined(entry, _anchor(entry, taken)) for entry in definitions if entry.kind == kind]
        groups += [Group(title, tuple(entries))] if entries else []
    return tuple(groups)


def _anchor(entry: Entry, taken: set[str]) -> str:
    anchor = f"def-{flat(entry.address, 80)}"
    if anchor in taken:
        anchor = f"def-{flat(entry.kind, 20)}-{flat(entry.address, 80)}"
    while anchor in taken:
        anchor += "~"
    taken.add(anchor)
    return anchor


def anchors(groups: Sequence[Group]) -> frozenset[str]:
    """Every place on the page that a definition has."""
    return frozenset(defined.anchor for group in groups for defined in group.entries)


def modes(definitions: Sequence[Entry]) -> dict[tuple[str, str], Entry]:
    """The modes by role and name."""
    return {(entry.of or "", entry.name): entry for entry in definitions if entry.kind == "mode"}
