"""Which declared route a working router takes: the cheapest that answers the query.

A route is tried with the actual stages it leads through, for starving them is what a route is blamed for. But a
stage that is broken whatever the route must not make every route fail: what is *the stage's own fault* is
repaired first. A break is the stage's own unless the route changes that stage, and under another route,
which changes it otherwise, the same stage keeps its contract; then it is the route's doing.

No model runs for that. The model then runs on as few routes as it takes: the router's own; if that does not
answer, routes whose context holds the evidence, cheapest first; at last those that could only answer from
memory. Where the evidence was there and the same model read it, more context is not what was missing:
dearer routes are then tried only if they bring another model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from diagnose.ablate.around import answers
from diagnose.ablate.plan import Fair, fair_pass, mend_of, scene_at
from diagnose.core.artifact import Query, Route
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import Given, Role, Stage
from diagnose.repairs import model as model_contract
from diagnose.repairs import packer
from diagnose.repairs.contract import Scene
from diagnose.replay.run import Broken, Meter, Runner, State, advance


def cheapest_first(pipeline: Pipeline) -> tuple[str, ...]:
    """The declared routes in order of cost; as declared where none has one."""
    costs = pipeline.route_costs
    return tuple(sorted(pipeline.routes, key=lambda name: costs.get(name, 0.0)))


def routed(runner: Runner, query: Query, scene: Scene, meter: Meter, repeat: int = 0) -> Scene:
    """The scene with the declared routes and the one that a working router takes; unchanged without a router."""
    router = runner.pipeline.stage("router")
    if router is None or not runner.pipeline.routes:
        return scene
    start = State.start(query)
    own = runner.run(router, start.given(), meter, repeat)
    assert isinstance(own, Route)
    routes = cheapest_first(runner.pipeline)
    trials = Trials(runner, start, scene, routes, meter, repeat)
    best = trials.best(own.route)
    return replace(scene, routes=routes, route=best, excused=trials.excused(best))


@dataclass(frozen=True)
class Prompt:
    """What the model reads under a route once the stages' own faults are repaired, and whether that holds the
    evidence."""

    stage: Stage
    given: Given
    supported: bool


@dataclass
class Trials:
    """The declared routes of one query, tried as far as anybody asks."""

    runner: Runner
    start: State
    scene: Scene
    routes: tuple[str, ...]
    meter: Meter
    repeat: int = 0
    _fair: dict[str, dict[Role, Fair]] = field(default_factory=dict)
    _prompts: dict[str, Prompt | None] = field(default_factory=dict)
    _answers: dict[str, bool] = field(default_factory=dict)

    def best(self, own: str) -> str:
        """The router's own route if it answers, else the cheapest other that does. Where none does, the model
        fails on all of them: then its own if that brings the evidence, else the cheapest that does."""
        if self.answers(own):
            return own
        for route in self._candidates(own):
            if self.answers(route):
                return route
        if self.supported(own):
            return own
        return next((route for route in self.routes if self.supported(route)), own)

    def answers(self, route: str) -> bool:
        """Whether the model's draft is right under this route."""
        if route not in self._answers:
            prompt = self.prompt(route)
            self._answers[route] = prompt is not None and answers(
                self.runner, prompt.stage, prompt.given, self.scene, self.meter, self.repeat
            )
        return self._answers[route]

    def excused(self, route: str) -> frozenset[Role]:
        """Stages that break their contract under this route because of it, if it answers all the same."""
        if not self.answers(route):
            return frozenset()
        fair = self._fair_on(route)
        return frozenset(r for r in fair if not fair[r].sound and not self._own_fault(r, route))

    def supported(self, route: str) -> bool:
        """Whether the model gets the evidence under this route."""
        prompt = self.prompt(route)
        return prompt is not None and prompt.supported

    def _candidates(self, own: str) -> Sequence[str]:
        """The other routes worth trying, in order."""
        others = [route for route in self.routes if route != own]
        if self.supported(own):
            cheaper = self.routes[: self.routes.index(own)] if own in self.routes else ()
            others = [r for r in others if r in cheaper or not self._same("model", own, r)]
        return [*filter(self.supported, others), *(r for r in others if not self.supported(r))]

    def prompt(self, route: str) -> Prompt | None:
        """What the model reads under a route; None for another route than the first asked for whose stage
        fails: it answers nothing."""
        if route not in self._prompts:
            first = not self._prompts
            try:
                self._prompts[route] = self._prompt(route)
            except Broken:
                if first:
                    raise
                self._prompts[route] = None
        return self._prompts[route]

    def _prompt(self, route: str) -> Prompt:
        state = self._on(route)
        for role in self._before():
            stage = self.runner.pipeline.stage(role, route)
            assert stage is not None
            mend = None
            if self._own_fault(role, route):
                around = scene_at(self.runner, self.scene, state, self.meter, self.repeat)
                mend = mend_of(role, around, self._fair_on(route)[role])
            state = advance(self.runner, state, stage, self.meter, self.repeat, mend)
        model = self.runner.pipeline.stage("model", route)
        assert model is not None
        return Prompt(model, state.given(), model_contract.supported(state.given(), self.scene))

    def _own_fault(self, role: Role, route: str) -> bool:
        """Whether a stage breaks its contract under this route, and not because of it."""
        fair = self._fair_on(route)[role]
        if fair.sound:
            return False
        if role == "packer" and self._fits(fair, route):
            return True
        return not any(self._kept(role, other) for other in self.routes if not self._same(role, route, other))

    def _fits(self, fair: Fair, route: str) -> bool:
        """Whether the evidence would fit the packer's budget under this route: then that does not starve it."""
        around = scene_at(self.runner, self.scene, self._on(route), self.meter, self.repeat)
        known = around.budget_tokens is not None and around.count_tokens is not None
        return known and not packer.cannot_fit(fair.given, around)

    def _kept(self, role: Role, route: str) -> bool:
        try:
            return self._fair_on(route)[role].sound
        except Broken:
            return False

    def _fair_on(self, route: str) -> dict[Role, Fair]:
        """How every stage before the model does on its fair input under a route."""
        if route not in self._fair:
            self._fair[route], _ = fair_pass(
                self.runner, self.scene, self._on(route), self._before(), self.meter, self.repeat
            )
        return self._fair[route]

    def _on(self, route: str) -> State:
        return self.start.after("router", Route(route), self.scene.abstention)

    def _before(self) -> tuple[Role, ...]:
        roles = self.runner.pipeline.roles
        return tuple(role for role in roles[: roles.index("model")] if role != "router")

    def _same(self, role: Role, a: str, b: str) -> bool:
        """Whether two routes lead through the same stage of this role."""
        one, other = self.runner.pipeline.stage(role, a), self.runner.pipeline.stage(role, b)
        return one is not None and other is not None and one.fingerprint == other.fingerprint
