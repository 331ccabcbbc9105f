"""Sides made by hand: systems that answer, fail and are replayed as a test says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from diagnose.core.baseline import Baseline, BaselineRow
from diagnose.core.report import StageIdentity
from diagnose.core.stage import Role
from diagnose.core.verdict import GateVerdict
from diagnose.gate.change import Chance
from diagnose.gate.judge import judged
from diagnose.gate.pairs import paired
from diagnose.gate.rules import Rules

ROLES: tuple[Role, ...] = ("retriever", "ranker", "packer", "model")
QUICK = Chance(seed=0, resamples=200, permutations=1999)
STAGES = tuple(StageIdentity(role, f"a {role}", f"{role}-1") for role in ROLES)


def row(name: str, at: Role | None = None, score: float | None = None, **more: object) -> BaselineRow:
    """A trace that passes, or fails at a stage and fails again when it is replayed."""
    if at is None:
        made = BaselineRow(name, f"query {name}", "label", 1.0 if score is None else score)
    else:
        made = BaselineRow(
            name,
            f"query {name}",
            "label",
            score or 0.0,
            held=score or 0.0,
            verdict=at,
            blame={at: 1.0},
            alone={at: 1.0},
        )
    return msgspec.structs.replace(made, **more)


def side(rows: Sequence[BaselineRow], **more: object) -> Baseline:
    """A side of these traces, replayed and steady unless the test says otherwise."""
    failing = sum(r.score is not None and r.score < 0.5 for r in rows)
    made = Baseline(
        version="0",
        metric="contains",
        pass_mark=0.5,
        pipeline="made",
        corpus="corpus-1",
        stages=STAGES,
        roles=ROLES,
        replayed=True,
        steady=failing > 0,
        n_failures=failing,
        undecided=0,
        fidelity={},
        rows=tuple(sorted(rows, key=lambda r: r.trace_id)),
    )
    return msgspec.structs.replace(made, **more)


def system(n: int, failing: Mapping[Role, int], **more: object) -> Baseline:
    """`n` traces, of which the first ones fail at these stages."""
    at: list[Role] = [role for role, count in failing.items() for _ in range(count)]
    rows = [row(f"q{i:04}", at[i] if i < len(at) else None) for i in range(n)]
    return side(rows, **more)


def changed(role: Role) -> tuple[StageIdentity, ...]:
    """The stages with another of this role."""
    return tuple(msgspec.structs.replace(s, fingerprint="2") if s.role == role else s for s in STAGES)


def gate(before: Baseline, after: Baseline, rules: Rules = Rules()) -> GateVerdict:
    """The verdict on `after`."""
    return judged(paired(before, after, rules.allow), rules, ("before", "after"), QUICK)
