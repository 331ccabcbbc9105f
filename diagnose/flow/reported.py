"""From blame to the report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from diagnose.attribute.cohorts import cohorts_of
from diagnose.attribute.gains import Log
from diagnose.attribute.headline import nothing_judged
from diagnose.attribute.summarise import summarise
from diagnose.attribute.verdict import divided as blamed_each
from diagnose.core.game import Game
from diagnose.core.pipeline import Pipeline
from diagnose.core.report import PassingCheck, Report
from diagnose.core.stage import ROLES
from diagnose.flow.addressing import addressing
from diagnose.flow.agreeing import agreement_of, told
from diagnose.flow.found import Found
from diagnose.flow.gathered import Gathered, gathered
from diagnose.flow.streamed import MOST_ASKED
from diagnose.replay.fidelity import fidelity_of
from diagnose.report import build
from diagnose.score.table import Scorer
from diagnose.stages.recorded import weakened


def divided(games: Sequence[Game], pass_mark: float) -> Found:
    """Blame from games alone: those whose worth with nothing repaired is below the pass mark fail."""
    failing = [game for game in games if game.worth[""] < pass_mark]
    return Found((), blamed_each(failing, pass_mark), games=tuple(games))


def reported(
    found: Found,
    pipeline: Pipeline | None,
    scorer: Scorer,
    seed: int,
    command: str,
    problems: Sequence[str] = (),
    log: Gathered | None = None,
) -> Report:
    """The report of a log: its blame summarised, with what it cost and what made it. `log` is what was gathered of
    its traces, where `found` does not hold them."""
    traces = [item.trace for item in found.scored]
    log = log or gathered(found.scored, found.blames, scorer)
    over = Log(log.n, log.score, log.clusters, swayed=found.swayed, sampling=found.sampling)
    summary = summarise(found.games, found.blames, over, seed)
    roles = pipeline.roles if pipeline is not None else log.spending.roles
    cohorts = cohorts_of(found.blames, *log.tagged(found.blames, seed), roles, seed)
    unscored = log.n - log.n_scored
    agreement = None if found.partial else agreement_of(log.marked, scorer, seed)
    return Report(
        n_traces=log.n,
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
        cost=log.spending.cost(log.n_right),
        runs=build.runs_of(found.blames),
        provenance=build.provenance_of(
            command, seed, scorer.metric, scorer.pass_mark, pipeline, log.digest.hex()
        ),
        roles=roles,
        headline=_partly(found) + (summary.headline if log.n_scored or not log.n else nothing_judged(log.n)),
        residual=summary.residual,
        funnel=summary.lost_at,
        same_outcome=_same_outcome(found),
        fragile=found.fragile,
        retrieval=log.retrieval.means(),
        detected=log.detected,
        label_first=log.label_first,
        n_unlabelled=unscored,
        passing=_passing(found, scorer.pass_mark),
        agreement=agreement,
        skipped=tuple(problems),
        notes=(
            *_interrupted(found),
            *_of_log(log, unscored),
            *((told(agreement),) if agreement is not None else ()),
            *addressing(pipeline, traces),
            *(weakened(pipeline, traces) if pipeline else ()),
            *found.notes,
            *summary.notes,
            *cohorts.notes,
        ),
        partial=found.partial,
    )


def _of_log(log: Gathered, unscored: int) -> Iterator[str]:
    if unscored:
        yield f"{unscored} traces have no score and no usable label: they count as traces only"
    if log.too_many:
        yield (
            f"a log of more than {MOST_ASKED:,} traces that is not replayed: topics and tiers of complexity were not "
            "looked for"
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


def reported_games(
    found: Found, pass_mark: float, n_traces: int | None, seed: int, command: str, problems: Sequence[str]
) -> Report:
    """The report of a game table, which may hold the failures of a larger log (`n_traces`)."""
    n = max(n_traces or 0, len(found.games))
    passing = [game.worth[""] for game in found.games]
    # Traces of the log without a game are right answers: only failures are replayed.
    score = (sum(passing) + (n - len(found.games))) / n if n else None
    summary = summarise(found.games, found.blames, Log(n, score), seed)
    kinds = {game.roles for game in found.games}
    roles = tuple(role for role in ROLES if any(role in kind for kind in kinds))
    failing = [game for game in found.games if game.worth[""] < pass_mark]
    return Report(
        n_traces=n,
        n_failures=len(found.blames),
        score=score,
        levels={"replayed": len(failing)} if failing else {},
        fidelity={},
        ranking=summary.ranking,
        findings=summary.findings,
        undecided=summary.undecided,
        triage=summary.triage,
        fix_order=summary.fix_order,
        best_pair=summary.best_pair,
        cohorts=(),
        cost=build.cost_of((), 0),
        runs=build.runs_of(failing),
        provenance=build.provenance_of(command, seed, "worth", pass_mark, None, build.digest_of(found.games)),
        roles=roles,
        headline=summary.headline,
        residual=summary.residual,
        funnel=summary.lost_at,
        skipped=tuple(problems),
        notes=summary.notes,
    )
