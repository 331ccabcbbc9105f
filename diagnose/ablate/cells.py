"""The prompts of one trace whose stages are not all deterministic, and what has been seen of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from diagnose.ablate.plan import Fair, Plan, Variant
from diagnose.ablate.play import ScoreOf, checked, lets_pass, right_draft, verifier_bit
from diagnose.core.artifact import Answer, Decision
from diagnose.repairs.table import CONTRACTS
from diagnose.replay.ahead import Call
from diagnose.replay.run import Meter, Runner, State

Floats = NDArray[np.float64]
Kind = str
KINDS: tuple[Kind, ...] = ("unsupported", "unrepaired", "supported", "fair")
"""Prompts are pooled by kind: those whose context lacks the evidence; of those that hold it the one with nothing
repaired, and those with something; and those that every repair before the model has gone into. The unrepaired ones
are by themselves, as the log's right answers are of that kind, too: between them they tell how often a wrong answer
was mere chance."""
FIRST_PLANS = 3
"""Repeats that are planned before any model run where stages before the model are not deterministic: what is
unsound in one of them counts as unsound, and coalitions that come to the same prompts in all share a cell."""

Judge = Callable[[Floats, float], NDArray[np.int64]]
"""Verdict codes [m] of games [m, 2ⁿ], given how often (0 to 1) the model is wrong whatever it reads."""
PlanOf = Callable[[int], Plan]
"""The plan of a repeat; the same for all where every stage before the model is deterministic."""


@dataclass
class Cells:
    """The different model inputs of one trace and the runs of each.

    A *unit* is an input together with whether the verifier is repaired: what has a pass rate. `unit_of`
    gives the unit of each replayed coalition (bit mask without the model), `prompt_of` the prompt of each
    unit; `oracle` is a coalition's worth with the reference answer where the context holds the evidence,
    else None. `blocks` says that blocking a wrong draft wins something, so that the verifier may be to blame for
    letting it pass. `passes` and `fails` [units] add up scores and their complements, `logged` is the part of
    them that the log's own answer failed; `endings` keeps a telling replay of each coalition.
    """

    plan_of: PlanOf
    score_of: ScoreOf
    meter: Meter
    bit: int
    unit_of: Mapping[int, int]
    prompt_of: tuple[int, ...]
    kinds: tuple[Kind, ...]
    oracle: Mapping[int, float | None]
    verifier: Fair | None
    passes: Floats
    fails: Floats
    calls: list[int]
    logged: float = 0.0
    blocks: bool = False
    endings: dict[int, State] = field(default_factory=dict)

    @property
    def plan(self) -> Plan:
        """The plan of the first repeat."""
        return self.plan_of(0)

    @property
    def n_calls(self) -> int:
        """Model calls made for this trace."""
        return sum(self.calls)

    @property
    def everything(self) -> int:
        """The coalition of all unsound stages but the model."""
        return max(self.unit_of)

    @property
    def fair_unit(self) -> int:
        """The unit that tells the model's worth with every other stage repaired. Of a verifier only what lets
        right drafts through counts: that it blocks wrong ones makes no model capable."""
        sound = self.verifier is None or self.verifier.sound or lets_pass(self.verifier)
        return self.unit_of[self.everything & ~self.bit if self.blocks and sound else self.everything]

    def prompt(self, mask: int) -> int:
        """The prompt a replayed coalition comes to."""
        return self.prompt_of[self.unit_of[mask]]

    def call(self, runner: Runner, prompt: int) -> Call:
        """The model run that the next run of a prompt is."""
        repeat = self.calls[prompt]
        mask = next(mask for mask in self.unit_of if self.prompt(mask) == prompt)
        variant = variant_of(self.plan_of(repeat), mask & ~self.bit)
        stage = runner.pipeline.stage("model", variant.state.route)
        assert stage is not None
        return Call(stage, variant.given, repeat)

    def run(self, runner: Runner, prompt: int) -> None:
        """One more run of a prompt; every unit of it learns from it."""
        repeat = self.calls[prompt]
        masks = [mask for mask in self.unit_of if self.prompt(mask) == prompt]
        call = self.call(runner, prompt)
        answer = runner.run(call.stage, call.given, self.meter, repeat)
        assert isinstance(answer, Answer)
        self.calls[prompt] += 1
        learnt: set[int] = set()
        for mask in masks:
            state = self._ended(runner, mask, answer, repeat)
            worth = self.score_of(state.said or "")
            self._remember(mask, state, worth)
            self._watch(mask, state, worth)
            if (unit := self.unit_of[mask]) not in learnt:
                self.passes[unit] += worth
                self.fails[unit] += 1.0 - worth
                learnt.add(unit)

    def _ended(self, runner: Runner, mask: int, draft: Answer, repeat: int) -> State:
        plan = self.plan_of(repeat)
        state = variant_of(plan, mask & ~self.bit).state.after("model", draft, plan.scene.abstention)
        return _verified(runner, plan, state, bool(mask & self.bit), self.meter, repeat)

    def _remember(self, mask: int, state: State, worth: float) -> None:
        """Of the unrepaired coalition keep a wrong ending, of the others a right one, else the first."""
        known = self.endings.get(mask)
        if known is None:
            self.endings[mask] = state
            return
        before = self.score_of(known.said or "")
        if (worth < before) if mask == 0 else (worth > before):
            self.endings[mask] = state

    def _watch(self, mask: int, state: State, worth: float) -> None:
        """Note the first wrong draft to the fair context that the verifier lets pass, where it should not."""
        decision, scene = state.output("verifier"), self.plan.scene
        if (
            self.blocks
            and mask == self.everything & ~self.bit
            and isinstance(decision, Decision)
            and decision.accept
            and worth < scene.worth_of(scene.abstention)
            and (self.verifier is None or self.verifier.sound)
        ):
            self.verifier = Fair(state.given(), decision, sound=False)

    def worths(self, rates: Floats) -> Floats:
        """[m, 2ⁿ]: games drawn at pass rates [m, units]; the model's repair is bounded by its incapacity."""
        roles = self.plan.roles
        model = 1 << roles.index("model")
        fair = rates[:, self.fair_unit]
        table = np.empty((len(rates), 1 << len(roles)))
        for mask in range(1 << len(roles)):
            played = mask & self.everything
            worth = rates[:, self.unit_of[played]]
            if mask & model and (oracle := self.oracle[played]) is not None:
                worth = np.maximum(worth, np.minimum(oracle, worth + 1.0 - fair))
            table[:, mask] = worth
        return table


def variant_of(plan: Plan, mask: int) -> Variant:
    """The variant of a coalition in a plan, in which some of its stages may be sound."""
    return plan.variants[mask & plan.unsound]


def cells_of(
    runner: Runner, plan_of: PlanOf, n_plans: int, score_of: ScoreOf, meter: Meter, logged: float | None
) -> Cells:
    """The cells of a trace. `logged` is the score of the logged answer where the log's prompt is that of the
    unrepaired replay: it then counts as the first run of that prompt."""
    plans = [plan_of(repeat) for repeat in range(n_plans)]
    unsound = 0
    for plan in plans:
        unsound |= plan.unsound
    right = right_draft(runner, plans[0], meter)
    verifier = _fair_verifier(runner, plans[0], right, meter)
    blocks = verifier is not None and plans[0].scene.worth_of(plans[0].scene.abstention) > 0.0
    bit = verifier_bit(plans[0]) if verifier is not None and (blocks or not verifier.sound) else 0
    prompts: dict[tuple[str, ...], int] = {}
    units: dict[tuple[int, int], int] = {}
    unit_of: dict[int, int] = {}
    for mask in (m for m in range(unsound + 1) if m & ~unsound == 0):
        prompt = prompts.setdefault(tuple(variant_of(p, mask).cell for p in plans), len(prompts))
        for extra in (0, bit) if bit else (0,):
            unit_of[mask | extra] = units.setdefault((prompt, extra), len(units))
    cells = Cells(
        plan_of=plan_of,
        score_of=score_of,
        meter=meter,
        bit=bit,
        unit_of=unit_of,
        prompt_of=tuple(prompt for prompt, _ in units),
        kinds=_kinds(plans, unsound, list(prompts), units),
        oracle={m: _oracle(runner, plans[0], m, bit, right, score_of, meter) for m in unit_of},
        verifier=verifier,
        passes=np.zeros(len(units)),
        fails=np.zeros(len(units)),
        calls=[0] * len(prompts),
        blocks=blocks,
    )
    if logged is not None:
        cells.passes[unit_of[0]] += logged
        cells.fails[unit_of[0]] += 1.0 - logged
        cells.logged = 1.0 - logged
    return cells


def _kinds(
    plans: list[Plan], unsound: int, prompts: list[tuple[str, ...]], units: Mapping[tuple[int, int], int]
) -> tuple[Kind, ...]:
    fair = tuple(variant_of(p, unsound).cell for p in plans)
    supported = {v.cell: v.supported for p in plans for v in p.variants.values()}
    return tuple(
        "fair"
        if prompts[i] == fair
        else "unsupported"
        if not supported[prompts[i][0]]
        else "unrepaired"
        if i == 0
        else "supported"
        for i, _ in units
    )


def _oracle(
    runner: Runner, plan: Plan, mask: int, bit: int, right: Answer | None, score_of: ScoreOf, meter: Meter
) -> float | None:
    """The worth with a right draft; None where the context does not hold the evidence."""
    variant = variant_of(plan, mask & ~bit)
    if not variant.supported or right is None:
        return None
    state = variant.state.after("model", right, plan.scene.abstention)
    return score_of(_verified(runner, plan, state, bool(mask & bit), meter, 0).said or "")


def _fair_verifier(runner: Runner, plan: Plan, right: Answer | None, meter: Meter) -> Fair | None:
    """The verifier on a right draft: which one the model would give is not known before it has run."""
    variant = plan.variants[plan.unsound]
    stage = runner.pipeline.stage("verifier", variant.state.route)
    if stage is None or right is None:
        return None
    return checked(runner, plan, stage, variant, right, meter)


def _verified(runner: Runner, plan: Plan, state: State, repaired: bool, meter: Meter, repeat: int) -> State:
    stage = runner.pipeline.stage("verifier", state.route)
    if stage is None:
        return state
    given = state.given()
    own = runner.run(stage, given, meter, repeat)
    output = CONTRACTS["verifier"].repair(given, own, plan.scene) if repaired else own
    return state.after("verifier", output, plan.scene.abstention, repaired=output is not own)
