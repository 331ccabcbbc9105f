"""Logs whose truth is known to the last digit: traces of simulated prompts with given pass rates.

A trace is a planted fault in one or two stages, or none, with the pass rate of every prompt its coalitions come to. Of
a population of such traces each is logged once; those that fail are diagnosed by the tool's own sequential
test and verdict, those that pass are known to it as a log's right answers are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import numpy as np

from diagnose.ablate.cells import KINDS as KINDS_OF_PROMPT
from diagnose.ablate.cells import Cells, Floats, Kind
from diagnose.ablate.spread import Effort, Logged, Sampled, spread
from diagnose.attribute.judge import judge_of
from diagnose.attribute.verdict import Facts, blamed, doubted
from diagnose.core.blame import Blame, FunnelStep, Undecided
from diagnose.core.coalition import keys
from diagnose.core.game import Game
from diagnose.core.stage import Failure, Role
from diagnose.flow.sampled import _proof
from diagnose.replay.ahead import Call
from diagnose.replay.memo import Memo
from diagnose.replay.run import Broken, Meter, Runner

ROLES: tuple[Role, ...] = ("retriever", "ranker", "packer", "model")
HARDLY_EVER = 0.02
"""Pass rate of a prompt that a fault has spoilt, where the model is noisy at all."""
PASS_MARK = 0.5


@dataclass(frozen=True)
class World:
    """What a population of traces is like.

    `noise` is how often the model is wrong on a fair prompt. `between` is the part of faults that leave the
    evidence in the prompt and spoil it by halves only (pass rate 0.2 to 0.6). `odd` is the part of traces whose
    fair prompt passes at `odd_rate` instead of the pipeline's own rate: for them what is pooled over traces
    is wrong. `weights` are those of the kinds of trace (`KINDS`).
    """

    name: str
    noise: float
    between: float = 0.0
    odd: float = 0.0
    odd_rate: tuple[float, float] = (0.3, 0.6)
    weights: tuple[float, ...] = (3, 2, 2, 2, 1, 2, 12)


KINDS = ("retriever", "ranker", "ranker leaves", "packer leaves", "both", "model", "none")
"""The stage the fault is in; `leaves` where it leaves the evidence in the prompt; `both` where ranker and packer
have to be repaired together; `none` for noise alone."""


@dataclass(frozen=True)
class Planted:
    """One trace's truth: the unit that each set of repaired stages comes to (bit mask over `ROLES`), the units'
    kinds and pass rates, whether the context of each holds the evidence, and where the funnel loses it."""

    kind: str
    unit_of: dict[int, int]
    kinds: tuple[Kind, ...]
    rates: tuple[float, ...]
    supported: tuple[bool, ...]
    lost: Role | None


class SimulatedCells(Cells):
    """Cells whose prompts pass at their rates; nothing is run."""

    rates: tuple[float, ...]
    rng: np.random.Generator

    def call(self, runner: Runner, prompt: int) -> Call:
        """None: there is nothing to be run ahead."""
        raise Broken(Failure("model", "missing", "a simulated prompt has no model"))

    def run(self, runner: Runner, prompt: int) -> None:
        """One more draw."""
        passed = float(self.rng.random() < self.rates[prompt])
        self.calls[prompt] += 1
        self.passes[prompt] += passed
        self.fails[prompt] += 1.0 - passed


def drawn(world: World, rng: np.random.Generator) -> Planted:
    """One trace of a population."""
    weights = np.array(world.weights)
    kind = KINDS[int(rng.choice(len(KINDS), p=weights / weights.sum()))]
    bad = HARDLY_EVER if world.noise else 0.0
    fair = 1.0 - world.noise
    if rng.random() < world.odd:
        fair = float(rng.uniform(*world.odd_rate))
    spoilt = float(rng.uniform(0.2, 0.6)) if rng.random() < world.between else bad
    match kind:
        case "retriever":
            return Planted(
                kind, {0: 0, 1: 1}, ("unsupported", "fair"), (bad, fair), (False, True), "retriever"
            )
        case "ranker":
            return Planted(kind, {0: 0, 2: 1}, ("unsupported", "fair"), (bad, fair), (False, True), "ranker")
        case "ranker leaves":
            return _leaves(kind, 2, min(spoilt, fair), fair)
        case "packer leaves":
            return _leaves(kind, 4, min(spoilt, fair), fair)
        case "both":
            units = {0: 0, 2: 1, 4: 2, 6: 3}
            kinds: tuple[Kind, ...] = ("unsupported", "unsupported", "supported", "fair")
            return Planted(kind, units, kinds, (bad, bad, bad, fair), (False, False, True, True), "ranker")
        case "model":
            return Planted(kind, {0: 0}, ("fair",), (bad,), (True,), None)
    # Half of the traces that nothing is wrong with have a stage whose harmless flaw is repaired as well.
    if rng.random() < 0.5:
        return _leaves(kind, 2, fair, fair)
    return Planted(kind, {0: 0}, ("fair",), (fair,), (True,), None)


def _leaves(kind: str, bit: int, rate: float, fair: float) -> Planted:
    return Planted(kind, {0: 0, bit: 1}, ("unrepaired", "fair"), (rate, fair), (True, True), None)


def cells_of(one: Planted, rng: np.random.Generator) -> SimulatedCells:
    """The cells of a trace whose logged answer was wrong."""
    n = len(one.rates)
    cells = SimulatedCells(
        # Of a plan only the roles are looked at here.
        plan_of=lambda repeat: cast(Any, SimpleNamespace(roles=ROLES)),
        score_of=lambda answer: 0.0,
        meter=Meter(),
        bit=0,
        unit_of=one.unit_of,
        prompt_of=tuple(range(n)),
        kinds=one.kinds,
        oracle={mask: 1.0 if one.supported[unit] else None for mask, unit in one.unit_of.items()},
        verifier=None,
        passes=np.zeros(n),
        fails=np.zeros(n),
        calls=[0] * n,
    )
    cells.fails[one.unit_of[0]] += 1.0
    cells.logged = 1.0
    cells.rates, cells.rng = one.rates, rng
    return cells


@dataclass(frozen=True)
class SimulatedLog:
    """A log: its size, its failures, and how many right answers of each kind it has."""

    n_traces: int
    failures: tuple[Planted, ...]
    right: Logged


def logged(world: World, n: int, rng: np.random.Generator) -> SimulatedLog:
    """Draw a population and log every trace of it once."""
    failures: list[Planted] = []
    right = dict.fromkeys(KINDS_OF_PROMPT, 0)
    for _ in range(n):
        one = drawn(world, rng)
        unrepaired = one.unit_of[0]
        if rng.random() >= one.rates[unrepaired]:
            failures.append(one)
        else:
            right[one.kinds[unrepaired]] += 1
    return SimulatedLog(n, tuple(failures), Logged(right))


def sampled(log: SimulatedLog, effort: Effort, rng: np.random.Generator) -> list[Sampled]:
    """Run the tool's sequential test over a log's failures, to the end."""
    ways = []
    for one in log.failures:
        cells = cells_of(one, rng)
        ways.append(Sampled(cells, judge_of(ROLES, one.lost), len(ROLES) + 1, _proof))
    spread(ways, Runner(cast(Any, SimpleNamespace(stages=(), roles=ROLES)), Memo()), effort, log.right)
    return ways


def true_worth(one: Planted) -> Floats:
    """[2ⁿ]: the game of a trace at its true pass rates."""
    cells = cells_of(one, np.random.default_rng(0))
    worth: Floats = cells.worths(np.array([one.rates]))[0]
    return worth


def true_verdict(one: Planted, noise: float) -> int:
    """The verdict code at the true pass rates, in a pipeline that is wrong this often whatever it reads."""
    return int(judge_of(ROLES, one.lost)(true_worth(one)[None, :], noise)[0])


def concluded(name: str, one: Planted, way: Sampled) -> tuple[Game, Blame]:
    """The game and blame of a trace as the tool writes them."""
    assert way.leaning is not None
    game = game_of(name, way.leaning.worth)
    blame = blamed(game, PASS_MARK, Facts(funnel=funnel_of(one)))
    leader = way.leaning.leader
    if not way.settled or leader == len(ROLES):
        return game, doubted(blame, Undecided("noise"), float(way.leaning.odds[leader]))
    return game, msgspec.structs.replace(blame, verdict=ROLES[leader], undecided=None)


def game_of(name: str, worth: Sequence[float] | Floats) -> Game:
    """A game from its worths by mask."""
    return Game(name, ROLES, dict(zip(keys(ROLES), map(float, worth), strict=True)))


def funnel_of(one: Planted) -> tuple[FunnelStep, ...]:
    """Where the evidence was lost."""
    at = ROLES.index(one.lost) if one.lost else len(ROLES) - 1
    return tuple(FunnelStep(role, i < at) for i, role in enumerate(ROLES))


def populations(
    world: World, n_logs: int, n: int, seed: int
) -> Iterator[tuple[SimulatedLog, np.random.Generator]]:
    """So many logs of a world, each with the generator that goes on drawing for it."""
    for number in range(n_logs):
        rng = np.random.default_rng([seed, number])
        yield logged(world, n, rng), rng
