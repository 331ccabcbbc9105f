"""Everything that replays of one trace can tell: its game, its unchanged replay, and why not, where not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from diagnose.ablate.plan import Fair, Plan, planned
from diagnose.ablate.play import Table, fair_worth, game_of, lets_pass, played
from diagnose.ablate.scene import scene_of
from diagnose.core.artifact import Answer
from diagnose.core.coalition import key
from diagnose.core.game import Game, Runs
from diagnose.core.replay import Ran, Replay
from diagnose.core.stage import Failure, Role
from diagnose.core.trace import Trace
from diagnose.replay.run import Broken, Meter, Runner, State
from diagnose.score.label import Label


@dataclass(frozen=True)
class Trial:
    """One trace's replays. `game` is None where a stage failed (`failure` says which). `unchanged` is the
    replay with nothing repaired and `worths` its plain worths by mask; `fair` tells how each stage did on
    its fair input."""

    trace: Trace
    label: Label
    runs: Runs
    game: Game | None = None
    failure: Failure | None = None
    plan: Plan | None = None
    table: Table | None = None
    fair: Mapping[Role, Fair] = field(default_factory=dict)
    fair_score: float | None = None

    @property
    def unchanged(self) -> State | None:
        """The final state of the replay with nothing repaired."""
        return self.table.plain[0].state if self.table else None


@dataclass(frozen=True)
class Prepared:
    """A trace before its model runs: what they will be run on, or (`failure`) why there are none."""

    trace: Trace
    label: Label
    score_of: Callable[[str], float]
    meter: Meter
    plan: Plan | None = None
    failure: Failure | None = None


def prepared(
    runner: Runner, trace: Trace, label: Label, score_of: Callable[[str], float], pass_mark: float
) -> Prepared:
    """Replay a trace under every coalition of its stages, up to the model."""
    meter = Meter()

    def right(answer: str) -> bool:
        return score_of(answer) >= pass_mark

    plan: Plan | None = None
    try:
        scene = scene_of(runner, trace.query, label, right, meter, worth=score_of)
        plan = planned(runner, trace.query, scene, meter)
    except Broken as broken:
        return Prepared(trace, label, score_of, meter, failure=broken.failure)
    return Prepared(trace, label, score_of, meter, plan)


def tried(
    runner: Runner, trace: Trace, label: Label, score_of: Callable[[str], float], pass_mark: float
) -> Trial:
    """Replay a trace under every coalition of its stages."""
    return finished(runner, prepared(runner, trace, label, score_of, pass_mark))


def finished(runner: Runner, begun: Prepared) -> Trial:
    """The rest of a trace's replays: the model's runs and what follows them."""
    trace, label, plan, meter = begun.trace, begun.label, begun.plan, begun.meter
    if plan is None:
        return Trial(trace, label, meter.runs, failure=begun.failure)
    try:
        table = played(runner, plan, begun.score_of, meter)
    except Broken as broken:
        return Trial(trace, label, meter.runs, failure=broken.failure, plan=plan)
    worths = {mask: ending.worth for mask, ending in table.plain.items()}
    game = game_of(trace.trace_id, plan, table, meter)
    return Trial(
        trace,
        label,
        meter.runs,
        game=game,
        plan=plan,
        table=table,
        fair=_fair(plan, table),
        fair_score=fair_worth(plan, worths, table.verifier),
    )


def _fair(plan: Plan, table: Table) -> dict[Role, Fair]:
    """How every stage did on its fair input, the model and verifier among them."""
    fair = dict(plan.fair)
    best = plan.variants[plan.unsound]
    ending = table.plain[plan.unsound]
    if (answer := ending.state.output("model")) is not None:
        capable = ending.worth >= 1.0 and not lets_pass(table.verifier)
        fair["model"] = Fair(best.given, answer, sound=capable)
    if table.verifier is not None:
        fair["verifier"] = table.verifier
    return fair


def replay_of(trial: Trial, mask: int, evidence: Callable[[State, Role], bool | None]) -> Replay:
    """The replay of one coalition, laid open. A coalition with the model shows the reference answer where the
    model's repair takes effect."""
    plan, table, game = trial.plan, trial.table, trial.game
    assert plan is not None and table is not None and game is not None
    model = 1 << plan.roles.index("model")
    plain = max((m for m in table.plain if m & ~mask == 0), key=lambda m: m.bit_count())
    state, worth = table.plain[plain].state, game.worth[key(plan.roles, mask)]
    said, mended = state.said, False
    if mask & model and worth > table.plain[plain].worth:
        said, mended = trial.label.reference, True
    ran = tuple(
        Ran(role, output, repaired=role in state.repaired, evidence=evidence(state, role))
        for role, output in state.outputs
    )
    if mended:
        ran = tuple(r if r.role != "model" else _reference(r, said or "") for r in ran)
    return Replay(key(plan.roles, mask), ran, said, worth)


def _reference(ran: Ran, said: str) -> Ran:
    return Ran(ran.role, Answer(said), repaired=True, evidence=True)
