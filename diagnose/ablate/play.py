"""From the cells of a trace to the worth of every coalition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from diagnose.ablate.plan import Fair, Plan, Variant
from diagnose.core.artifact import Answer, Decision
from diagnose.core.coalition import key
from diagnose.core.game import Game
from diagnose.core.stage import Stage
from diagnose.repairs.model import bounded
from diagnose.repairs.table import CONTRACTS
from diagnose.replay.run import Meter, Runner, State
from diagnose.score.content import sentences

ScoreOf = Callable[[str], float]
"""The worth of what is said in the end, 0 to 1."""


@dataclass(frozen=True)
class Ending:
    """How the replay of one coalition ended, once: the state and its worth."""

    state: State
    worth: float


@dataclass(frozen=True)
class Table:
    """Worths of coalitions of a trace in one repeat.

    `plain` is keyed by mask (model not in it), `oracle` holds the worth with the reference answer wherever
    the context holds the evidence; `verifier` tells how the verifier did with the fair draft.
    """

    plain: Mapping[int, Ending]
    oracle: Mapping[int, float]
    verifier: Fair | None


def played(runner: Runner, plan: Plan, score_of: ScoreOf, meter: Meter, repeat: int = 0) -> Table:
    """Run every cell of the plan once and score what comes of it."""
    answers = {v.cell: _answer(runner, v, meter, repeat) for v in plan.variants.values()}
    reference = right_draft(runner, plan, meter, repeat)
    verifier = _fair_verifier(runner, plan, answers, reference, meter, repeat)
    bits = _verifier_masks(plan, verifier)
    plain: dict[int, Ending] = {}
    oracle: dict[int, float] = {}
    for mask, variant in plan.variants.items():
        for bit in bits:
            state = _ended(runner, plan, variant, answers[variant.cell], bool(bit), meter, repeat)
            plain[mask | bit] = Ending(state, score_of(state.said or ""))
            oracle[mask | bit] = plain[mask | bit].worth
            if variant.supported and reference is not None and plain[mask | bit].worth < 1.0:
                state = _ended(runner, plan, variant, reference, bool(bit), meter, repeat)
                oracle[mask | bit] = score_of(state.said or "")
    return Table(plain, oracle, verifier)


def _answer(runner: Runner, variant: Variant, meter: Meter, repeat: int) -> Answer:
    stage = runner.pipeline.stage("model", variant.state.route)
    assert stage is not None
    output = runner.run(stage, variant.given, meter, repeat)
    assert isinstance(output, Answer)
    return output


def _verifier_masks(plan: Plan, verifier: Fair | None) -> tuple[int, ...]:
    if verifier is None or verifier.sound:
        return (0,)
    return (0, verifier_bit(plan))


SENTENCES = 3
"""Sentences of the fair context that are tried as right drafts."""


def right_draft(runner: Runner, plan: Plan, meter: Meter, repeat: int = 0) -> Answer | None:
    """The right draft that the model's repair gives: the reference answer, None where there is none.

    A verifier may insist on a form that references do not have (a sentence, a name in it). Where it blocks the
    reference on the fair context, the first sentence of that context which is right and passes stands for it.
    """
    reference, scene = plan.scene.label.reference, plan.scene
    if reference is None:
        return None
    variant = plan.variants[plan.unsound]
    stage = runner.pipeline.stage("verifier", variant.state.route)
    if stage is None or checked(runner, plan, stage, variant, Answer(reference), meter, repeat).sound:
        return Answer(reference)
    context = variant.given.context.text if variant.given.context else ""
    said = [s for s in sentences(context) if scene.right is not None and scene.right(s)][:SENTENCES]
    passing = (Answer(s) for s in said if _sound(runner, plan, stage, variant, s, meter, repeat))
    return next(passing, Answer(reference))


def _sound(
    runner: Runner, plan: Plan, stage: Stage, variant: Variant, said: str, meter: Meter, repeat: int
) -> bool:
    return checked(runner, plan, stage, variant, Answer(said), meter, repeat).sound


def _fair_verifier(
    runner: Runner,
    plan: Plan,
    answers: Mapping[str, Answer],
    reference: Answer | None,
    meter: Meter,
    repeat: int,
) -> Fair | None:
    """The verifier on fair drafts: the model's own on the fair context where that is right; where it is wrong, a
    right one, and then the wrong draft itself: that is what a model which is not capable gives it. The first
    draft on which it breaks its contract, else the last."""
    variant = plan.variants[plan.unsound]
    stage = runner.pipeline.stage("verifier", variant.state.route)
    if stage is None:
        return None
    draft = answers[variant.cell]
    right, drafts = plan.scene.right, [draft]
    if right is not None and not right(draft.text) and variant.supported and reference is not None:
        drafts = [reference, draft]
    tested = (checked(runner, plan, stage, variant, one, meter, repeat) for one in drafts)
    found = None
    for found in tested:
        if not found.sound:
            break
    return found


def checked(
    runner: Runner, plan: Plan, stage: Stage, variant: Variant, draft: Answer, meter: Meter, repeat: int = 0
) -> Fair:
    """The verifier on one draft."""
    given = variant.state.after("model", draft, plan.scene.abstention).given()
    own = runner.run(stage, given, meter, repeat)
    return Fair(given, own, CONTRACTS["verifier"].kept(given, own, plan.scene))


def lets_pass(verifier: Fair | None) -> bool:
    """Whether the verifier breaks its contract by accepting a wrong draft."""
    return (
        verifier is not None
        and not verifier.sound
        and isinstance(verifier.own, Decision)
        and verifier.own.accept
    )


def _ended(
    runner: Runner, plan: Plan, variant: Variant, draft: Answer, repaired: bool, meter: Meter, repeat: int
) -> State:
    state = variant.state.after("model", draft, plan.scene.abstention)
    stage = runner.pipeline.stage("verifier", state.route)
    return state if stage is None else _verified(runner, plan, stage, state, repaired, meter, repeat)


def _verified(
    runner: Runner, plan: Plan, stage: Stage, state: State, repaired: bool, meter: Meter, repeat: int
) -> State:
    given = state.given()
    own = runner.run(stage, given, meter, repeat)
    output = CONTRACTS["verifier"].repair(given, own, plan.scene) if repaired else own
    return state.after("verifier", output, plan.scene.abstention, repaired=output is not own)


def fair_worth(plan: Plan, worths: Mapping[int, float], verifier: Fair | None) -> float:
    """c: what the actual model is worth when every other stage is repaired, v(N ∖ model).

    A verifier that only has to block what the model invents does not make the model capable: where it lets a
    wrong draft pass, c is the worth of that draft, with the verifier as it is.
    """
    return worths[_fair_mask(plan, worths, verifier)]


def _fair_mask(plan: Plan, worths: Mapping[int, float], verifier: Fair | None) -> int:
    mask = _effective(plan, worths, (1 << len(plan.roles)) - 1)
    return mask & ~verifier_bit(plan) if lets_pass(verifier) else mask


def verifier_bit(plan: Plan) -> int:
    """The verifier's bit in a mask, 0 where there is none."""
    return 1 << plan.roles.index("verifier") if "verifier" in plan.roles else 0


def game_of(trace_id: str, plan: Plan, table: Table, meter: Meter) -> Game:
    """The full game: sound stages are dummies, the model's repair is bounded by its incapacity."""
    roles = plan.roles
    model = 1 << roles.index("model")
    worths = {mask: ending.worth for mask, ending in table.plain.items()}
    c = fair_worth(plan, worths, table.verifier)
    fair = table.plain[_fair_mask(plan, worths, table.verifier)].state.said
    if plan.scene.right is not None and plan.scene.right(fair or ""):
        c = 1.0  # it passes: it is capable, whatever a graded metric thinks of its wording
    full: dict[str, float] = {}
    for mask in range(1 << len(roles)):
        played_mask = _effective(plan, worths, mask)
        worth = worths[played_mask]
        full[key(roles, mask)] = bounded(worth, table.oracle[played_mask], c) if mask & model else worth
    return Game(trace_id, roles, full, meter.runs)


def _effective(plan: Plan, worths: Mapping[int, float], mask: int) -> int:
    """The replayed coalition that a coalition comes to: sound stages and the model left out."""
    verifier = verifier_bit(plan)
    unsound = plan.unsound | (verifier if verifier in worths else 0)
    return mask & unsound
