"""The definitions at the end of the page: what `diagnose explain` says, in the order of its kinds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from diagnose.core.entry import Entry

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


class Group(NamedTuple):
    """The entries of one kind."""

    title: str
    entries: tuple[Entry, ...]


def groups_of(definitions: Sequence[Entry]) -> tuple[Group, ...]:
    """The definitions by kind."""
    found = [
        Group(title, tuple(entry for entry in definitions if entry.kind == kind))
        for kind, title in TITLES.items()
    ]
    return tuple(group for group in found if group.entries)


def addresses(groups: Sequence[Group]) -> frozenset[str]:
    """Everything that is defined on the page."""
    return frozenset(entry.address for group in groups for entry in group.entries)


def modes(definitions: Sequence[Entry]) -> dict[tuple[str, str], Entry]:
    """The modes by role and name."""
    return {(entry.of or "", entry.name): entry for entry in definitions if entry.kind == "mode"}
