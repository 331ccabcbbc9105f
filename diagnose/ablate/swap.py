"""Swapping stages between two pipelines: the score of A with every set of B's stages in it.

The stages that differ (another fingerprint, or there in one of the two only) are the players. A coalition is
the set of stages taken from B, so the game's worth at "" is the score of A and at all of them that of B.
Shares of this game add up to the difference of the two scores, whatever the stages do to one another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from diagnose.core.coalition import keys, members
from diagnose.core.game import Game
from diagnose.core.pipeline import Pipeline
from diagnose.core.stage import ROLES, Failure, Role, Stage
from diagnose.core.trace import Trace
from diagnose.errors import UsageError, quoted
from diagnose.replay.memo import Memo
from diagnose.replay.run import Broken, Heard, Meter, Runner, replayed

ScoreOf = Callable[[Trace, str], float | None]
"""The score of what is said in the end, 0 to 1; None where the trace has nothing to judge it by."""


def differing(a: Pipeline, b: Pipeline) -> tuple[Role, ...]:
    """The roles whose stage differs, in pipeline order: by fingerprint, also of the stages of their routes,
    or by being there at all."""
    return tuple(role for role in ROLES if _identities(a, role) != _identities(b, role))


def _identities(pipeline: Pipeline, role: Role) -> tuple[object, ...]:
    own = pipeline.stage(role)
    routed = {name: stages[role].fingerprint for name, stages in pipeline.routes.items() if role in stages}
    # What is said where a verifier blocks is the verifier's doing.
    said = pipeline.abstention if role == "verifier" and own is not None else None
    return (own.fingerprint if own else None, routed, said)


def mixed(a: Pipeline, b: Pipeline, from_b: Sequence[Role]) -> Pipeline:
    """Pipeline A with the stages of these roles taken from B (or left out, where B has none)."""

    def source(role: Role) -> Pipeline:
        return b if role in from_b else a

    stages = tuple(stage for role in ROLES if (stage := source(role).stage(role)) is not None)
    return Pipeline(
        name=f"{a.name} with {', '.join(from_b)} of {b.name}" if from_b else a.name,
        stages=stages,
        corpus=source("retriever").corpus,
        score=a.score,
        abstention=source("verifier").abstention,
        routes={name: _routed(name, source) for name in dict.fromkeys([*a.routes, *b.routes])},
    )


def _routed(name: str, source: Callable[[Role], Pipeline]) -> Mapping[Role, Stage]:
    found = {role: source(role).routes.get(name, {}).get(role) for role in ROLES}
    return {role: stage for role, stage in found.items() if stage is not None}


@dataclass(frozen=True)
class Bench:
    """Two pipelines and a runner for each set of swapped stages, all over one memo: what two of them do
    alike runs once.

    `roles` are those that differ. `runs` is how often each replay is repeated, with the same seeds in every
    coalition; 1 where every stage is deterministic.
    """

    roles: tuple[Role, ...]
    runners: Mapping[int, Runner]
    runs: int

    @property
    def executed(self) -> dict[Role, int]:
        """The stage calls made, by role."""
        counts = [runner.executed for runner in self.runners.values()]
        return {role: n for role in ROLES if (n := sum(c.get(role, 0) for c in counts))}

    @property
    def heard(self) -> dict[str, Heard]:
        """What verifiers said that could be asked again, by run."""
        return {key: one for runner in self.runners.values() for key, one in runner.heard.items()}


def bench_of(
    a: Pipeline, b: Pipeline, memo: Memo, seed: int, runs: int, stop: Callable[[], bool] = lambda: False
) -> Bench:
    """Set two pipelines up for swapping; once `stop` says so, no stage is called any more.

    UsageError where a mixture of them has no model."""
    roles = differing(a, b)
    runners: dict[int, Runner] = {}
    for mask in range(1 << len(roles)):
        pipeline = mixed(a, b, members(roles, mask))
        if pipeline.stage("model") is None:
            raise UsageError(f"{quoted(pipeline.name)} has no model: both pipelines are to end in an answer")
        runners[mask] = Runner(pipeline, memo, seed, stop)
    steady = all(runner.steady(stage) for runner in runners.values() for stage in all_stages(runner.pipeline))
    return Bench(roles, runners, 1 if steady else runs)


def all_stages(pipeline: Pipeline) -> list[Stage]:
    """The stages of a pipeline and of its routes."""
    return [*pipeline.stages, *(stage for routed in pipeline.routes.values() for stage in routed.values())]


@dataclass(frozen=True)
class Swapped:
    """One trace's game over swapped stages, or why it has none."""

    trace: Trace
    game: Game | None = None
    failure: Failure | None = None


def swapped(bench: Bench, trace: Trace, score_of: ScoreOf) -> Swapped:
    """Replay a trace under every set of swapped stages; worths are means over the repeats."""
    meter = Meter()
    worth: dict[str, float] = {}
    for mask, name in enumerate(keys(bench.roles)):
        total = 0.0
        for repeat in range(bench.runs):
            try:
                state = replayed(bench.runners[mask], trace.query, meter, repeat)
            except Broken as broken:
                return Swapped(trace, failure=_placed(broken.failure, name))
            score = score_of(trace, state.said or "")
            if score is None:
                return Swapped(trace)
            total += score
        worth[name] = total / bench.runs
    return Swapped(trace, Game(trace.trace_id, bench.roles, worth, meter.runs))


def _placed(failure: Failure, coalition: str) -> Failure:
    where = f"with {coalition} of B" if coalition else "in A"
    return Failure(failure.role, failure.kind, f"{where}: {failure.reason}")
