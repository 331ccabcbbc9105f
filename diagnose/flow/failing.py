"""One failing trace, and what is said of it beside its shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from diagnose.ablate.plan import Fair, Plan
from diagnose.attribute.funnel import evidence_in, funnel_of
from diagnose.attribute.modes import mode_of
from diagnose.attribute.verdict import Facts
from diagnose.core.blame import Blame, Finding, Undecided
from diagnose.core.coalition import SEPARATOR, keys
from diagnose.core.game import Runs
from diagnose.core.replay import Case, Replay
from diagnose.core.stage import Failure, Role
from diagnose.flow.found import Scored
from diagnose.flow.logged import WHY, lenient
from diagnose.repairs.contract import Scene
from diagnose.replay.run import State
from diagnose.score.label import Label, Library, label_of
from diagnose.score.table import Scorer


@dataclass(frozen=True)
class Failing:
    """A failing trace with its label (None where there is nothing to judge a replay by; `known` is it then, if any)."""

    item: Scored
    label: Label | None
    scorer: Scorer
    known: Label | None = None

    def worth(self, answer: str) -> float:
        """The score of a replayed answer: always the metric's."""
        assert self.label is not None
        return self.scorer.score(answer, self.label.gold).value or 0.0

    def pass_or_worth(self, answer: str) -> float:
        """1 for an answer that passes, else its score: what a pass rate is made of under a graded metric."""
        return 1.0 if self.right(answer) else self.worth(answer)

    def right(self, answer: str) -> bool:
        """Whether a replayed answer passes."""
        return self.scorer.passes(self.worth(answer))


def failing_of(item: Scored, library: Library, scorer: Scorer) -> Failing:
    """The failing trace with its label looked up; a label that the metric cannot score by is none."""
    trace = item.trace
    known = label_of(trace.gold, trace.query, library, scorer.abstention)
    label = known
    if known is not None and (
        known.reference is None or scorer.score(known.reference, known.gold).value is None
    ):
        label = None
    return Failing(item, label, scorer, known)


def finding_of(one: Failing, fair_score: float | None) -> tuple[Finding | None, str | None]:
    """What comes before any blame, and in a sentence why: the scorer, the corpus, the label.

    `fair_score` is the worth of the model's answer with every other stage repaired.
    """
    label = one.label
    if why := lenient(one.item, one.scorer):
        return "scorer", why
    if label is not None and label.in_corpus is False:
        return "corpus", f"the corpus does not hold {', '.join(label.absent)}"
    if (
        label is not None
        and label.unsupported
        and fair_score is not None
        and not one.scorer.passes(fair_score)
    ):
        return "label", "the gold passages do not state the gold answer, nor does the model find it in them"
    return None, None


def facts_of(
    one: Failing,
    state: State | None,
    fair: Mapping[Role, Fair],
    scene: Scene | None,
    fair_score: float | None,
    passed: bool,
    runs: Runs,
) -> Facts:
    """What is known of a replayed failure beside its game."""
    finding, evidence = finding_of(one, fair_score)
    trace = one.item.trace
    outputs = list(state.outputs) if state else [(s.role, s.output) for s in trace.steps]
    modes: dict[str, str] = {
        role: mode
        for role, seen in fair.items()
        if not seen.sound and scene is not None and (mode := mode_of(role, seen.given, seen.own, scene))
    }
    return Facts(
        funnel=funnel_of(outputs, one.label, passed, one.right if one.label is not None else None),
        finding=finding,
        evidence=evidence,
        passed_again=passed,
        modes=modes,
        tags=trace.tags,
        runs=runs,
    )


def evidence_of(one: Failing) -> Callable[[State, Role], bool | None]:
    """Whether the evidence is in what a stage gave in a replay."""

    def evidence(state: State, role: Role) -> bool | None:
        output = state.output(role)
        return None if output is None else evidence_in(output, one.label, None)

    return evidence


def case_of(
    one: Failing, blame: Blame, roles: tuple[Role, ...], replay: Callable[[int], Replay | None]
) -> Case:
    """The trace laid open: the unchanged replay and one for each minimal repair."""
    trace = one.item.trace
    names = keys(roles)
    masks = [0, *(names.index(SEPARATOR.join(repair)) for repair in blame.minimal_repairs)]
    made = (replay(mask) for mask in dict.fromkeys(masks))
    return Case(
        trace_id=trace.trace_id,
        query=trace.query,
        gold=one.label.gold if one.label else trace.gold,
        tags=dict(trace.tags),
        logged=trace.steps,
        logged_evidence={s.role: evidence_in(s.output, one.label, None) for s in trace.steps},
        logged_score=one.item.score,
        replays=tuple(r for r in made if r is not None),
    )


def not_replayable(failure: Failure | None, plan: Plan | None, spent: int) -> Undecided:
    """Undecided because a stage failed, or because it was not to be run any more: then with the model runs that are
    wanting beside those `spent`, which is known from the `plan`, where it was made."""
    if failure is not None and failure.kind == "unpaid":
        return Undecided(
            "budget", failure.reason, calls_needed=max(1, len(plan.cells) - spent) if plan else None
        )
    detail = f"{failure.role}: {failure.reason}" if failure else WHY["not-replayable"]
    return Undecided("not-replayable", detail)
