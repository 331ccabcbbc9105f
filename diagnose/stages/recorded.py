"""Stages that answer from a log only: what was logged for an input is what they give for it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from diagnose.core.artifact import Answer, Context, Output, Passage, Passages, Query, Text
from diagnose.core.pipeline import Corpus, Pipeline, ScoreSettings
from diagnose.core.stage import OUTPUT_TYPES, ROLES, TAKES, Given, Role, Stage
from diagnose.core.trace import Step, Trace
from diagnose.errors import BadInput, UsageError, quoted
from diagnose.stages.failure import RunFailed

NAME = "recorded"
NO_MODEL = (
    'a logged answer says nothing of another context, so with use = "recorded" nothing could be blamed: give a '
    "model that runs, or leave out --pipeline for what the log shows by itself"
)
"""Why the model cannot be a recorded stage of a pipeline file."""


@dataclass(frozen=True)
class Logged:
    """What the log has for one input: an output, or the error it ended with."""

    output: Output
    error: str | None


def recorded_stage(role: Role, traces: Iterable[Trace]) -> Stage:
    """The stage of this role as it was logged: an input that is in the log gets the logged output.

    An input is the user's query with its history, and what the earlier steps logged as far as a stage of
    this role takes it (`TAKES`). Of passages the ids and texts count, in order; of a context its text. Where
    one input was logged with two outputs, the first one stands. Any other input raises RunFailed of kind
    `unseen`, a step that was logged with an error one of kind `raised`.
    """
    name = NAME
    log: dict[bytes, Logged] = {}
    for trace in traces:
        step = next((step for step in trace.steps if step.role == role), None)
        if step is None:
            continue
        name = step.name or name
        for key in _kept_under(role, given_in(trace, role)):
            log.setdefault(key, _checked(step, trace))

    def run(given: Given, seed: int | None) -> Output:
        logged = next((log[key] for key in _keys(role, given) if key in log), None)
        if logged is None:
            reason = f"the log has no {role} step for this input (query {quoted(given.query)})"
            raise RunFailed(role, name, "unseen", reason)
        if logged.error is not None:
            raise RunFailed(role, name, "raised", f"was logged with the error {quoted(logged.error)}")
        return logged.output

    return Stage(role=role, name=name, run=run, fingerprint=_fingerprint(role, log), deterministic=True)


def recorded_pipeline(
    traces: Sequence[Trace],
    name: str = NAME,
    corpus: Corpus | None = None,
    score: ScoreSettings | None = None,
) -> Pipeline:
    """A pipeline of recorded stages, one for each role that any of the traces has a step of.

    Raises BadInput where no trace has a model step.
    """
    found = {step.role for trace in traces for step in trace.steps}
    if "model" not in found:
        has = ", ".join(role for role in ROLES if role in found) or "none"
        raise BadInput(f"traces: expected steps that end in an answer (role model), found the roles {has}")
    stages = tuple(recorded_stage(role, traces) for role in ROLES if role in found)
    return Pipeline(name=name, stages=stages, corpus=corpus, score=score or ScoreSettings())


@dataclass(frozen=True)
class Recorded:
    """A stage of a pipeline file that answers from the log (see `recorded`)."""

    stage: Stage
    deterministic = True

    @property
    def identity(self) -> str:
        """The digest of what was logged."""
        return self.stage.fingerprint

    def __call__(
        self,
        query: str,
        conversation: Query,
        passages: Sequence[Passage],
        context: Context | None,
        answer: Answer | None,
    ) -> Output:
        return self.stage.run(Given(query, conversation, tuple(passages), context, answer), None)


def recorded(role: Role, traces: Sequence[Trace] | None = None) -> Recorded:
    """`recorded`: Gives what the log that is replayed has for the same input, for a stage that cannot be run here.

    Any other input has no output: where a repair of an earlier stage changes what this one gets, the failure stays
    undecided (`not-replayable`). The first stage of a pipeline loses nothing by it. The model cannot be recorded.
    """
    if traces is None:
        raise UsageError("use: recorded answers from the log of  diagnose run ; here there is none")
    if not any(trace.output(role) is not None for trace in traces):
        has = ", ".join(r for r in ROLES if any(t.output(r) is not None for t in traces)) or "none"
        raise UsageError(f"use: recorded finds no {role} step in the log; it has steps of {has}")
    return Recorded(recorded_stage(role, [_with_texts(trace) for trace in traces]))


def weakened(pipeline: Pipeline, traces: Iterable[Trace]) -> tuple[str, ...]:
    """What a report lacks because stages of the log are recorded in the pipeline file, or not in it at all."""
    logged = {step.role for trace in traces for step in trace.steps}
    left_out = [role for role in ROLES if role in logged and role not in pipeline.roles]
    notes = [
        f"the log has a {role}, the pipeline has none: it is no part of the replay, and what it did is blamed on "
        f'others or on nobody (one that cannot be run: [stages.{role}] use = "recorded")'
        for role in left_out
    ]
    fixed = [stage.role for stage in pipeline.stages if stage.name == NAME]
    if not fixed:
        return tuple(notes)
    notes += [
        f"not run, the log stands in: {', '.join(fixed)}. Their fidelity is 1 by construction and says nothing"
    ]
    if later := [role for role in fixed if role != pipeline.roles[0]]:
        notes.append(
            f"where a repaired stage changes what the {' or '.join(later)} gets, the log has no output for it: those "
            "failures stay undecided (not-replayable), and what is blamed on earlier stages is too little"
        )
    return tuple(notes)


def _with_texts(trace: Trace) -> Trace:
    """The trace with texts for passages that a later step names by id alone, as a replay hands them on."""
    texts: dict[str, str] = {}
    steps: list[Step] = []
    for step in trace.steps:
        if isinstance(step.output, Passages):
            passages = tuple(
                p if p.text or p.id not in texts else msgspec.structs.replace(p, text=texts[p.id])
                for p in step.output.passages
            )
            for passage in passages:
                texts.setdefault(passage.id, passage.text)
            steps.append(msgspec.structs.replace(step, output=Passages(passages)))
        else:
            steps.append(step)
    return msgspec.structs.replace(trace, steps=tuple(steps))


def given_in(trace: Trace, role: Role) -> Given:
    """What the stage of this role was called with, as far as the trace's earlier steps say."""
    rewritten = trace.output("rewriter") if ROLES.index(role) > ROLES.index("rewriter") else None
    context, answer = trace.output("packer"), trace.output("model")
    return Given(
        query=rewritten.text if isinstance(rewritten, Text) else trace.query.text,
        conversation=trace.query,
        passages=_passages_before(trace, role),
        context=context if isinstance(context, Context) else None,
        answer=answer if isinstance(answer, Answer) else None,
    )


def _passages_before(trace: Trace, role: Role) -> tuple[Passage, ...]:
    passages: tuple[Passage, ...] = ()
    for step in trace.steps:
        if ROLES.index(step.role) < ROLES.index(role) and isinstance(step.output, Passages):
            passages = step.output.passages
    return passages


def _checked(step: Step, trace: Trace) -> Logged:
    expected = OUTPUT_TYPES[step.role]
    if not isinstance(step.output, expected):
        found = type(step.output).__name__.lower()
        where = f"trace {quoted(trace.trace_id)} step {step.role}"
        raise BadInput(f"{where}: expected a {expected.__name__.lower()}, found a {found}")
    return Logged(step.output, step.error)


def _kept_under(role: Role, given: Given) -> list[bytes]:
    """The digests a logged input is kept under: the exact one, and of passages without any text their ids'."""
    keys = _keys(role, given)
    bare = bool(given.passages) and not any(passage.text for passage in given.passages)
    return [keys[0], keys[-1]] if bare and "passages" in TAKES[role] else keys[:1]


def _keys(role: Role, given: Given) -> list[bytes]:
    """The digests an input is looked up under, the exact one first.

    There are two where passages are taken: the one of their texts and the one of their ids alone, under which
    passages are kept that were logged by id. There are two where a context is taken: the one of its text, and the
    one of its passages, under which the step of a pipeline without a packer is kept (its log has no context text).
    """
    parts: dict[str, object] = {
        "query": given.query,
        "conversation": given.conversation,
        "passages": _plain(given.passages),
        "answer": given.answer.text if given.answer is not None else None,
    }
    taken = [parts[name] for name in TAKES[role] if name in parts]
    if "passages" in TAKES[role]:
        ids = [passage.id for passage in given.passages]
        return [_digest([given.conversation, *taken]), _digest([given.conversation, given.query, "ids", ids])]
    if "context" not in TAKES[role]:
        return [_digest([given.conversation, *taken])]
    unpacked = _digest([given.conversation, *taken, "passages", _plain(given.passages)])
    if given.context is None:
        return [unpacked]
    return [_digest([given.conversation, *taken, "text", given.context.text]), unpacked]


def _plain(passages: tuple[Passage, ...]) -> list[tuple[str, str]]:
    return [(passage.id, passage.text) for passage in passages]


def _digest(value: object) -> bytes:
    return hashlib.sha256(msgspec.json.encode(value)).digest()


def _fingerprint(role: Role, log: Mapping[bytes, Logged]) -> str:
    total = hashlib.sha256(role.encode())
    encode: Callable[[object], bytes] = msgspec.json.encode
    for key in sorted(log):
        total.update(key + encode(log[key].output) + encode(log[key].error) + b"\n")
    return total.hexdigest()
