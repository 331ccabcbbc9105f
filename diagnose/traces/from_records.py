"""Tables of questions, answers and what was retrieved: Ragas, RAGChecker, DeepEval, promptfoo, CSV, data sets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from diagnose.core.artifact import Answer, Context, Passage, Passages, Query, Turn
from diagnose.core.trace import Gold, GoldPassage, Outcome, Provenance, Step, Trace, Usage
from diagnose.errors import quoted
from diagnose.traces.account import Account, count_name
from diagnose.traces.cited import as_number, passages_in
from diagnose.traces.columns import GOLD, TAG, Columns, looked_up
from diagnose.traces.costs import count
from diagnose.traces.documents import Document
from diagnose.traces.infer import IDS
from diagnose.traces.judged import NO, YES, Judgement, labelled_by
from diagnose.traces.lines import Problem
from diagnose.traces.packed import pieces_of
from diagnose.traces.passage_ids import PassageIds, TextOf
from diagnose.traces.rows import plain_cell
from diagnose.traces.said import answer_in, history_in, messages_in, query_in
from diagnose.traces.span import Cited

ASSERTED = frozenset({"equals", "contains", "icontains", "similar", "factuality", "is-equal"})
"""promptfoo's assertions whose value is an accepted answer."""
METRIC_KIND = re.compile(r"\W*\[?\(?geval\)?\]?\W*$", re.IGNORECASE)


class Row:
    """A row with its columns by what they hold; `read` collects the columns that were used."""

    def __init__(self, row: Mapping[str, Any], columns: Columns) -> None:
        self.row, self.columns = row, columns
        self.read: set[str] = set()

    def get(self, target: str) -> Any:
        """The value of the first column for the target that has one."""
        for column in self.columns.get(target, ()):
            value = plain_cell(looked_up(self.row, column))
            if value is not None and value != "" and column not in self.read:
                self.read.add(column)
                return value
        return None

    def has(self, target: str) -> bool:
        """Whether any column for the target holds something."""
        return any(looked_up(self.row, column) not in (None, "") for column in self.columns.get(target, ()))


def trace_of_record(
    document: Document, format: str, columns: Columns, account: Account, text_of: TextOf | None = None
) -> Trace | Problem:
    """The trace of a row: a retriever's step where passages are there, a packer's for a text of context, a
    model's for an answer; the labels."""
    row = Row(document.value, columns)
    asked = row.get("query")
    query = query_in(asked)
    if query is None:
        names = ", ".join(quoted(str(name), 30) for name in list(document.value)[:8])
        account.n["left out"] += 1
        return Problem(
            document.source, document.line, "", "a column that holds the question (--map query=COLUMN)", names
        )
    gold = gold_of(row, format, account, labels_only=not _is_log(row, format))
    answer = answer_in(row.get("answer"))
    steps = tuple(_steps(row, answer, account, text_of))
    trace = Trace(
        _trace_id(row, document, format),
        Query(query, _history(row, asked)),
        steps,
        gold,
        _outcome(row, format, account),
        _tags(row),
        Provenance(format, None),
    )
    _tell(trace, row, account)
    return trace


def _is_log(row: Row, format: str) -> bool:
    """Whether `answer` is what a model said: in a table that has a reference, or retrieved passages, beside it."""
    return format not in ("records", "dataset") or row.has("gold.answers") or row.has("passages")


def _trace_id(row: Row, document: Document, format: str) -> str:
    if format == "promptfoo" and row.row.get("testIdx") is not None:
        return f"{row.row.get('testIdx')}-{row.row.get('promptIdx', 0)}"
    found = row.get("trace_id")
    if isinstance(found, str | int) and not isinstance(found, bool) and str(found).strip():
        return str(found)
    name = document.source.replace("\\", "/").rpartition("/")[2]
    return f"{name}:{document.line}"


def _history(row: Row, asked: Any) -> tuple[Turn, ...]:
    stated = messages_in(row.get("history"))
    return stated or (history_in(asked) if isinstance(asked, Mapping | list) else ())


def _steps(row: Row, answer: str | None, account: Account, text_of: TextOf | None) -> Iterable[Step]:
    ids = PassageIds((), text_of)
    listed, id_list = row.get("passages"), row.get("passage_ids")
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
    del ids


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


def gold_of(row: Row, format: str, account: Account, labels_only: bool = False) -> Gold | None:
    """The labels of a row. With `labels_only` its `answer` is the accepted one."""
    answers = texts_of(row.get("gold.answers"))
    if labels_only and not answers:
        column = next((name for name in GOLD["gold.answers"] if row.row.get(name) not in (None, "")), None)
        if column is not None and (found := texts_of(plain_cell(row.row[column]))):
            answers = found
            row.read.add(column)
            if format != "gold":
                what = f'column "{column}" is taken for the gold answer (--map answer={column} if a model said it)'
                account.note(what)
    if format == "promptfoo" and not answers:
        answers = _asserted(row.row)
    passages = [
        *(GoldPassage(text=text) for text in _passage_texts(row.get("gold.passages"))),
        *(GoldPassage(id=name) for name in _ids(row.get("gold.ids"))),
    ]
    passages = _zipped(passages)
    if sentences := texts_of(row.get("gold.sentences")):
        first = passages[0] if passages else GoldPassage()
        passages = [GoldPassage(first.id, first.text, tuple(sentences)), *passages[1:]]
    answerable = _flag(row.get("answerable"))
    if _flag(row.row.get("is_impossible")) is True:
        answerable = False
    if not answers and not passages and answerable is not False:
        return None
    return Gold(tuple(answers), tuple(passages), answerable=answerable is not False)


def _zipped(passages: list[GoldPassage]) -> list[GoldPassage]:
    """Ids and texts as one list where there are as many of the ones as of the others."""
    texts = [passage.text for passage in passages if passage.text is not None]
    names = [passage.id for passage in passages if passage.id is not None]
    if texts and len(texts) == len(names):
        return [GoldPassage(name, text) for name, text in zip(names, texts, strict=True)]
    return passages


def _passage_texts(value: Any) -> list[str]:
    cited = passages_in(value, bare=True) if isinstance(value, list | Mapping) else None
    if cited is not None:
        return [item.text for item in cited if item.text]
    return texts_of(value)


def _ids(value: Any) -> list[str]:
    if isinstance(value, list):
        return [str(item) for item in value if isinstance(item, str | int)]
    return [str(value)] if isinstance(value, str | int) and not isinstance(value, bool) else []


def texts_of(value: Any) -> list[str]:
    """The texts of a cell: one, a list of them, or the `text` of SQuAD's answers."""
    if isinstance(value, Mapping):
        value = next((value[key] for key in ("text", "value", "answer", "answers") if key in value), None)
    if isinstance(value, list):
        return list(dict.fromkeys(text for item in value for text in texts_of(item)))
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    if isinstance(value, int | float):
        return [str(value)]
    return [value] if isinstance(value, str) and value.strip() else []


def _asserted(row: Mapping[str, Any]) -> list[str]:
    case = row.get("testCase")
    asserts = case.get("assert") if isinstance(case, Mapping) else None
    return [
        text
        for item in (asserts if isinstance(asserts, list) else ())
        if isinstance(item, Mapping) and str(item.get("type")) in ASSERTED
        for text in texts_of(item.get("value"))
    ]


def _outcome(row: Row, format: str, account: Account) -> Outcome | None:
    score = _unit(row.get("score"))
    if format == "promptfoo" and score is None:
        score = _unit(row.row.get("success"))
    feedback = as_number(row.get("feedback"))
    metrics = row.row.get("metricsData", row.row.get("metrics_data"))
    if isinstance(metrics, list):
        named = [
            Judgement(METRIC_KIND.sub("", str(m.get("name", ""))), m.get("score"))
            for m in metrics
            if isinstance(m, Mapping)
        ]
        labelled = labelled_by(named, account)
        score = labelled.score if labelled and score is None else score
    feedback = feedback if feedback is not None and -1 <= feedback <= 1 else None
    return Outcome(score, feedback) if score is not None or feedback is not None else None


def _unit(value: Any) -> float | None:
    flag = _flag(value)
    if flag is not None:
        return float(flag)
    number = as_number(value)
    return number if number is not None and 0 <= number <= 1 else None


def _flag(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    return True if word in YES else False if word in NO else None


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
    used = {column.partition(".")[0] for column in row.read}
    for column, value in row.row.items():
        if column not in used and value not in (None, "", [], {}):
            count_name(account.attributes, str(column))
