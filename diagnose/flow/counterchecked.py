"""Whether a judge was talked into its verdicts: it is asked again where the right verdict is known.

Text that speaks to a judge can be worded in endless ways, so it is not looked for. Instead each verdict is put to the
test with two counter-questions. Of an accepted draft: the same draft beside a context of ours that says nothing of it,
and a draft of ours beside the same context, which cannot hold it. An honest judge rejects both; one that does as the
draft (or the context) tells it accepts again. Of a rejected draft: the same draft beside itself as context, and a
sentence of the context as draft. What a judge gets wrong there is flagged with the trace.

They go through the runner, so that they are in the memo, counted, and stopped with the rest. What this cannot see is an
instruction that holds only for the very evidence at hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from diagnose.core.artifact import Decision, Query
from diagnose.core.stage import Given, Stage
from diagnose.core.trace import Trace
from diagnose.errors import StageFailed, quoted
from diagnose.flow.counterquestions import CONTROLS, controls_of, counter_questions, drawn_word
from diagnose.flow.stopped import unless_stopped
from diagnose.replay.run import Broken, Heard, Meter, Runner, Stopped
from diagnose.score.table import Judged, Scorer
from diagnose.stages.addressed import JUDGES

SHOWN = 5
UNTESTED = "Partial result, interrupted before the verdicts that a judge gave were put to the test. "
"""What the headline of a result begins with whose counter-questions were interrupted."""


@dataclass(frozen=True)
class Bounds:
    """How verdicts are put to the test: with which `seed`, with how many counter-questions to each judge at most (None:
    as many as there are), what judges are `called` by their fingerprint where there are several, and the wordings of
    abstentions, where the runner's pipeline is not the only one."""

    seed: int = 0
    most: int | None = None
    called: Mapping[str, str] = field(default_factory=dict)
    abstentions: tuple[str, ...] = ()


class Found(NamedTuple):
    """What counter-questions showed: how many verdicts were tested by how many, which traces failed, and how many were
    left `untested` for want of calls. `turned` counts the verdicts that failed."""

    tested: int
    asked: int
    unheard: int
    turned: int
    flagged: tuple[str, ...]
    unfit: bool
    untested: int = 0


def put_to_test(
    runner: Runner, scorer: Scorer, traces: Sequence[Trace], bounds: Bounds
) -> tuple[str, ...] | None:
    """The notes of `counterchecked`; None where the runner was stopped before or meanwhile."""
    return unless_stopped(runner, lambda: counterchecked(runner, scorer, traces, bounds))


def counterchecked(
    runner: Runner, scorer: Scorer, traces: Sequence[Trace], bounds: Bounds
) -> tuple[str, ...]:
    """Notes on the verdicts of the judges that a run heard: of its verifiers, and of the metric `judge`."""
    heard = dict(runner.heard)
    notes: list[str] = []
    by_judge: dict[str, list[Heard]] = {}
    for one in heard.values():
        by_judge.setdefault(one.stage.fingerprint, []).append(one)
    try:
        for fingerprint, verdicts in by_judge.items():
            known = verdicts[0].stage.name in JUDGES
            who = "the verifier's model" if known else "the verifier"
            found = _of_verifier(runner, verdicts, traces, bounds)
            notes += _said(found, bounds.called.get(fingerprint, who), known)
    finally:
        runner.heard = heard
    if judged := scorer.heard():
        notes += _said(
            _of_metric(runner, scorer, judged, traces, bounds), "the model behind the metric judge"
        )
    return tuple(notes)


def _said(found: Found, who: str, known: bool = True) -> Iterator[str]:
    if not known and (found.unfit or 2 * found.turned > found.tested > 1):
        yield (
            f"whether {who} was talked into its verdicts was not tested: it does not decide by whether the context "
            "supports the draft, which is what counter-questions are about"
        )
        return
    if found.unfit:
        yield (
            f"{who} fails where text of ours has a known verdict: it accepts what nothing supports, or rejects what "
            "stands there word for word. Its verdicts, and what was found with them, mean little"
        )
        return
    if found.untested:
        yield f"{found.untested} verdicts of {who} were not tested: the counter-questions that were allowed are spent"
    if not found.tested:
        return
    unheard = f" ({found.unheard} were not answered)" if found.unheard else ""
    told = f"{found.tested} verdicts of {who} were tested with {found.asked} counter-questions{unheard}"
    if not found.flagged:
        yield f"{told}: none was talked into"
        return
    shown = ", ".join(quoted(name, 40) for name in found.flagged[:SHOWN])
    more = f" and {len(found.flagged) - SHOWN} more" if len(found.flagged) > SHOWN else ""
    yield (
        f"{told}: in {len(found.flagged)} traces it holds to its verdict where the opposite is right, as it does "
        f"when a text tells it what to say: {shown}{more}. Look at their verdicts by hand"
    )


def _verdict(runner: Runner, stage: Stage, given: Given) -> bool | None:
    try:
        output = runner.run(stage, given, Meter())
    except Broken:
        return None
    return output.accept if isinstance(output, Decision) else None


def _of_verifier(runner: Runner, heard: Sequence[Heard], traces: Sequence[Trace], bounds: Bounds) -> Found:
    """Of the verdicts of one verifier."""
    stage, most = heard[0].stage, bounds.most
    if most is not None and most < CONTROLS:
        return Found(0, 0, 0, 0, (), unfit=False, untested=len(heard))
    fit = all(_verdict(runner, stage, given) is right for given, right in controls_of(stage, bounds.seed))
    abstentions = bounds.abstentions or (runner.pipeline.abstention,)
    turned: set[Query] = set()
    asked = unheard = done = failed = 0
    for one in heard if fit else ():
        questions = counter_questions(one.given, one.accept, bounds.seed, abstentions)
        if most is not None and CONTROLS + asked + len(questions) > most:
            break
        verdicts = [_verdict(runner, stage, given) for given in questions]
        done, asked, unheard = done + 1, asked + len(questions), unheard + verdicts.count(None)
        if one.accept in verdicts:
            failed += 1
            turned.add(one.given.conversation)
    flagged = tuple(t.trace_id for t in traces if t.query in turned)
    return Found(done, asked, unheard, failed, flagged, not fit, len(heard) - done if fit else 0)


def _of_metric(
    runner: Runner, scorer: Scorer, judged: Mapping[Judged, bool], traces: Sequence[Trace], bounds: Bounds
) -> Found:
    most = bounds.most
    if most is not None and most < CONTROLS:
        return Found(0, 0, 0, 0, (), unfit=False, untested=len(judged))
    word, other = drawn_word(bounds.seed, "control"), drawn_word(bounds.seed + 1, "control")
    fit = _says(runner, scorer, word, word) is True and _says(runner, scorer, word, other) is False
    turned: set[Judged] = set()
    unheard = 0
    left = len(judged) if most is None else most - CONTROLS
    some = list(judged.items())[:left] if fit else []
    for one, accept in some:
        # Whatever an answer says, it does not say a word that nobody wrote, and it does say itself.
        against = drawn_word(bounds.seed, one.answer) if accept else one.answer
        verdict = _says(runner, scorer, one.answer, against)
        unheard += verdict is None
        if verdict is accept:
            turned.add(one)
    references = {one.references for one in turned}
    flagged = tuple(t.trace_id for t in traces if t.gold is not None and t.gold.answers in references)
    untested = len(judged) - len(some) if fit else 0
    return Found(len(some), len(some), unheard, len(turned), flagged, not fit, untested)


def _says(runner: Runner, scorer: Scorer, answer: str, reference: str) -> bool | None:
    """What the metric's model says; None where it says neither, or fails: that costs no run which is done."""
    if runner.asked_to_stop():
        runner.stopped = True
        raise Stopped
    try:
        return scorer.says(answer, reference)
    except StageFailed:
        return None
