"""Parts of a report that no game decides: cost, provenance, and what a log lacks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import msgspec

from diagnose import __version__
from diagnose.core.blame import Blame
from diagnose.core.game import Runs
from diagnose.core.pipeline import Pipeline
from diagnose.core.report import Cost, RunProvenance, StageCost, StageIdentity
from diagnose.core.stage import ROLES, Role
from diagnose.core.trace import Step, Trace


def cost_of(traces: Sequence[Trace], right_answers: float) -> Cost:
    """What the log says was spent, per stage and per right answer (None where it does not say)."""
    steps = [step for trace in traces for step in trace.steps]
    stages = {role: cost for role in ROLES if (cost := _stage_cost(s for s in steps if s.role == role))}
    tokens = [
        c.prompt_tokens + (c.completion_tokens or 0) for c in stages.values() if c.prompt_tokens is not None
    ]
    seconds = [c.elapsed_s for c in stages.values() if c.elapsed_s is not None]
    money = [c.money for c in stages.values() if c.money is not None]
    return Cost(stages, _per(tokens, right_answers), _per(seconds, right_answers), _per(money, right_answers))


def _per(spent: Sequence[float], right_answers: float) -> float | None:
    return round(sum(spent) / right_answers, 6) if spent and right_answers > 0 else None


def _stage_cost(steps: Iterable[Step]) -> StageCost | None:
    found = list(steps)
    timed = [s.elapsed_s for s in found if s.elapsed_s is not None]
    used = [s.usage for s in found if s.usage is not None]
    prompt = [u.prompt_tokens for u in used if u.prompt_tokens is not None]
    completion = [u.completion_tokens for u in used if u.completion_tokens is not None]
    paid = [u.cost for u in used if u.cost is not None]
    if not (timed or prompt or completion or paid):
        return None
    return StageCost(
        elapsed_s=round(sum(timed), 6) if timed else None,
        prompt_tokens=sum(prompt) if prompt else None,
        completion_tokens=sum(completion) if completion else None,
        money=round(sum(paid), 9) if paid else None,
        n_traces=max(len(timed), len(used)),
    )


def runs_of(blames: Iterable[Blame]) -> Runs:
    """The work of all traces added up."""
    runs = [blame.runs for blame in blames]
    return Runs(sum(r.model for r in runs), sum(r.stage for r in runs), sum(r.memo_hits for r in runs))


def provenance_of(
    command: str, seed: int, metric: str, pass_mark: float, pipeline: Pipeline | None, log: Iterable[object]
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
        traces=digest_of(log),
    )


def digest_of(values: Iterable[object]) -> str:
    """A digest of values, in order: the first 16 hex digits of their SHA-256."""
    digest = hashlib.sha256()
    encoder = msgspec.json.Encoder(order="deterministic")
    for value in values:
        digest.update(encoder.encode(value))
    return digest.hexdigest()[:16]


def score_of(scores: Sequence[float]) -> float | None:
    """The mean score, None for no scores."""
    return sum(scores) / len(scores) if scores else None


def levels_of(blames: Iterable[Blame]) -> dict[str, int]:
    """Failures by what can be claimed of them."""
    found = [blame.level for blame in blames]
    return {level: found.count(level) for level in ("replayed", "observed", "unlabelled") if level in found}


def roles_of(traces: Iterable[Trace], pipeline: Pipeline | None) -> tuple[Role, ...]:
    """The roles of the pipeline, else those in the log."""
    if pipeline is not None:
        return pipeline.roles
    seen = {step.role for trace in traces for step in trace.steps}
    return tuple(role for role in ROLES if role in seen)
