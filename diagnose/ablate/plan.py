"""Which prompts the coalitions of a trace come to, before any model is run.

Every coalition of the stages before the model is replayed up to the model's input; coalitions that
come to the same input share a *cell*. A stage that keeps its contract on its fair input is sound: its
repair is the identity in every coalition, so only coalitions of unsound stages are replayed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from diagnose.core.artifact import Output, Query
from diagnose.core.stage import Given, Role, Stage
from diagnose.repairs import model as model_contract
from diagnose.repairs.contract import Scene
from diagnose.repairs.table import CONTRACTS
from diagnose.replay.memo import key_of
from diagnose.replay.run import Mend, Meter, Runner, State, advance


@dataclass(frozen=True)
class Fair:
    """A stage on its fair input: what it was given, what it gave itself, whether that keeps the contract."""

    given: Given
    own: Output
    sound: bool


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


def mend_of(role: Role, scene: Scene) -> Mend:
    """The role's repair as `replay.run.advance` takes it."""
    contract = CONTRACTS[role]

    def mend(stage: Stage, given: Given, own: Output) -> Output:
        return contract.repair(given, own, scene)

    return mend


def planned(runner: Runner, query: Query, scene: Scene, meter: Meter, repeat: int = 0) -> Plan:
    """Replay all coalitions up to the model; raises `replay.run.Broken` where a stage fails."""
    roles = runner.pipeline.roles
    fair = _fair_pass(runner, query, scene, meter, repeat)
    states: dict[int, State] = {0: State.start(query)}
    for i, role in enumerate(roles[: roles.index("model")]):
        mend = None if role not in CONTRACTS or fair[role].sound else mend_of(role, scene)
        grown: dict[int, State] = {}
        for mask, state in states.items():
            stage = _stage(runner, role, state)
            grown[mask] = advance(runner, state, stage, meter, repeat)
            if mend is not None:
                grown[mask | 1 << i] = advance(runner, state, stage, meter, repeat, mend)
        states = grown
    return Plan(roles, scene, _variants(runner, states, scene), fair)


def _fair_pass(runner: Runner, query: Query, scene: Scene, meter: Meter, repeat: int) -> dict[Role, Fair]:
    state = State.start(query)
    fair: dict[Role, Fair] = {}
    for role in runner.pipeline.roles[: runner.pipeline.roles.index("model")]:
        stage, given = _stage(runner, role, state), state.given()
        own = runner.run(stage, given, meter, repeat)
        contract = CONTRACTS.get(role)
        sound = contract is None or contract.kept(given, own, scene)
        fair[role] = Fair(given, own, sound)
        output = own if sound or contract is None else contract.repair(given, own, scene)
        state = state.after(role, output, scene.abstention, repaired=output is not own)
    return fair


def _variants(runner: Runner, states: Mapping[int, State], scene: Scene) -> dict[int, Variant]:
    variants = {}
    for mask in sorted(states):
        given = states[mask].given()
        stage = _stage(runner, "model", states[mask])
        # The repeat is left out of the key on purpose: repeats of one prompt are one cell.
        cell = key_of(stage, given, None)
        variants[mask] = Variant(states[mask], given, cell, model_contract.supported(given, scene))
    return variants


def _stage(runner: Runner, role: Role, state: State) -> Stage:
    stage = runner.pipeline.stage(role, state.route)
    assert stage is not None
    return stage
