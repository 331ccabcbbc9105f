"""Parts of a report that no game decides: cost, provenance, and what a log lacks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from diagnose import __version__
from diagnose.core.blame import Blame
from diagnose.core.game import Game, Runs
from diagnose.core.pipeline import Pipeline
from diagnose.core.report import Cost, RunProvenance, StageCost, StageIdentity
from diagnose.core.stage import ROLES, Role
from diagnose.core.trace import Step, Trace


@dataclass
class _Spent:
    """What the steps of one role add up to, and how many say so."""

    timed: int = 0
    elapsed_s: float = 0
    used: int = 0
    told_prompt: int = 0
    prompt: int = 0
    told_completion: int = 0
    completion: int = 0
    paid: int = 0
    money: float = 0

    def add(self, step: Step) -> None:
        """Count a step in."""
        if step.elapsed_s is not None:
            self.timed += 1
            self.elapsed_s += step.elapsed_s
        if (usage := step.usage) is None:
            return
        self.used += 1
        if usage.prompt_tokens is not None:
            self.told_prompt += 1
            self.prompt += usage.prompt_tokens
        if usage.completion_tokens is not None:
            self.told_completion += 1
            self.completion += usage.completion_tokens
        if usage.cost is not None:
            self.paid += 1
            self.money += usage.cost

    def cost(self) -> StageCost | None:
        """The sums, None where the log says nothing."""
        if not (self.timed or self.told_prompt or self.told_completion or self.paid):
            return None
        return StageCost(
            elapsed_s=round(self.elapsed_s, 6) if self.timed else None,
            prompt_tokens=self.prompt if self.told_prompt else None,
            completion_tokens=self.completion if self.told_completion else None,
            money=round(self.money, 9) if self.paid else None,
            n_traces=max(self.timed, self.used),
        )


class Spending:
    """What a log says was spent, added up trace by trace; `roles` are those seen."""

    def __init__(self) -> None:
        self._of: dict[Role, _Spent] = {}

    def add(self, trace: Trace) -> None:
        """Count a trace in."""
        for step in trace.steps:
            spent = self._of.get(step.role)
            if spent is None:
                spent = self._of[step.role] = _Spent()
            if step.elapsed_s is not None or step.usage is not None:
                spent.add(step)

    @property
    def roles(self) -> tuple[Role, ...]:
        """The roles that some trace has a step of, in pipeline order."""
        return tuple(role for role in ROLES if role in self._of)

    def cost(self, right_answers: float) -> Cost:
        """Per stage and per right answer (None where the log does not say)."""
        stages = {role: cost for role in self.roles if (cost := self._of[role].cost())}
        tokens = [
            c.prompt_tokens + (c.completion_tokens or 0)
            for c in stages.values()
            if c.prompt_tokens is not None
        ]
        seconds = [c.elapsed_s for c in stages.values() if c.elapsed_s is not None]
        money = [c.money for c in stages.values() if c.money is not None]
        return Cost(
            stages, _per(tokens, right_answers), _per(seconds, right_answers), _per(money, right_answers)
        )


def cost_of(traces: Iterable[Trace], right_answers: float) -> Cost:
    """What the log says was spent, per stage and per right answer (None where it does not say)."""
    spending = Spending()
    for trace in traces:
        spending.add(trace)
    return spending.cost(right_answers)


def _per(spent: Sequence[float], right_answers: float) -> float | None:
    return round(sum(spent) / right_answers, 6) if spent and right_answers > 0 else None


def runs_of(values: Iterable[Blame | Game]) -> Runs:
    """The work of all traces added up."""
    runs = [value.runs for value in values]
    return Runs(sum(r.model for r in runs), sum(r.stage for r in runs), sum(r.memo_hits for r in runs))


def provenance_of(
    command: str, seed: int, metric: str, pass_mark: float, pipeline: Pipeline | None, log: str
) -> RunProvenance:
    """What made the report; the log and the corpus stand in it by their digests."""
    stages = pipeline.stages if pipeline else ()
    return RunProvenance(
        version=__version__,
        command=command,
        seed=seed,
        metric=metric,
        pass_mark=pass_mark,
        pipeline=pipeline.name if pipeline else None,
        stages=tuple(StageIdentity(s.role, s.name, s.fingerprint) for s in stages),
        corpus=pipeline.corpus.digest if pipeline and pipeline.corpus is not None else None,
        traces=log,
    )


class Digest:
    """A digest of values, in order: the first 16 hex digits of their SHA-256."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()
        self._encoder = msgspec.json.Encoder(order="deterministic")

    def add(self, value: object) -> None:
        """Take in the next value."""
        self._sha.update(self._encoder.encode(value))

    def hex(self) -> str:
        """The digest of what came so far."""
        return self._sha.hexdigest()[:16]


def digest_of(values: Iterable[object]) -> str:
    """The digest of values, in order."""
    digest = Digest()
    for value in values:
        digest.add(value)
    return digest.hex()


def score_of(scores: Sequence[float]) -> float | None:
    """The mean score, None for no scores."""
    return sum(scores) / len(scores) if scores else None


def levels_of(blames: Iterable[Blame]) -> dict[str, int]:
    """Failures by what can be claimed of them."""
    found = [blame.level for blame in blames]
    return {level: found.count(level) for level in ("replayed", "observed", "unlabelled") if level in found}
