"""promptfoo's tables, as JSON and as CSV: a row for each test, an output for each prompt."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

_PROMPT = re.compile(r"^\[[^\]]+\] ")
"""How the column of a prompt's outputs begins: with the provider."""
_FOLLOWING = {("Status", "Score", "Named Scores"), ("Status", "Score", "Grader Reason")}
_REPEATED = re.compile(r" \(\d+\)$")
_SCORES = {"PASS": 1, "FAIL": 0, "ERROR": 0}
_VERDICT = re.compile(r"^\[(PASS|FAIL|ERROR)\](?: \([-\d.]+\))?\s*")


def rows_of_table(table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A result for each output of a table, in the shape that promptfoo's lists of results have."""
    head = table.get("head")
    names = head.get("vars") if isinstance(head, Mapping) else None
    found: list[dict[str, Any]] = []
    for i, row in enumerate(table["body"]):
        outputs = row.get("outputs") if isinstance(row, Mapping) else None
        if not isinstance(outputs, list) or not isinstance(names, list):
            continue
        values = dict(zip(map(str, names), row.get("vars") or (), strict=False))
        for j, output in enumerate(outputs):
            if isinstance(output, Mapping):
                found.append(_result(row, output, values, i, j))
    return found


def _result(
    row: Mapping[str, Any], output: Mapping[str, Any], values: dict[str, Any], i: int, j: int
) -> dict[str, Any]:
    response = output.get("response")
    said = {"output": output.get("text"), "tokenUsage": output.get("tokenUsage")}
    return {
        "testIdx": row.get("testIdx", i),
        "promptIdx": j,
        "vars": values,
        "testCase": row.get("test"),
        "response": response if isinstance(response, Mapping) else said,
        "success": output.get("pass"),
        "score": output.get("score"),
        "latencyMs": output.get("latencyMs"),
        "provider": {"id": output.get("provider")},
        "metadata": output.get("metadata"),
        "prompt": {"raw": output.get("prompt")},
    }


def is_prompt_column(name: str, after: Sequence[str] = ()) -> bool:
    """Whether a column of the CSV form holds the outputs of a prompt: it begins with the provider in brackets, or
    is followed by what became of each output."""
    following = tuple(_bare(column) for column in after[:3])
    return bool(_PROMPT.match(name)) or following in _FOLLOWING


def rows_of_cells(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A row for every prompt of the CSV form, its output under `prediction` and what became of it under `score`,
    the prompt and its provider beside them; any other row as it is."""
    names = [str(name) for name in row]
    starts = [i for i, name in enumerate(names) if is_prompt_column(name, names[i + 1 : i + 4])]
    if not starts:
        return [row]
    found: list[Mapping[str, Any]] = []
    shared = dict(itertools.islice(row.items(), starts[0]))
    for start, end in itertools.pairwise((*starts, len(names))):
        block = {_bare(name): row[name] for name in names[start + 1 : end]}
        if isinstance(cell := row[names[start]], str) and cell.strip():
            found.append({**shared, **_output(names[start], cell, block)})
    return found or [shared]


def _output(column: str, cell: str, block: dict[str, Any]) -> dict[str, Any]:
    verdict, provider = _VERDICT.match(cell), _PROMPT.match(column)
    stated = verdict[1] if verdict else block.pop("Status", None)
    score = block.pop("Score", None)
    found = {name: value for name, value in block.items() if value not in ("", None)}
    found["prediction"] = cell[verdict.end() :] if verdict else cell
    found["score"] = score if score not in ("", None) else _SCORES.get(str(stated))
    found["prompt_label"] = column[provider.end() :] if provider else column
    if provider:
        found["model"] = provider[0].strip(" []")
    return found


def _bare(name: str) -> str:
    """A column's name without the number that tells it from others of its name."""
    return _REPEATED.sub("", name)
