"""What a log holds, what it can claim, and everything that is wrong in it."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from diagnose.core.artifact import Answer, Context, Frozen, Passages
from diagnose.core.coalition import SEPARATOR
from diagnose.core.stage import ROLES, Role
from diagnose.core.trace import TRACE_SCHEMA, Gold, Trace
from diagnose.errors import quoted, visible
from diagnose.traces.account import Account
from diagnose.traces.fields import Known, known, names_in, unknown_fields
from diagnose.traces.from_jsonl import (
    TraceIds,
    decode_trace,
    in_pipeline_order,
    to_trace,
    trace_decoder,
)
from diagnose.traces.limits import DEFAULT_LIMITS, Limits, counted
from diagnose.traces.lines import Line, Problem, read_lines, source_name
from diagnose.traces.read import is_ours, read_log

KEPT_PROBLEMS = 1000
"""Problems a summary keeps; all are counted."""
KEPT_UNKNOWN_FIELDS = 100
"""Different unknown fields that are told apart; a hostile log could have one per line."""

LogLevel = Literal["observed", "unlabelled"]


class Warned(Frozen, frozen=True, omit_defaults=False):
    """Something usable but suspect: in how many traces, and the first of them."""

    what: str
    n: int
    first: str | None = None


class Labels(Frozen, frozen=True, omit_defaults=False):
    """In how many traces each kind of label or measurement is there."""

    answers: int
    gold_passages: int
    unanswerable: int
    outcome_scores: int
    feedback: int
    usage: int
    elapsed: int


class LogSummary(Frozen, frozen=True, omit_defaults=False):
    """What a log holds.

    `n_lines` counts lines that are not blank, `n_traces` the usable ones, `n_queries` those among them
    without steps (queries to record), `n_labelled` those with gold answers, gold passages or the label
    that there is no answer. `level` is what the log can claim by itself and `claim` says that in a
    sentence. `roles` counts the traces with each role, `pipelines` those with each combination of roles
    (`retriever+model`). `n_passages` counts different passages per trace, `n_passages_with_text` those
    whose text is in some step of it. `unknown_fields` counts fields that are ignored. `n_problems`
    counts all problems, `problems` keeps the first thousand. `formats` counts the records of each format of
    another tool; `n_lines` is then the number of traces and problems, and `ids` says where the ids of
    passages were found.
    """

    source: str
    schema: str
    level: LogLevel
    claim: str
    n_lines: int
    n_traces: int
    n_queries: int
    n_labelled: int
    roles: dict[Role, int]
    pipelines: dict[str, int]
    n_passages: int
    n_passages_with_text: int
    labels: Labels
    unknown_fields: dict[str, int]
    warnings: tuple[Warned, ...]
    n_problems: int
    problems: tuple[Problem, ...]
    formats: dict[str, int] = {}
    ids: dict[str, int] = {}


@dataclass
class _Tally:
    """Counts that grow while the log streams by."""

    n: Counter[str] = field(default_factory=Counter)
    roles: Counter[Role] = field(default_factory=Counter)
    pipelines: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    warned: dict[str, Warned] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    gold_by_id: dict[str, str] = field(default_factory=dict)
    ids_with_text: set[str] = field(default_factory=set)

    def warn(self, what: str, trace_id: str | None, n: int = 1) -> None:
        before = self.warned.get(what, Warned(what, 0, trace_id))
        self.warned[what] = Warned(what, before.n + n, before.first)

    def problem(self, problem: Problem) -> None:
        self.n["problems"] += 1
        if len(self.problems) < KEPT_PROBLEMS:
            self.problems.append(problem)


def check_log(path: Path | str, *, limits: Limits = DEFAULT_LIMITS) -> LogSummary:
    """Reads the whole log once and says what is in it (`-`: standard input; gzip is unpacked).

    Logs of other tools (files, folders, globs, a server's URL) are read as `read_log` reads them; what the
    reader noted comes out as warnings. Memory is flat but for the ids of traces and passages. Raises BadInput
    for a file that cannot be read at all; every other fault is a Problem in the summary.
    """
    if not is_ours(path, limits):
        account = Account()
        return check_traces(read_log(path, limits=limits, account=account), account, source_name(path))
    decoder, ids, tally = trace_decoder(), TraceIds(), _Tally()
    names = known(decoder.shape) or Known()
    for line in counted(read_lines(path, limits), Line, limits, source_name(path)):
        tally.n["lines"] += 1
        if isinstance(line, Problem):
            tally.problem(line)
            continue
        _count_unknown(tally, line, names)
        decoded = decode_trace(line, decoder, ids)
        if isinstance(decoded, list):
            for finding in decoded:
                tally.problem(line.problem(finding))
        else:
            _count_trace(tally, to_trace(decoded), in_pipeline_order(decoded))
    _warn_of_log(tally, names)
    return _summary(source_name(path), tally)


def check_traces(found: Iterable[Trace | Problem], account: Account, source: str) -> LogSummary:
    """What is in traces that `read_log` reads, whatever they come from; `account` is the one it fills."""
    tally = _Tally()
    for item in found:
        tally.n["lines"] += 1
        if isinstance(item, Problem):
            tally.problem(item)
        else:
            _count_trace(tally, item, True)
    _warn_of_log(tally, Known())
    for noted in account.summary().notes:
        tally.warn(noted.what, noted.first, noted.n)
    return msgspec.structs.replace(
        _summary(visible(source), tally), formats=dict(account.formats), ids=dict(account.ids)
    )


def _count_unknown(tally: _Tally, line: Line, names: Known) -> None:
    try:
        plain = msgspec.json.decode(line.data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return  # the typed decoder says what is wrong
    for name in unknown_fields(plain, names):
        if name != "schema" and (name in tally.unknown or len(tally.unknown) < KEPT_UNKNOWN_FIELDS):
            tally.unknown[name] += 1


def _count_trace(tally: _Tally, trace: Trace, in_order: bool) -> None:
    tally.n["traces"] += 1
    if trace.steps:
        roles = tuple(step.role for step in trace.steps)
        tally.roles.update(roles)
        tally.pipelines[SEPARATOR.join(roles)] += 1
        if not in_order:
            tally.warn("steps out of pipeline order (they were sorted)", trace.trace_id)
        _warn_of_steps(tally, trace)
    else:
        tally.n["queries"] += 1
    if not trace.query.text.strip():
        tally.warn("blank query", trace.trace_id)
    _count_passages(tally, trace)
    _count_labels(tally, trace)


def _count_passages(tally: _Tally, trace: Trace) -> None:
    has_text: dict[str, bool] = {}
    for step in trace.steps:
        if isinstance(step.output, Passages | Context):
            for passage in step.output.passages:
                has_text[passage.id] = has_text.get(passage.id, False) or bool(passage.text)
    with_text = [passage_id for passage_id, text in has_text.items() if text]
    tally.n["passages"] += len(has_text)
    tally.n["passages_with_text"] += len(with_text)
    tally.ids_with_text.update(with_text)
    if len(with_text) < len(has_text):
        tally.warn("passages without text in any step (a corpus must hold them)", trace.trace_id)


def _count_labels(tally: _Tally, trace: Trace) -> None:
    gold, outcome = trace.gold or Gold(), trace.outcome
    has = {
        "answers": any(answer.strip() for answer in gold.answers),
        "gold_passages": bool(gold.passages),
        "unanswerable": not gold.answerable,
        "outcome_scores": outcome is not None and outcome.score is not None,
        "feedback": outcome is not None and outcome.feedback is not None,
        "usage": any(step.usage for step in trace.steps),
        "elapsed": any(step.elapsed_s is not None for step in trace.steps),
    }
    tally.n.update(has)
    tally.n["labelled"] += has["answers"] or has["gold_passages"] or has["unanswerable"]
    if any(not answer.strip() for answer in gold.answers):
        tally.warn("blank gold answer", trace.trace_id)
    for passage in gold.passages:
        if passage.id and not passage.text and not passage.sentences:
            tally.gold_by_id.setdefault(passage.id, trace.trace_id)
        elif not (passage.id or passage.text or passage.sentences):
            tally.warn("gold passage with neither id nor text nor sentences", trace.trace_id)


def _warn_of_steps(tally: _Tally, trace: Trace) -> None:
    roles = [step.role for step in trace.steps]
    for step in trace.steps:
        output = step.output
        if step.error is not None:
            tally.warn(f"{step.role} logged an error", trace.trace_id)
        if isinstance(output, Passages) and not output.passages:
            tally.warn(f"{step.role} gave no passages", trace.trace_id)
        if isinstance(output, Answer) and not output.text.strip():
            tally.warn("blank answer", trace.trace_id)
        if step.role == "model" and step.usage is None:
            tally.warn("model step without usage (cost per token stays unknown)", trace.trace_id)
    if "model" not in roles:
        tally.warn("no model step, so no logged answer", trace.trace_id)
    elif "packer" not in roles and ("retriever" in roles or "ranker" in roles):
        tally.warn("no packer step, so the context that the model read is not logged", trace.trace_id)


def _warn_of_log(tally: _Tally, names: Known) -> None:
    unseen = [passage_id for passage_id in tally.gold_by_id if passage_id not in tally.ids_with_text]
    if unseen:
        what = "gold passage labelled by id alone whose text is nowhere in the log (a corpus must hold it)"
        tally.warn(what, tally.gold_by_id[unseen[0]], len(unseen))
    if len(tally.pipelines) > 1:
        what = f"{len(tally.pipelines)} different pipelines in one log; the rarer ones"
        tally.warn(what, None, tally.pipelines.total() - max(tally.pipelines.values()))
    vocabulary = names_in(names)
    for name, n in tally.unknown.items():
        near = difflib.get_close_matches(name.rpartition(".")[2], vocabulary, n=1)
        hint = f" (did you mean {quoted(near[0])}?)" if near else ""
        tally.warn(f"unknown field {quoted(name)} is ignored{hint}", None, n)


def _summary(source: str, tally: _Tally) -> LogSummary:
    n, labelled = tally.n, tally.n["labelled"] > 0
    return LogSummary(
        source=source,
        schema=TRACE_SCHEMA,
        level="observed" if labelled else "unlabelled",
        claim=_claim(labelled, n["traces"], n["queries"]),
        n_lines=n["lines"],
        n_traces=n["traces"],
        n_queries=n["queries"],
        n_labelled=n["labelled"],
        roles={role: tally.roles[role] for role in ROLES if tally.roles[role]},
        pipelines=dict(tally.pipelines.most_common()),
        n_passages=n["passages"],
        n_passages_with_text=n["passages_with_text"],
        labels=Labels(*(n[name] for name in Labels.__struct_fields__)),
        unknown_fields=dict(sorted(tally.unknown.items())),
        warnings=tuple(sorted(tally.warned.values(), key=lambda warned: -warned.n)),
        n_problems=n["problems"],
        problems=tuple(tally.problems),
    )


def _claim(labelled: bool, n_traces: int, n_queries: int) -> str:
    if not n_traces:
        return "no usable trace: nothing can be claimed"
    if n_queries == n_traces:
        return "queries without steps: log them with  diagnose record"
    if labelled:
        return "observed: where the evidence was lost; replayable with --pipeline, which can convict a stage"
    return "unlabelled: fidelity, drift and detectors only; gold answers or gold passages would show more"
