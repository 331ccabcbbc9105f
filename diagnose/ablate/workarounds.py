"""What else would have helped: the repairs of stages that are to blame for nothing.

A sound stage's repair is the identity in every coalition, so it never shows in the game. Played all the same, each
alone on the unrepaired replay, it may turn the answer: a ranker that digs deeper makes up for a drifted query. That
is a workaround, not a fault, so it stands beside the shares and never among them.
"""

from __future__ import annotations

from diagnose.ablate.plan import Fair, Plan, mend_of, scene_at
from diagnose.ablate.play import ScoreOf, Table
from diagnose.core.artifact import Query
from diagnose.core.stage import Role
from diagnose.replay.run import Meter, Runner, State, advance

LEAST_GAIN = 0.01
"""Worth that a workaround has to win to be told of."""


def workarounds(
    runner: Runner, query: Query, plan: Plan, table: Table, score_of: ScoreOf, meter: Meter
) -> dict[Role, float]:
    """What the repair of each sound stage, alone, wins (0 to 1 of worth), where it wins anything.

    The model's stands for the reference answer wherever the context holds the evidence: what a model that reads
    through the mess would win. One model run a stage whose repair changes something. Raises `replay.run.Broken`.
    """
    before = table.plain[0].worth
    won: dict[Role, float] = {}
    for role, seen in plan.fair.items():
        if seen.sound and (after := _alone(runner, query, plan, role, seen, meter)) is not None:
            won[role] = score_of(after.said or "") - before
    if table.plain[plan.unsound].worth >= 1.0:
        won["model"] = table.oracle[0] - before
    return {role: gain for role, gain in won.items() if gain >= LEAST_GAIN}


def _alone(
    runner: Runner, query: Query, plan: Plan, repaired: Role, seen: Fair, meter: Meter
) -> State | None:
    """The replay with that stage's repair and no other; None where the repair leaves its output as it is."""
    state = State.start(query)
    for role in runner.pipeline.roles:
        stage = runner.pipeline.stage(role, state.route)
        assert stage is not None
        here = scene_at(runner, plan.scene, state, meter, 0)
        state = advance(
            runner, state, stage, meter, 0, mend_of(role, here, seen) if role == repaired else None
        )
        if role == repaired and role not in state.repaired:
            return None
    return state
