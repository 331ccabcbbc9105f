"""The labels in a row of a table: accepted answers, gold passages and sentences, whether there is an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diagnose.core.trace import Gold, GoldPassage
from diagnose.traces.account import Account
from diagnose.traces.cited import passages_in
from diagnose.traces.columns import GOLD
from diagnose.traces.rows import plain_cell
from diagnose.traces.said import answer_in
from diagnose.traces.table_row import DEEPEVAL_JOINT, Row, flag_of

ASSERTED = frozenset({"equals", "contains", "icontains", "similar", "factuality", "is-equal"})
"""promptfoo's assertions whose value is an accepted answer."""


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
        *_gold_passages(row.get("gold.passages"), row.format),
        *(GoldPassage(id=name) for name in _ids(row.get("gold.ids"))),
    ]
    passages = _zipped(passages)
    if sentences := texts_of(row.get("gold.sentences")):
        first = passages[0] if passages else GoldPassage()
        passages = [GoldPassage(first.id, first.text, tuple(sentences)), *passages[1:]]
    answerable = flag_of(row.get("answerable"))
    if flag_of(row.row.get("is_impossible")) is True:
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


def _gold_passages(value: Any, format: str) -> list[GoldPassage]:
    cited = passages_in(value, bare=True) if isinstance(value, list | Mapping) else None
    if cited is not None:
        return [GoldPassage(item.id, item.text or None) for item in cited if item.id or item.text]
    if isinstance(value, str) and format == "deepeval":
        value = value.split(DEEPEVAL_JOINT)
    return [GoldPassage(text=text) for text in texts_of(value)]


def _ids(value: Any) -> list[str]:
    if isinstance(value, list):
        return [str(item) for item in value if isinstance(item, str | int)]
    return [str(value)] if isinstance(value, str | int) and not isinstance(value, bool) else []


def texts_of(value: Any) -> list[str]:
    """The texts of a cell: one, a list of them, or the `text` of SQuAD's answers."""
    if isinstance(value, Mapping):
        stated = next((value[key] for key in ("text", "value", "answer", "answers") if key in value), None)
        lone = next(iter(value.values())) if len(value) == 1 else None
        value = stated if stated is not None else answer_in(value) or lone
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
