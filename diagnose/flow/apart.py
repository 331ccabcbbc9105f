"""Failures of a planted fault that say nothing of whether blame lands on it: they are counted apart."""

from __future__ import annotations

from collections.abc import Sequence

from diagnose.ablate.plan import planned
from diagnose.ablate.scene import scene_of
from diagnose.core.artifact import Context
from diagnose.core.stage import Role
from diagnose.core.trace import Trace
from diagnose.flow.failing import failing_of
from diagnose.flow.found import Scored
from diagnose.replay.run import Meter, Runner
from diagnose.score.label import Label, Library
from diagnose.score.table import Scorer


def unsound(runner: Runner, trace: Trace, library: Library, scorer: Scorer) -> frozenset[Role]:
    """The stages before the model that break their contract on this trace; those of an unlabelled one are unknown,
    and none is named. `Broken` where a stage fails."""
    one = failing_of(Scored(trace, None, None), library, scorer)
    if one.label is None:
        return frozenset()
    meter = Meter()
    scene = scene_of(runner, trace.query, one.label, one.right, meter, worth=one.worth)
    plan = planned(runner, trace.query, scene, meter)
    return frozenset(role for role, stage in plan.fair.items() if not stage.sound)


def inert(planted: Sequence[Role], spoiled: frozenset[Role], before: Sequence[Role]) -> bool:
    """Whether a fault that was planted before the model broke no contract: the stage still owes nothing, so no replay
    can convict it. `before` are the stages before the model, `spoiled` those of them that break theirs."""
    return any(role in before and role not in spoiled for role in planted)


def reads_through(planted: Sequence[Role], logged: Trace, label: Label) -> bool:
    """Whether a pair's other fault left the evidence to a model with a fault. The model's repair is the answer
    wherever its context holds the evidence, so that it alone is enough, whatever else is broken."""
    context = logged.output("packer")
    if len(planted) < 2 or "model" not in planted or not isinstance(context, Context):
        return False
    evidence = label.evidence
    return bool(evidence) and evidence.enough(evidence.held_in_text(context.text, context.passages))
