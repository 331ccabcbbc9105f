"""What a log says by itself: how its answers did, and where the evidence was lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from diagnose.attribute.detectors import Seen, detected
from diagnose.attribute.funnel import evidence_in, funnel_of, lost_at
from diagnose.attribute.verdict import Facts, without_game
from diagnose.core.artifact import Answer, Decision
from diagnose.core.blame import Blame, Reason, Undecided
from diagnose.core.replay import Case
from diagnose.core.stage import Role
from diagnose.core.trace import Trace
from diagnose.flow.faithful import fragile_of
from diagnose.flow.found import Found, Scored
from diagnose.score.label import Label, Library, label_of
from diagnose.score.table import Scorer

WHY: dict[Reason, str] = {
    "observed-only": "a log alone shows where the evidence was lost, not what repairing that stage "
    "would change: give --pipeline to replay it",
    "no-label": "neither gold passages nor gold answers: label this query first",
    "not-replayable": "a stage could not be replayed",
}


def logged_answer(trace: Trace, abstention: str) -> str | None:
    """What the log says was answered in the end: the draft, or what a verifier said instead."""
    said: str | None = None
    for step in trace.steps:
        output = step.output
        if isinstance(output, Answer):
            said = output.text
        elif isinstance(output, Decision) and not output.accept:
            said = abstention if output.text is None else output.text
    return said


def scored(trace: Trace, scorer: Scorer) -> Scored:
    """The logged answer's score: the log's own where it has one, else the metric's against the reference."""
    answer = logged_answer(trace, scorer.abstention)
    if trace.outcome is not None and trace.outcome.score is not None:
        return Scored(trace, answer, trace.outcome.score)
    if answer is None:
        return Scored(trace, None, None, "no answer is logged")
    if trace.gold is None:
        return Scored(trace, answer, None, "no label")
    score = scorer.score(answer, trace.gold)
    return Scored(trace, answer, score.value, score.undefined)


def failed(item: Scored, scorer: Scorer) -> bool:
    """Whether a trace has a score and it is below the pass mark."""
    return item.score is not None and not scorer.passes(item.score)


def lenient(item: Scored, scorer: Scorer) -> str | None:
    """Why a lenient scorer would pass the logged answer, or None."""
    gold = item.trace.gold
    return scorer.lenient(item.answer, gold) if item.answer is not None and gold is not None else None


def observed(traces: Iterable[Trace], scorer: Scorer) -> Found:
    """What a log alone can claim: the evidence funnel of each failure, and never a conviction."""
    library = Library(None)
    everything = tuple(scored(trace, scorer) for trace in traces)
    failures = [
        (item, label_of(item.trace.gold, item.trace.query, library, scorer.abstention))
        for item in everything
        if failed(item, scorer)
    ]
    return Found(
        everything,
        tuple(unreplayed(item, label, scorer) for item, label in failures),
        cases=tuple(logged_case(item, label) for item, label in failures),
        fragile=fragile_of(everything, library, scorer),
    )


def logged_case(item: Scored, label: Label | None) -> Case:
    """A failure that is not replayed, laid open: what its log shows."""
    trace = item.trace
    return Case(
        trace_id=trace.trace_id,
        query=trace.query,
        gold=label.gold if label else trace.gold,
        tags=dict(trace.tags),
        logged=trace.steps,
        logged_evidence={s.role: evidence_in(s.output, label, None) for s in trace.steps},
        logged_score=item.score,
        replays=(),
    )


UNSCORABLE = "the label has no answer that a replayed one could be scored by: add gold.answers"


def unreplayed(
    item: Scored, label: Label | None, scorer: Scorer, asked: bool = False, seen: Seen | None = None
) -> Blame:
    """The blame of a failure that is not replayed: its funnel, and why nobody is convicted. `asked` says that a
    replay was wanted, and that the label is not enough for one; `seen` is what the detectors see, where that is known
    already."""
    outputs = [(step.role, step.output) for step in item.trace.steps]
    seen = detected(item.trace, scorer.abstention) if seen is None else seen
    why = lenient(item, scorer)
    facts = Facts(
        level="observed" if label is not None else "unlabelled",
        funnel=(funnel := funnel_of(outputs, label, passed=False, right=_right(item, scorer))),
        finding="scorer" if why else None,
        evidence=why or _told(seen, lost_at(funnel)),
        tags=item.trace.tags,
    )
    reason: Reason = "observed-only" if label is not None and not asked else "no-label"
    detail = UNSCORABLE if label is not None and asked else WHY[reason]
    return without_game(item.trace.trace_id, Undecided(reason, detail), facts)


def _right(item: Scored, scorer: Scorer) -> Callable[[str], bool | None]:
    """Whether a draft of this trace is right, None where that cannot be told."""

    def right(draft: str) -> bool | None:
        score = scorer.score(draft, item.trace.gold).value if item.trace.gold is not None else None
        return None if score is None else scorer.passes(score)

    return right


def _told(seen: Seen, lost: Role | None) -> str | None:
    """What cheap detectors see at the stage that lost the evidence."""
    modes = [mode for role, mode in seen if role == lost]
    return f"the log shows a {lost} that looks {', '.join(modes)}" if modes else None
