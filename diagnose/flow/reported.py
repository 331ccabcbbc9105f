"""From blame to the report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from diagnose.attribute.cohorts import find_cohorts
from diagnose.attribute.detectors import counted
from diagnose.attribute.gains import Log
from diagnose.attribute.headline import nothing_judged
from diagnose.attribute.label_first import label_first
from diagnose.attribute.summarise import summarise
from diagnose.attribute.verdict import Facts, blamed_all
from diagnose.core.game import Game
from diagnose.core.pipeline import Pipeline
from diagnose.core.report import PassingCheck, Report, ToLabel
from diagnose.core.stage import ROLES
from diagnose.core.trace import Trace
from diagnose.flow.addressing import addressing
from diagnose.flow.cohort_tags import tags_of
from diagnose.flow.found import Found
from diagnose.flow.retrieval import retrieval_of
from diagnose.replay.fidelity import fidelity_of
from diagnose.report import build
from diagnose.score.table import Scorer
from diagnose.stages.recorded import weakened


def divided(games: Sequence[Game], pass_mark: float) -> Found:
    """Blame from games alone: those whose worth with nothing repaired is below the pass mark fail."""
    failing = [game for game in games if game.worth[""] < pass_mark]
    blames = blamed_all(failing, pass_mark, [Facts(runs=game.runs) for game in failing])
    return Found((), tuple(blames), games=tuple(games))


def reported(
    found: Found,
    pipeline: Pipeline | None,
    scorer: Scorer,
    seed: int,
    command: str,
    problems: Sequence[str] = (),
) -> Report:
    """The report of a log: its blame summarised, with what it cost and what made it."""
    traces = [item.trace for item in found.scored]
    scores = [item.score for item in found.scored if item.score is not None]
    log = Log(len(traces), build.score_of(scores), clusters=_clusters(traces))
    summary = summarise(found.games, found.blames, log, seed)
    roles = build.roles_of(traces, pipeline)
    cohorts = find_cohorts(found.blames, tags_of(found.scored, scorer, seed), roles, seed)
    unscored = len(traces) - len(scores)
    notes = (
        [f"{unscored} traces have no score and no usable label: they count as traces only"]
        if unscored
        else []
    )
    return Report(
        n_traces=len(traces),
        n_failures=len(found.blames),
        score=log.score,
        levels=build.levels_of(found.blames),
        fidelity=fidelity_of(pipeline, found.compared) if pipeline else {},
        ranking=summary.ranking,
        findings=summary.findings,
        undecided=summary.undecided,
        triage=summary.triage,
        fix_order=summary.fix_order,
        best_pair=summary.best_pair,
        cohorts=cohorts.cohorts,
        cost=build.cost_of(traces, sum(scorer.passes(s) for s in scores)),
        runs=build.runs_of(found.blames),
        provenance=build.provenance_of(command, seed, scorer.metric, scorer.pass_mark, pipeline, traces),
        roles=roles,
        headline=_partly(found) + (summary.headline if scores or not traces else nothing_judged(len(traces))),
        residual=summary.residual,
        funnel=summary.lost_at,
        same_outcome=_same_outcome(found),
        fragile=found.fragile,
        retrieval=retrieval_of(found),
        detected=counted(traces, scorer.abstention),
        label_first=_label_first(found, scorer),
        n_unlabelled=unscored,
        passing=_passing(found, scorer.pass_mark),
        skipped=tuple(problems),
        notes=(
            *_interrupted(found),
            *notes,
            *addressing(pipeline, traces),
            *(weakened(pipeline, traces) if pipeline else ()),
            *found.notes,
            *summary.notes,
            *cohorts.notes,
        ),
        partial=found.partial,
    )


def _left(found: Found) -> int:
    return sum(b.undecided is not None and b.undecided.reason == "interrupted" for b in found.blames)


def _partly(found: Found) -> str:
    """What the headline of a partial report begins with."""
    if not found.partial:
        return ""
    n = len(found.blames)
    return f"Partial report, interrupted after {n - _left(found)} of {n} failures. "


def _interrupted(found: Found) -> tuple[str, ...]:
    if not found.partial:
        return ()
    return (
        f"partial: the run was interrupted; {_left(found)} of {len(found.blames)} failures are left, and every "
        "number is of the others. The same command with --resume finishes it, and makes no call twice",
    )


def _label_first(found: Found, scorer: Scorer) -> tuple[ToLabel, ...]:
    """What to label first: traces that cannot be judged, and failures that cannot be replayed for want of a label."""
    wanting = {b.trace_id for b in found.blames if b.undecided and b.undecided.reason == "no-label"}
    traces = [s.trace for s in found.scored if s.score is None or s.trace.trace_id in wanting]
    return label_first(traces, wanting, scorer.abstention)


def _same_outcome(found: Found) -> float | None:
    """The part of the replayed failures that fail again with nothing changed."""
    again = [b.undecided is None or b.undecided.reason != "not-reproduced" for b in found.blames if b.shares]
    return sum(again) / len(again) if again else None


def _passing(found: Found, pass_mark: float) -> PassingCheck | None:
    """Of the right answers that were replayed, how many each single repair breaks."""
    failing = {blame.trace_id for blame in found.blames}
    games = [g for g in found.games if g.trace_id not in failing and g.worth[""] >= pass_mark]
    roles = {role for game in games for role in game.roles}
    broken = {r: sum(r in g.roles and g.worth[r] < pass_mark for g in games) for r in ROLES if r in roles}
    return PassingCheck(len(games), broken) if games else None


def _clusters(traces: Iterable[Trace]) -> dict[str, str]:
    """Traces of one conversation or document family resample together where the log tags them."""
    return {t.trace_id: t.tags[CLUSTER_TAG] for t in traces if CLUSTER_TAG in t.tags}


CLUSTER_TAG = "cluster"
"""The tag by which traces are resampled together; without it each trace is its own cluster."""


def reported_games(
    found: Found, pass_mark: float, n_traces: int | None, seed: int, command: str, problems: Sequence[str]
) -> Report:
    """The report of a game table, which may hold the failures of a larger log (`n_traces`)."""
    n = max(n_traces or 0, len(found.games))
    passing = [game.worth[""] for game in found.games]
    # Traces of the log without a game are right answers: only failures are replayed.
    score = (sum(passing) + (n - len(found.games))) / n if n else None
    summary = summarise(found.games, found.blames, Log(n, score), seed)
    roles = tuple(role for role in ROLES if any(role in game.roles for game in found.games))
    return Report(
        n_traces=n,
        n_failures=len(found.blames),
        score=score,
        levels=build.levels_of(found.blames),
        fidelity={},
        ranking=summary.ranking,
        findings=summary.findings,
        undecided=summary.undecided,
        triage=summary.triage,
        fix_order=summary.fix_order,
        best_pair=summary.best_pair,
        cohorts=(),
        cost=build.cost_of((), 0),
        runs=build.runs_of(found.blames),
        provenance=build.provenance_of(command, seed, "worth", pass_mark, None, found.games),
        roles=roles,
        headline=summary.headline,
        residual=summary.residual,
        funnel=summary.lost_at,
        skipped=tuple(problems),
        notes=summary.notes,
    )
