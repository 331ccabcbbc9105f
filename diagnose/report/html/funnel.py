"""The evidence funnel as a flow: a band that narrows where the evidence was lost."""

from __future__ import annotations

from typing import NamedTuple

from diagnose.core.report import Report
from diagnose.core.stage import ROLES, Role

WIDTH, HEIGHT = 1000, 190
TOP, BOTTOM = 30, 140
"""Where the band may be, in units of the picture; above it stands what is left, below it what was lost."""
MOST = BOTTOM - TOP

REACHED = {
    "corpus": "in the corpus",
    "router": "routed",
    "rewriter": "asked for",
    "retriever": "retrieved",
    "ranker": "ranked",
    "compressor": "kept",
    "packer": "packed",
    "model": "used",
    "verifier": "let through",
}
"""What the evidence is once it is out of a stage."""


class Reach(NamedTuple):
    """A step of the funnel: in how many failures the evidence came out of it, and in how many it did not."""

    name: str
    reached: str
    left: int
    lost: int
    x: float
    band: str
    drop: str
    left_y: float
    lost_y: float
    at: float
    fall: float


class Flow(NamedTuple):
    """The funnel of all failures of which it can be told."""

    known: int
    steps: tuple[Reach, ...]


def flow_of(report: Report) -> Flow | None:
    """The flow from the corpus to a right answer, or None where nothing is known of the evidence.

    The funnel of a report counts failures by the first stage that lost the evidence; what the corpus never
    held is told apart from what a stage lost.
    """
    known = sum(report.funnel.values())
    if not known:
        return None
    absent = min(len(report.findings.corpus), next(iter(_in_order(report)), ("model", 0))[1])
    losses: list[tuple[str, int]] = [("corpus", absent)] if absent else []
    taken = absent
    for role in (r for r in ROLES if r in report.funnel or r in _bearing(report)):
        n = report.funnel.get(role, 0)
        losses.append((role, n - min(taken, n)))
        taken -= min(taken, n)
    width = WIDTH / len(losses)
    steps: list[Reach] = []
    left = known
    for i, (name, lost) in enumerate(losses):
        steps.append(_step(name, i * width, width, left, lost, known))
        left -= lost
    return Flow(known, tuple(steps))


def _in_order(report: Report) -> list[tuple[Role, int]]:
    return [(role, report.funnel[role]) for role in ROLES if report.funnel.get(role)]


def _bearing(report: Report) -> set[Role]:
    """The stages of the pipeline whose output can hold the evidence."""
    return {role for role in report.roles if role not in ("router", "rewriter")}


def _step(name: str, x: float, width: float, before: int, lost: int, known: int) -> Reach:
    """A band of the height of what goes in, narrowing to what comes out; what is lost falls away below."""
    into, out = MOST * before / known, MOST * (before - lost) / known
    a, b, end = x, x + width * 0.45, x + width
    bend = width * 0.22
    band = (
        f"M{a:.1f} {TOP}H{end:.1f}V{TOP + out:.1f}H{b:.1f}"
        f"C{b - bend:.1f} {TOP + out:.1f} {a + bend:.1f} {TOP + into:.1f} {a:.1f} {TOP + into:.1f}Z"
    )
    floor = BOTTOM + 12
    drop = (
        f"M{a:.1f} {TOP + into:.1f}C{a + bend:.1f} {TOP + into:.1f} {b - bend:.1f} {TOP + out:.1f} "
        f"{b:.1f} {TOP + out:.1f}"
        f"V{floor}H{b - max(2.0, width * 0.3 * lost / known):.1f}"
        f"V{TOP + into:.1f}Z"
        if lost
        else ""
    )
    return Reach(
        name=name,
        reached=REACHED[name],
        left=before - lost,
        lost=lost,
        x=round(a, 1),
        band=band,
        drop=drop,
        left_y=TOP + max(out / 2, 8),
        lost_y=floor + 20,
        at=round((b + end) / 2, 1),
        fall=round(b, 1),
    )
