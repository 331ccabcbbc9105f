"""Which prompts the coalitions of a trace come to, before any model is run.

Every coalition of the stages before the model is replayed up to the model's input; coalitions that
come to the same input share a *cell*. A stage that keeps its contract on its fair input is sound: its
repair is the identity in every coalition, so only coalitions of unsound stages are replayed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from diagnose.ablate.around import answers, on_route
from diagnose.core.artifact import Context, Output, Passages, Query, Text
from diagnose.core.stage import Given, Role, Stage
from diagnose.repairs import model as model_contract
from diagnose.repairs import rewriter
from diagnose.repairs.contract import Scene
from diagnose.repairs.table import CONTRACTS
from diagnose.replay.ahead import Call
from diagnose.replay.memo import key_of
from diagnose.replay.run import Mend, Meter, Runner, State, advance


@dataclass(frozen=True)
class Fair:
    """A stage on its fair input: what it was given, what it gave itself, whether that keeps the contract.

    `misleads` marks a rewriter whose query keeps the contract by itself, and with which a stage behind it
    breaks its own: words that have nothing to do with the question came along.
    """

    given: Given
    own: Output
    sound: bool
    misleads: bool = False


@dataclass(frozen=True)
class Variant:
    """The replay of one coalition up to the model: its state, the model's input and that input's cell;
    `supported` says whether the context holds the evidence."""

    state: State
    given: Given
    cell: str
    supported: bool


@dataclass(frozen=True)
class Plan:
    """The cells of one trace. `variants` is keyed by the bit mask (over `roles`) of repaired unsound
    stages before the model; `fair` tells how each of those stages did on its fair input."""

    roles: tuple[Role, ...]
    scene: Scene
    variants: Mapping[int, Variant]
    fair: Mapping[Role, Fair] = field(default_factory=dict)

    @property
    def unsound(self) -> int:
        """The mask of unsound stages before the model."""
        return max(self.variants)

    @property
    def cells(self) -> tuple[str, ...]:
        """The different model inputs, that of the unrepaired replay first."""
        return tuple(dict.fromkeys(v.cell for v in self.variants.values()))


def mend_of(role: Role, scene: Scene, fair: Fair) -> Mend:
    """The role's repair as `replay.run.advance` takes it."""
    contract = CONTRACTS[role]

    def mend(stage: Stage, given: Given, own: Output) -> Output:
        if fair.misleads:
            return Text(rewriter.reference_query(given, scene))
        return contract.repair(given, own, scene)

    return mend


def planned(runner: Runner, query: Query, scene: Scene, meter: Meter, repeat: int = 0) -> Plan:
    """Replay all coalitions up to the model; raises `replay.run.Broken` where a stage fails.

    Its scene is that of the fair replay, under the route that a working router takes.
    """
    roles = runner.pipeline.roles
    before = roles[: roles.index("model")]
    fair = _fair_pass(runner, query, scene, meter, repeat)
    states: dict[int, State] = {0: State.start(query)}
    for i, role in enumerate(before):
        grown: dict[int, State] = {}
        for mask, state in states.items():
            stage = _stage(runner, role, state)
            grown[mask] = advance(runner, state, stage, meter, repeat)
            if not fair[role].sound:
                mend = mend_of(role, scene_at(runner, scene, state, meter, repeat), fair[role])
                grown[mask | 1 << i] = advance(runner, state, stage, meter, repeat, mend)
        states = grown
    variants = _variants(runner, states, scene)
    best = scene_at(runner, scene, variants[max(variants)].state, meter, repeat)
    return Plan(roles, best, variants, fair)


def _fair_pass(runner: Runner, query: Query, scene: Scene, meter: Meter, repeat: int) -> dict[Role, Fair]:
    """How every stage before the model does on its fair input."""
    roles = runner.pipeline.roles
    before = roles[: roles.index("model")]
    fair, _ = fair_pass(runner, scene, State.start(query), before, meter, repeat, with_model=True)
    return fair


def scene_at(runner: Runner, scene: Scene, state: State, meter: Meter, repeat: int) -> Scene:
    """The scene under the route that a replay is on."""
    if state.route is None:
        return scene
    return on_route(scene, runner, state.query, state.route, meter, repeat)


def fair_pass(
    runner: Runner,
    scene: Scene,
    state: State,
    roles: Sequence[Role],
    meter: Meter,
    repeat: int,
    with_model: bool = False,
) -> tuple[dict[Role, Fair], State]:
    """Each of these stages on its fair input, from a state on, and the state once all are repaired that need
    it. `with_model` says whether a model may be run to tell that a query misleads it."""
    fair: dict[Role, Fair] = {}
    for i, role in enumerate(roles):
        stage, given = _stage(runner, role, state), state.given()
        around = scene_at(runner, scene, state, meter, repeat)
        own = runner.run(stage, given, meter, repeat)
        sound = role in scene.excused or CONTRACTS[role].kept(given, own, around)
        misleads = False
        if role == "rewriter" and sound:
            work = Work(runner, meter, repeat)
            misleads = _misleads(work, around, state, given, own, roles[i + 1 :], with_model)
        fair[role] = Fair(given, own, sound and not misleads, misleads)
        output = own if fair[role].sound else mend_of(role, around, fair[role])(stage, given, own)
        state = state.after(role, output, scene.abstention, repaired=output is not own)
    return fair, state


@dataclass(frozen=True)
class Work:
    """What runs stages in one repeat, and what counts that."""

    runner: Runner
    meter: Meter
    repeat: int

    def fair(self, scene: Scene, state: State, roles: Sequence[Role]) -> tuple[dict[Role, Fair], State]:
        """The fair pass from a state on."""
        return fair_pass(self.runner, scene, state, roles, self.meter, self.repeat)

    def answers(self, scene: Scene, state: State) -> bool:
        """Whether the model answers rightly in a state."""
        model = _stage(self.runner, "model", state)
        return answers(self.runner, model, state.given(), scene, self.meter, self.repeat)


def _misleads(
    work: Work,
    scene: Scene,
    state: State,
    given: Given,
    own: Output,
    behind: Sequence[Role],
    with_model: bool,
) -> bool:
    """Whether a stage behind does worse with this query than with the reference query (breaks its contract, or
    loses the evidence), or (where it may be asked) the model is right with that one only. Looked at only
    where the query is more than another wording of the same: that is no fault."""
    assert isinstance(own, Text)
    if not rewriter.suspect(given, own.text, scene):
        return False
    reference = Text(rewriter.reference_query(given, scene))
    mine, end = work.fair(scene, state.after("rewriter", own, scene.abstention), behind)
    theirs, other = work.fair(scene, state.after("rewriter", reference, scene.abstention), behind)
    if any(_harm(mine[role], scene) > _harm(theirs[role], scene) for role in behind):
        return True
    return with_model and not work.answers(scene, end) and work.answers(scene, other)


def _harm(fair: Fair, scene: Scene) -> int:
    """How badly a stage does on its fair input: 0 keeps its contract, 1 breaks it, 2 loses the evidence, too."""
    if fair.sound:
        return 0
    evidence = scene.label.evidence
    match fair.own:
        case Passages():
            held = evidence.held(fair.own.passages)
        case Context():
            held = evidence.held_in_text(fair.own.text, fair.own.passages)
        case _:
            return 1
    return 1 if evidence.enough(held) else 2


def _variants(runner: Runner, states: Mapping[int, State], scene: Scene) -> dict[int, Variant]:
    variants = {}
    for mask in sorted(states):
        given = states[mask].given()
        stage = _stage(runner, "model", states[mask])
        # The repeat is left out of the key on purpose: repeats of one prompt are one cell.
        cell = key_of(stage, given, None)
        variants[mask] = Variant(states[mask], given, cell, model_contract.supported(given, scene))
    return variants


def model_calls(runner: Runner, plan: Plan) -> list[Call]:
    """The model's run on each cell of a plan, in the order in which `play.played` asks for them."""
    first: dict[str, Call] = {}
    for variant in plan.variants.values():
        if variant.cell not in first:
            first[variant.cell] = Call(_stage(runner, "model", variant.state), variant.given)
    return list(first.values())


def _stage(runner: Runner, role: Role, state: State) -> Stage:
    stage = runner.pipeline.stage(role, state.route)
    assert stage is not None
    return stage
