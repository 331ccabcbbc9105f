"""Tables of questions, answers and what was retrieved: Ragas, RAGChecker, DeepEval, promptfoo, CSV, data sets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from diagnose.core.artifact import Answer, Context, Passage, Passages, Query, Turn
from diagnose.core.trace import Outcome, Provenance, Step, Trace, Usage
from diagnose.errors import quoted
from diagnose.traces.account import Account, count_name
from diagnose.traces.cited import as_number, passages_in
from diagnose.traces.columns import TAG, Columns, grouped
from diagnose.traces.costs import count
from diagnose.traces.documents import Document
from diagnose.traces.gold_columns import gold_of
from diagnose.traces.infer import IDS
from diagnose.traces.judged import Judgement, labelled_by
from diagnose.traces.lines import Problem
from diagnose.traces.packed import pieces_of
from diagnose.traces.passage_ids import PassageIds, TextOf
from diagnose.traces.said import answer_in, history_in, messages_in, query_in
from diagnose.traces.span import Cited
from diagnose.traces.table_row import DEEPEVAL_JOINT, Row, flag_of

KNOWN: Mapping[str, frozenset[str]] = {
    "promptfoo": frozenset(
        {"success", "testCase", "testIdx", "promptIdx", "promptId", "gradingResult", "id", "cost"}
    ),
    "deepeval": frozenset({"metricsData", "metrics_data"}),
    "records": frozenset({"annotations"}),
}
"""Columns that are read by no name of a target, or are a tool's own numbering."""
OF_LOGS = frozenset(
    {
        *(
            "latency",
            "latency_ms",
            "latency_s",
            "latencyMs",
            "duration",
            "duration_ms",
            "elapsed_ms",
            "elapsed_s",
        ),
        *(
            "start_time",
            "end_time",
            "startTime",
            "endTime",
            "trace_id",
            "traceId",
            "span_id",
            "record_id",
            "app_id",
        ),
        *("total_tokens", "prompt_tokens", "completion_tokens", "total_cost", "session_id", "sessionId"),
    }
)
"""Columns that a data set of questions and reference answers has not: who has them logged what a model said."""
METRIC_KIND = re.compile(r"\W*\[?\(?geval\)?\]?\W*$", re.IGNORECASE)


def trace_of_record(
    document: Document, format: str, columns: Columns, account: Account, text_of: TextOf | None = None
) -> Trace | Problem:
    """The trace of a row: a retriever's step where passages are there, a packer's for a text of context, a
    model's for an answer; the labels."""
    row = Row(grouped(document.value), columns, format)
    asked = row.get("query")
    query = query_in(asked)
    if query is None:
        names = ", ".join(quoted(str(name), 30) for name in list(document.value)[:8])
        account.n["left out"] += 1
        return Problem(
            document.source, document.line, "", "a column that holds the question (--map query=COLUMN)", names
        )
    gold = gold_of(row, format, account, labels_only=not _is_log(row, format))
    answer = answer_in(row.get("answer")) or _last_said(asked)
    steps = tuple(_steps(row, answer, account, text_of))
    trace = Trace(
        _trace_id(row, document, format, account),
        Query(query, _history(row, asked, account)),
        steps,
        gold,
        _outcome(row, format, account),
        _tags(row),
        Provenance(format, None),
    )
    _tell(trace, row, account)
    return trace


def _last_said(asked: Any) -> str | None:
    """The answer that ends a conversation, where the question's column holds all of it."""
    turns = messages_in(asked) if isinstance(asked, list) else ()
    return turns[-1].content if turns and turns[-1].role == "assistant" else None


def _is_log(row: Row, format: str) -> bool:
    """Whether `answer` is what a model said: in a table that has a reference, or retrieved passages, beside it."""
    if format not in ("records", "dataset") or row.has("gold.answers") or row.has("passages"):
        return True
    return not OF_LOGS.isdisjoint(row.row)


def _trace_id(row: Row, document: Document, format: str, account: Account) -> str:
    if format == "promptfoo" and row.row.get("testIdx") is not None:
        return f"{row.row.get('testIdx')}-{row.row.get('promptIdx', 0)}"
    found = row.get("trace_id")
    if isinstance(found, str | int) and not isinstance(found, bool) and str(found).strip():
        return str(found)
    return account.place(document.source, document.line)


def _history(row: Row, asked: Any, account: Account) -> tuple[Turn, ...]:
    held = row.get("history")
    stated = messages_in(held)
    if held and not stated and held != asked:
        expected = "expected a list of turns with role and content"
        account.note(f"conversations in an unknown shape: left out, so the question stands alone; {expected}")
    return stated or (history_in(asked) if isinstance(asked, Mapping | list) else ())


def _steps(row: Row, answer: str | None, account: Account, text_of: TextOf | None) -> Iterable[Step]:
    listed, id_list = row.get("passages"), row.get("passage_ids")
    if isinstance(listed, str) and row.format == "deepeval":
        listed = listed.split(DEEPEVAL_JOINT)
    context = row.get("context")
    if isinstance(context, list) and listed is None:
        listed, context = context, None
    cited = passages_in(listed, bare=True) if not isinstance(listed, str) else None
    if isinstance(listed, str) and context is None:
        context = listed
    if cited is None and isinstance(id_list, list):
        cited = tuple(Cited(id=str(name), id_from="id") for name in id_list)
    passages: tuple[Passage, ...] = ()
    if cited is not None:
        named = _named(cited, id_list)
        found = [PassageIds(named, text_of).passage(item, item.tags) for item in named]
        passages = tuple(passage for passage, _ in found)
        account.n["passages"] += len(passages)
        account.n["passages with text"] += sum(bool(passage.text) for passage in passages)
        for _, id_from in found:
            account.ids[IDS[id_from]] += 1
        yield Step("retriever", Passages(passages))
    if isinstance(context, str):
        held = tuple(piece.passage for piece in pieces_of(passages, context))
        yield Step("packer", Context(context, held))
    elif isinstance(prompt := row.get("prompt"), str) and (pieces := pieces_of(passages, prompt)):
        packed = prompt[pieces[0].start : max(piece.end for piece in pieces)]
        yield Step("packer", Context(packed, tuple(piece.passage for piece in pieces)))
    if answer is not None:
        model = row.get("model")
        usage = Usage(count(row.get("prompt_tokens")), count(row.get("completion_tokens")))
        yield Step(
            "model",
            Answer(answer),
            name=model if isinstance(model, str) else None,
            elapsed_s=_elapsed(row),
            usage=usage if usage != Usage() else None,
        )


def _named(cited: Sequence[Cited], ids: Any) -> tuple[Cited, ...]:
    if not isinstance(ids, list) or len(ids) != len(cited):
        return tuple(cited)
    return tuple(
        msgspec.structs.replace(item, id=str(name), id_from="id") if name not in (None, "") else item
        for item, name in zip(cited, ids, strict=True)
    )


def _elapsed(row: Row) -> float | None:
    seconds, milliseconds = as_number(row.get("elapsed_s")), as_number(row.get("elapsed_ms"))
    found = seconds if seconds is not None else milliseconds / 1000 if milliseconds is not None else None
    return found if found is not None and found >= 0 else None


def _outcome(row: Row, format: str, account: Account) -> Outcome | None:
    score = _unit(row.get("score"))
    if format == "promptfoo" and score is None:
        score = _unit(row.row.get("success"))
    feedback = as_number(row.get("feedback"))
    metrics = row.row.get("metricsData", row.row.get("metrics_data", row.row.get("annotations")))
    if isinstance(metrics, list):
        named = [
            Judgement(METRIC_KIND.sub("", str(m.get("name", ""))), m.get("score"), m.get("label"))
            for m in metrics
            if isinstance(m, Mapping)
        ]
        labelled = labelled_by(named, account)
        score = labelled.score if labelled and score is None else score
    feedback = feedback if feedback is not None and -1 <= feedback <= 1 else None
    return Outcome(score, feedback) if score is not None or feedback is not None else None


def _unit(value: Any) -> float | None:
    flag = flag_of(value)
    if flag is not None:
        return float(flag)
    number = as_number(value)
    return number if number is not None and 0 <= number <= 1 else None


def _tags(row: Row) -> dict[str, str]:
    found: dict[str, str] = {}
    for target in row.columns:
        if target.startswith(TAG) and (value := row.get(target)) is not None:
            found[target[len(TAG) :]] = str(value)
    return found


def _tell(trace: Trace, row: Row, account: Account) -> None:
    account.n["traces"] += 1
    for step in trace.steps:
        account.stages[step.role] += 1
    used = {column.partition(".")[0] for column in row.read} | KNOWN.get(row.format, frozenset())
    for column, value in row.row.items():
        if column not in used and value not in (None, "", [], {}):
            count_name(account.attributes, str(column))
