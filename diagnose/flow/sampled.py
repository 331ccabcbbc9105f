"""Replaying failures through stages that are not deterministic: as often as it takes, and no oftener."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec

from diagnose.ablate.cells import FIRST_PLANS, Cells, cells_of, variant_of
from diagnose.ablate.plan import Fair, Plan, planned
from diagnose.ablate.scene import scene_of
from diagnose.ablate.spread import Effort, Sampled, outlook, spread
from diagnose.attribute import judge as codes
from diagnose.attribute.funnel import funnel_of, lost_at
from diagnose.attribute.verdict import blamed, doubted, without_game
from diagnose.core.artifact import Answer
from diagnose.core.blame import FINDINGS, Blame, Reason, Undecided
from diagnose.core.coalition import keys
from diagnose.core.game import Game
from diagnose.core.replay import Case, Ran, Replay
from diagnose.core.stage import Role
from diagnose.flow.failing import Failing, case_of, evidence_of, facts_of
from diagnose.flow.found import Found, Progress, Scored
from diagnose.flow.logged import logged_case, unreplayed
from diagnose.flow.probing import probed_blame
from diagnose.flow.right_answers import right_answers
from diagnose.flow.stopped import left_over
from diagnose.flow.swayed import swayed_of
from diagnose.flow.together import made_together, window_of, windows
from diagnose.replay.fidelity import same
from diagnose.replay.run import Broken, Meter, Runner, State, Stopped
from diagnose.score.table import Scorer


@dataclass
class _Trial:
    """A failing trace on its way: its cells, or why it has none."""

    one: Failing
    meter: Meter
    way: Sampled | None = None
    broken: Broken | None = None


def sampled(
    everything: tuple[Scored, ...],
    failures: Sequence[Failing],
    runner: Runner,
    scorer: Scorer,
    effort: Effort,
    probing: int | None,
    progress: Progress,
) -> Found:
    """Repeat prompts where they decide most, until every verdict is settled or the calls are spent.

    `probing` is the seed of the ablations that tell how a convicted model fails, None for none. They are left out
    where the calls are bounded: a verdict is worth more than its mode.
    """
    size = window_of(runner)
    begin = partial(_prepared, runner=runner, scorer=scorer)
    trials = [one for some in windows(failures, size) for one in made_together(runner, some, begin)]
    ways = [t.way for t in trials if t.way is not None]
    right = right_answers(everything, runner, scorer)
    spread(ways, runner, effort, right, progress)
    done = [_concluded(trial, effort, scorer) for trial in trials]
    if probing is not None and effort.max_calls is None and not runner.stopped:
        probe = partial(_probed, runner=runner, seed=probing)
        rows = list(zip(trials, done, strict=True))
        done = [one for some in windows(rows, size) for one in made_together(runner, some, probe)]
    return Found(
        everything,
        tuple(left_over(blame) if runner.stopped else blame for blame, _, _ in done),
        games=tuple(game for _, game, _ in done if game is not None),
        cases=tuple(case for _, _, case in done if case is not None),
        notes=(*_notes(runner), *_ignored_seeds(runner, ways)),
        executed=dict(runner.executed),
        swayed=swayed_of(
            [(t.way, blame) for t, (blame, _, _) in zip(trials, done, strict=True) if t.way is not None],
            right,
        ),
    )


SEEDS_TRIED = 8
"""Prompts that are run once more under a seed they had, to see whether it is heeded: a model that ignores it gives the
same answer half of the time where it passes every other time."""


def _ignored_seeds(runner: Runner, ways: Sequence[Sampled]) -> tuple[str, ...]:
    """Whether the model takes a seed and does not heed it: prompts run again with their seed, past the
    memo."""
    if runner.stopped:
        return ()
    ran = [(w.cells, m) for w in ways for m in w.cells.unit_of if w.cells.calls[w.cells.prompt(m)]]
    # A prompt that was answered differently under different seeds shows most.
    ran.sort(
        key=lambda one: -min(one[0].passes[one[0].unit_of[one[1]]], one[0].fails[one[0].unit_of[one[1]]])
    )
    for cells, mask in ran[:SEEDS_TRIED]:
        variant = variant_of(cells.plan, mask & ~cells.bit)
        stage = runner.pipeline.stage("model", variant.state.route)
        if stage is None or not stage.seeded or runner.steady(stage):
            return ()
        try:
            first = runner.run(stage, variant.given, Meter())
            again = runner.again(stage, variant.given)
        except Broken:
            continue
        except Stopped:
            return ()
        if not same(first, again):
            return ("the model gives different answers under one seed: its runs count as unseeded",)
    return ()


def _notes(runner: Runner) -> tuple[str, ...]:
    return tuple(
        f"the {role} says that it is deterministic, but two replays of one input disagree: "
        "its runs were repeated"
        for role in sorted(runner.unsteady)
    )


def _prepared(one: Failing, runner: Runner, scorer: Scorer) -> _Trial:
    """Plan a failing trace's prompts; no model runs yet."""
    trial = _Trial(one, Meter())
    if one.label is None:
        return trial
    try:
        plan_of, n_plans = _planner(one, runner, trial.meter)
        plan = plan_of(0)
        logged = one.item.score if same_prompt(one, plan) else None
        cells = cells_of(runner, plan_of, n_plans, one.pass_or_worth, trial.meter, logged)
    except Broken as broken:
        trial.broken = broken
        return trial
    except Stopped:
        if not runner.stopped:
            raise
        return trial
    lost = lost_at(funnel_of(plan.variants[0].state.outputs, one.label, False))
    trial.way = Sampled(cells, codes.judge_of(plan.roles, lost), len(plan.roles) + 1, _proof)
    return trial


def _planner(one: Failing, runner: Runner, meter: Meter) -> tuple[Callable[[int], Plan], int]:
    """Plans by repeat, and how many to make first: one where all stages before the model are
    deterministic."""
    roles = runner.pipeline.roles
    before = [runner.pipeline.stage(role) for role in roles[: roles.index("model")]]
    steady = all(stage is None or runner.steady(stage) for stage in before)
    plans: dict[int, Plan] = {}
    label, query = one.label, one.item.trace.query
    assert label is not None

    def plan_of(repeat: int) -> Plan:
        number = 0 if steady else repeat
        if number not in plans:
            scene = scene_of(runner, query, label, one.right, meter, number, one.worth)
            plans[number] = planned(runner, query, scene, meter, number)
        return plans[number]

    return plan_of, 1 if steady else FIRST_PLANS


def same_prompt(one: Failing, plan: Plan) -> bool:
    """Whether the logged answer was given to the prompt that the unchanged replay comes to."""
    logged, again = one.item.trace.output("packer"), plan.variants[0].given.context
    return logged is not None and again is not None and same(logged, again)


def _proof(cells: Cells, leader: int) -> int | None:
    """The prompt that a verdict still has to be seen on: a failure of the unrepaired replay and a right
    answer once the stage is repaired; for the model a wrong answer on the fair context; none convicts by
    elimination."""
    roles = cells.plan.roles
    unrepaired = cells.unit_of[0]
    if leader >= len(roles):
        return None
    if roles[leader] == "model":
        wanted = cells.prompt(cells.everything)
        return None if _seen_wrong(cells) or cells.calls[wanted] >= FLICKER_RUNS else wanted
    if cells.fails[unrepaired] < HALF:
        return cells.prompt(0)
    repaired = [mask for mask in cells.unit_of if mask >> leader & 1]
    if any(cells.passes[cells.unit_of[mask]] >= HALF for mask in repaired):
        return None
    # Where the model fails on the fair context too, two repairs are needed, and this one brings the evidence.
    brings = any(cells.oracle[m] is not None and cells.oracle[m & ~(1 << leader)] is None for m in repaired)
    fair = cells.prompt(cells.everything)
    return None if brings and cells.calls[fair] >= TWICE else fair


def _seen_wrong(cells: Cells) -> bool:
    """Whether a replay of the fair context was wrong; the logged failure alone is no replay."""
    unit = cells.fair_unit
    logged = cells.logged if unit == cells.unit_of[0] else 0.0
    return bool(cells.fails[unit] - logged >= HALF)


FLICKER_RUNS = 4
"""Right answers to the fair context after which a failure that is nobody else's counts as not reproduced: one
that happens in a third of runs is seen in four with probability 0.8."""
TWICE = 2
"""Wrong answers to the fair context after which a stage may be convicted for bringing the evidence alone."""
HALF = 0.5
"""The score from which a run counts as seen to pass, and below which as seen to fail."""


_Done = tuple[Blame, Game | None, Case | None]


def _concluded(trial: _Trial, effort: Effort, scorer: Scorer) -> _Done:
    """The blame of a trace from its expected game and the odds of its verdicts."""
    one, trace_id = trial.one, trial.one.item.trace.trace_id
    if one.label is None:
        return unreplayed(one.item, one.known, scorer, asked=True), None, logged_case(one.item, one.known)
    broken = trial.broken or (trial.way.broken if trial.way else None)
    way = trial.way
    if broken is not None or way is None or way.leaning is None:
        facts = facts_of(one, None, {}, None, None, False, trial.meter.runs)
        reason = broken.failure if broken else None
        detail = f"{reason.role}: {reason.reason}" if reason else "a stage could not be replayed"
        return (
            without_game(trace_id, Undecided("not-replayable", detail), facts),
            None,
            logged_case(one.item, one.label),
        )
    cells, leaning, roles = way.cells, way.leaning, way.cells.plan.roles
    game = Game(
        trace_id, roles, dict(zip(keys(roles), leaning.worth.tolist(), strict=True)), trial.meter.runs
    )
    facts = facts_of(
        one,
        cells.endings.get(0) or cells.plan.variants[0].state,
        fair_of(cells, scorer),
        cells.plan.scene,
        float(leaning.worth[(1 << len(roles)) - 1 & ~(1 << roles.index("model"))]),
        _gone(way),
        trial.meter.runs,
    )
    blame = _settled(blamed(game, scorer.pass_mark, facts), way, effort)
    case = case_of(one, blame, roles, lambda mask: replay_shown(one, cells, game, mask))
    return blame, game, case


def _probed(row: tuple[_Trial, _Done], runner: Runner, seed: int) -> _Done:
    """What was concluded of a trial, with a convicted model's mode told by ablations."""
    trial, (blame, game, case) = row
    if trial.way is None:
        return row[1]
    return probed_blame(blame, runner, trial.way.cells.plan, seed), game, case


def _gone(way: Sampled) -> bool:
    """Whether nothing but the model can be to blame and it was never seen to fail on the fair context."""
    assert way.leaning is not None
    roles, leader = way.cells.plan.roles, way.leaning.leader
    return way.settled and leader < len(roles) and roles[leader] == "model" and not _seen_wrong(way.cells)


def _settled(blame: Blame, way: Sampled, effort: Effort) -> Blame:
    """The blame with the verdict that its posterior settles, or with none."""
    assert way.leaning is not None
    roles, leader = way.cells.plan.roles, way.leaning.leader
    confidence = round(float(way.leaning.odds[leader]), 4)
    if blame.verdict in FINDINGS:
        return blame
    if not way.settled:
        power, calls = outlook(way, effort)
        spent: Reason = "budget" if way.cells.n_calls < effort.max_calls_per_trace else "noise"
        odds = [(float(o), _name(roles, i)) for i, o in enumerate(way.leaning.odds)]
        told = ", ".join(f"{name} {o:.2f}" for o, name in sorted(odds, reverse=True)[:3] if o >= 0.005)
        return doubted(
            blame,
            Undecided(spent, f"odds after {way.cells.n_calls} model calls: {told}", power, calls),
            confidence,
        )
    if leader >= len(roles) or _gone(way):
        return msgspec.structs.replace(blame, confidence=confidence)
    verdict = roles[leader]
    mode = blame.mode if blame.verdict == verdict else None
    if verdict == "model" and _flickers(way.cells):
        mode = "unstable"
    return msgspec.structs.replace(blame, verdict=verdict, mode=mode, undecided=None, confidence=confidence)


def _name(roles: tuple[Role, ...], code: int) -> str:
    return roles[code] if code < len(roles) else "no loss"


def _flickers(cells: Cells) -> bool:
    """Whether the model was seen both right and wrong on the fair context."""
    unit = cells.fair_unit
    return bool(cells.passes[unit] >= HALF and cells.fails[unit] >= HALF)


def fair_of(cells: Cells, scorer: Scorer) -> dict[Role, Fair]:
    """How every stage did on its fair input; the model by a telling answer to the fair context."""
    fair = dict(cells.plan.fair)
    state = cells.endings.get(cells.everything)
    answer = state.output("model") if state else None
    if answer is not None and state is not None:
        variant = variant_of(cells.plan, cells.everything & ~cells.bit)
        fair["model"] = Fair(variant.given, answer, sound=False)
    if cells.verifier is not None:
        fair["verifier"] = cells.verifier
    return fair


def replay_shown(one: Failing, cells: Cells, game: Game, mask: int) -> Replay | None:
    """A telling replay of a coalition; one with the model shows the reference answer."""
    roles = cells.plan.roles
    model = 1 << roles.index("model")
    state = cells.endings.get(mask & cells.everything) or (_as_logged(one, cells) if mask == 0 else None)
    if state is None:
        return None
    evidence = evidence_of(one)
    ran = [Ran(role, output, role in state.repaired, evidence(state, role)) for role, output in state.outputs]
    said = state.said
    if (
        mask & model
        and one.label is not None
        and one.label.reference is not None
        and not one.right(said or "")
    ):
        said = one.label.reference
        ran = [Ran(r.role, Answer(said), True, True) if r.role == "model" else r for r in ran]
    return Replay(keys(roles)[mask], tuple(ran), said, game.worth[keys(roles)[mask]])


def _as_logged(one: Failing, cells: Cells) -> State | None:
    """The unrepaired replay up to the model with the log's own answer, where that was given to the same prompt."""
    state, answer = cells.plan.variants[0].state, one.item.trace.output("model")
    if cells.logged < HALF or answer is None:
        return None
    state = state.after("model", answer, cells.plan.scene.abstention)
    decision = one.item.trace.output("verifier")
    return state if decision is None else state.after("verifier", decision, cells.plan.scene.abstention)
