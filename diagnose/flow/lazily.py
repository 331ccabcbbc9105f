"""Verdicts and no more: prompts that cannot change one are not run, and shares come as bounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from diagnose.ablate.cells import Cells, Floats, cells_of
from diagnose.ablate.lazy import decided
from diagnose.ablate.plan import Plan, planned
from diagnose.ablate.scene import scene_of
from diagnose.attribute import remedy, shapley
from diagnose.attribute.funnel import funnel_of
from diagnose.attribute.verdict import TIE, blamed, convicted, without_game
from diagnose.core.blame import Blame, FunnelStep
from diagnose.core.coalition import keys
from diagnose.core.game import Game
from diagnose.core.replay import Case
from diagnose.core.stage import Role
from diagnose.flow.failing import Failing, case_of, facts_of, finding_of, not_replayable
from diagnose.flow.logged import logged_case
from diagnose.flow.sampled import fair_of, replay_shown, same_prompt
from diagnose.replay.ahead import Call
from diagnose.replay.run import Broken, Meter, Runner
from diagnose.score.table import RIGHT_OR_WRONG, Scorer


def applies(runner: Runner, scorer: Scorer) -> str | None:
    """None where verdicts can be had for fewer runs, else in a sentence why every prompt has to run."""
    if scorer.metric not in RIGHT_OR_WRONG or scorer.declined:
        return "its scoring gives parts of a point: a prompt that has not run could be worth any"
    if "verifier" in runner.pipeline.roles:
        return "the pipeline has a verifier: which drafts it is given is known once the prompts have run"
    return None


def bounds_note(blames: Sequence[Blame]) -> tuple[str, ...]:
    """What the bounds of single failures leave open of each stage's part of the loss, in a sentence."""
    guilty = [b for b in blames if b.verdict in b.shares and b.loss > 0]
    if not any(isinstance(b.bounds, dict) for b in guilty):
        return ()
    loss, told = sum(b.loss for b in guilty), []
    for role in dict.fromkeys(role for b in guilty for role in b.shares):
        each = [_ends(b, role) for b in guilty]
        told.append(
            f"{role} {sum(low for low, _ in each) / loss:.3f} to {sum(high for _, high in each) / loss:.3f}"
        )
    return (
        f"Prompts that cannot change a verdict were not run; that leaves of the shares: {', '.join(told)}.",
    )


def _ends(blame: Blame, role: Role) -> tuple[float, float]:
    share = blame.shares.get(role, 0.0)
    return blame.bounds[role] if isinstance(blame.bounds, dict) else (share, share)


@dataclass(frozen=True)
class Settled:
    """One failure's verdict; `game` holds, of each coalition, the mean over what it may still be worth."""

    blame: Blame
    game: Game | None = None
    case: Case | None = None


@dataclass(frozen=True)
class Settling:
    """A failure before its model runs: its cells, or (`broken`) why there are none, after a `plan` or before it."""

    one: Failing
    meter: Meter
    cells: Cells | None = None
    broken: Broken | None = None
    plan: Plan | None = None

    def calls(self, runner: Runner) -> list[Call]:
        """The run that is made whatever others come to: that of the fair prompt."""
        cells = self.cells
        return [] if cells is None else [cells.call(runner, cells.prompt(cells.everything))]


def settling(one: Failing, runner: Runner, repeats_log: bool) -> Settling:
    """The prompts of a labelled failure; no model runs for it, but where the pipeline has a router or rewriter.

    `repeats_log` says that the model was seen to answer as it did in the log: where the log's prompt is that of
    the unrepaired replay, its answer then stands for that run.
    """
    meter = Meter()
    assert one.label is not None
    plan: Plan | None = None
    try:
        scene = scene_of(runner, one.item.trace.query, one.label, one.right, meter, 0, one.worth)
        plan = planned(runner, one.item.trace.query, scene, meter)
        logged = _logged(one, plan) if repeats_log else None
        return Settling(one, meter, cells_of(runner, lambda _: plan, 1, one.worth, meter, logged))
    except Broken as broken:
        return Settling(one, meter, broken=broken, plan=plan)


def settled(begun: Settling, runner: Runner) -> Settled:
    """The verdict of a failure by as few model runs as it takes."""
    one, cells, broken, plan = begun.one, begun.cells, begun.broken, begun.plan
    if cells is not None:
        assert one.label is not None
        plan, funnel = cells.plan, funnel_of(cells.plan.variants[0].state.outputs, one.label, False)
        try:
            games = decided(cells, runner, _judge(cells.plan.roles, funnel, one.scorer.pass_mark))
            return _concluded(one, cells, games)
        except Broken as now:
            broken = now
    assert broken is not None
    facts = facts_of(one, None, {}, None, None, False, begun.meter.runs)
    why = not_replayable(broken.failure, plan, begun.meter.runs.model)
    return Settled(without_game(one.item.trace.trace_id, why, facts), case=logged_case(one.item, one.label))


def _logged(one: Failing, plan: Plan) -> float | None:
    """The worth of the logged answer, where it is known to be the answer to the unrepaired prompt."""
    if one.item.answer is None or not same_prompt(one, plan) or finding_of(one, None)[0] == "scorer":
        return None
    worth = one.worth(one.item.answer)
    return None if one.scorer.passes(worth) else worth


def _judge(
    roles: tuple[Role, ...], funnel: Sequence[FunnelStep], pass_mark: float
) -> Callable[[Floats], NDArray[np.int64]]:
    """Codes of the verdicts that `blamed` gives: positions in `roles`, then no loss, then not reproduced."""

    def judge(worth: Floats) -> NDArray[np.int64]:
        shares = shapley.shares(worth)
        codes = np.array(
            [roles.index(convicted(dict(zip(roles, row, strict=True)), funnel)) for row in shares.tolist()]
        )
        codes[worth[:, -1] - worth[:, 0] <= TIE] = len(roles)
        codes[worth[:, 0] >= pass_mark] = len(roles) + 1
        return codes

    return judge


def _concluded(one: Failing, cells: Cells, games: Floats) -> Settled:
    plan, mark = cells.plan, one.scorer.pass_mark
    names, roles = keys(plan.roles), plan.roles
    low, high, mean = games.min(axis=0), games.max(axis=0), shapley.clean(games.mean(axis=0))
    state = cells.endings.get(0) or plan.variants[0].state
    facts = facts_of(
        one,
        state,
        fair_of(cells, one.scorer),
        plan.scene,
        float(mean[(1 << len(roles)) - 1 & ~(1 << roles.index("model"))]),
        bool(low[0] >= mark),
        cells.meter.runs,
    )
    table = dict(zip(names, mean.tolist(), strict=True))
    loose = {n: (a, b) for n, a, b in zip(names, low.tolist(), high.tolist(), strict=True) if b - a > TIE}
    game = Game(one.item.trace.trace_id, roles, table, cells.meter.runs, bounds=loose)
    blame = blamed(game, mark, facts)
    if loose:
        least = msgspec.structs.replace(game, worth=dict(zip(names, low.tolist(), strict=True)), bounds={})
        shares = shapley.shares(games)
        ends = zip(roles, shares.min(axis=0).tolist(), shares.max(axis=0).tolist(), strict=True)
        blame = msgspec.structs.replace(
            blame,
            minimal_repairs=remedy.minimal_repairs(least, mark),
            bounds={role: (a, b) for role, a, b in ends},
        )
    case = case_of(one, blame, roles, lambda mask: replay_shown(one, cells, game, mask))
    return Settled(blame, game, case)
