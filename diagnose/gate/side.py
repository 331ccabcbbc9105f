"""One side of a comparison: the outcomes, blame and fingerprints of a system over a log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from diagnose.core.baseline import Baseline, BaselineRow
from diagnose.core.blame import Blame
from diagnose.core.outcome import TraceOutcome
from diagnose.core.report import Fidelity, Report
from diagnose.core.stage import ROLES, Role, in_order
from diagnose.errors import BadInput, quoted

SAME = 1e-9
"""A replay's score that differs by less from the logged one is the same."""
MOST_UNREPLAYED = 0.1
"""Part of the failures that may lack a replay (no label, a stage that failed) where blame still counts as
known."""


def side_of(report: Report, outcomes: Sequence[TraceOutcome], blames: Sequence[Blame], name: str) -> Baseline:
    """The side that a report folder stands for. BadInput where outcomes and blames do not belong together."""
    blame_of = {blame.trace_id: blame for blame in blames}
    known = {outcome.trace_id for outcome in outcomes}
    if strangers := [trace_id for trace_id in blame_of if trace_id not in known]:
        raise BadInput(
            f"{name}: {quoted(strangers[0])} is blamed but has no outcome; the files are of different runs: "
            "run diagnose again"
        )
    made = report.provenance
    replayed = [b for b in blames if b.level == "replayed"]
    rows = [_row(outcome, blame_of.get(outcome.trace_id)) for outcome in outcomes]
    return Baseline(
        version=made.version,
        metric=made.metric,
        pass_mark=made.pass_mark,
        pipeline=made.pipeline,
        corpus=made.corpus,
        stages=made.stages,
        roles=report.roles,
        replayed=len(blames) - len(replayed) <= MOST_UNREPLAYED * len(blames),
        steady=_steady(outcomes, blame_of),
        n_failures=len(blames),
        undecided=sum(b.verdict == "undecided" for b in blames),
        fidelity=report.fidelity,
        rows=tuple(sorted(rows, key=lambda row: row.trace_id)),
    )


def _steady(outcomes: Iterable[TraceOutcome], blame_of: Mapping[str, Blame]) -> bool:
    """Whether every failure was replayed and came out again exactly as it was logged: then nothing is left
    to chance."""
    failing = [o for o in outcomes if o.trace_id in blame_of]
    return bool(failing) and all(
        o.score is not None and o.again is not None and abs(o.again - o.score) <= SAME for o in failing
    )


def _row(outcome: TraceOutcome, blame: Blame | None) -> BaselineRow:
    convicted = blame is not None and blame.verdict in ROLES and blame.loss > 0
    return BaselineRow(
        trace_id=outcome.trace_id,
        query=outcome.query,
        label=outcome.label,
        score=outcome.score,
        held=_held(outcome, blame),
        verdict=blame.verdict if blame else None,
        mode=blame.mode if blame else None,
        blame=_nonzero(blame.shares) if blame and convicted else {},
        alone=_nonzero(blame.sufficiency) if blame else {},
        tags=outcome.tags,
        elapsed_s=outcome.elapsed_s,
        tokens=None if outcome.tokens is None else float(outcome.tokens),
        cost=outcome.cost,
    )


def _held(outcome: TraceOutcome, blame: Blame | None) -> float | None:
    if outcome.score is None or blame is None or outcome.again is None:
        return None
    return (outcome.score + outcome.again) / 2


def held(row: BaselineRow) -> float | None:
    """The score of a trace as far as it held when its failures were replayed; None where one was not."""
    return row.score if row.verdict is None else row.held


def _nonzero(values: Mapping[Role, float]) -> dict[Role, float]:
    return {role: value for role, value in values.items() if value != 0.0}


def merged(sides: Sequence[Baseline]) -> Baseline:
    """Several runs of one system as one side: means over the runs in which a trace has a score.

    The runs must have the same scorer and stages, or BadInput.
    """
    first = sides[0]
    for other in sides[1:]:
        _check_same_system(first, other)
    ids = sorted({row.trace_id for side in sides for row in side.rows})
    by_id = [{row.trace_id: row for row in side.rows} for side in sides]
    rows = [_mean_row([rows[i] for rows in by_id if i in rows]) for i in ids]
    return Baseline(
        version=first.version,
        metric=first.metric,
        pass_mark=first.pass_mark,
        pipeline=first.pipeline,
        corpus=first.corpus,
        stages=first.stages,
        roles=in_order(tuple({role for side in sides for role in side.roles})),
        replayed=all(side.replayed for side in sides),
        steady=all(side.steady for side in sides),
        n_failures=sum(side.n_failures for side in sides),
        undecided=sum(side.undecided for side in sides),
        fidelity={
            role: _fidelity([s.fidelity[role] for s in sides if role in s.fidelity])
            for role in _judged(sides)
        },
        rows=tuple(rows),
    )


def _judged(sides: Sequence[Baseline]) -> tuple[Role, ...]:
    return in_order(tuple({role for side in sides for role in side.fidelity}))


def _fidelity(found: Sequence[Fidelity]) -> Fidelity:
    n = sum(f.n for f in found)
    parts = [sum(getattr(f, name) * f.n for f in found) / n for name in ("same", "drifted", "unstable")]
    return Fidelity(n, *parts)


def _check_same_system(first: Baseline, other: Baseline) -> None:
    for what, a, b in (
        ("scorers", (first.metric, first.pass_mark), (other.metric, other.pass_mark)),
        ("corpora", first.corpus, other.corpus),
        ("stages", first.stages, other.stages),
    ):
        if a != b:
            raise BadInput(f"the reports of one side are to be runs of the same system; their {what} differ")


def _mean_row(rows: Sequence[BaselineRow]) -> BaselineRow:
    if len(rows) == 1:
        return rows[0]
    if len({row.query for row in rows}) > 1:
        raise BadInput(f"{quoted(rows[0].trace_id)} is another question in each of the reports of one side")
    scored = [row for row in rows if row.score is not None]
    failing = next((row for row in reversed(rows) if row.verdict is not None), rows[0])
    n = sum(row.runs for row in scored)
    return BaselineRow(
        trace_id=rows[0].trace_id,
        query=rows[0].query,
        label=rows[0].label,
        score=_mean([(row.score, row.runs) for row in scored]),
        runs=max(n, 1),
        held=None if any(held(row) is None for row in scored) else _mean([(held(r), r.runs) for r in scored]),
        verdict=failing.verdict,
        mode=failing.mode,
        blame=_mean_of([(row.blame, row.runs) for row in scored]),
        alone=_mean_of([(row.alone, row.runs) for row in scored]),
        tags=rows[0].tags,
        elapsed_s=_mean([(row.elapsed_s, row.runs) for row in rows]),
        tokens=_mean([(row.tokens, row.runs) for row in rows]),
        cost=_mean([(row.cost, row.runs) for row in rows]),
    )


def _mean(values: Iterable[tuple[float | None, int]]) -> float | None:
    known = [(value, runs) for value, runs in values if value is not None]
    total = sum(runs for _, runs in known)
    return sum(value * runs for value, runs in known) / total if total else None


def _mean_of(parts: Sequence[tuple[Mapping[Role, float], int]]) -> dict[Role, float]:
    total = sum(runs for _, runs in parts)
    found = {
        role: sum(part.get(role, 0.0) * runs for part, runs in parts) / total
        for role in ROLES
        if any(role in part for part, _ in parts)
    }
    return _nonzero(found)
