"""promptfoo's tables, as JSON and as CSV: a row for each test, an output for each prompt."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_PROMPT = re.compile(r"^\[[^\]]+\] ")
"""How the column of a prompt's outputs begins: with the provider."""
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


def of_cells(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row of the CSV form with its first output under `prediction` and what became of it under `score`;
    any other row as it is."""
    column = next((name for name in row if name and _PROMPT.match(name)), None)
    if column is None or not isinstance(cell := row[column], str):
        return row
    verdict = _VERDICT.match(cell)
    stated = verdict[1] if verdict else row.get("Status")
    found = {name: value for name, value in row.items() if name not in (column, "Status")}
    found["prediction"] = cell[verdict.end() :] if verdict else cell
    found.setdefault("score", row.get("Score", {"PASS": 1, "FAIL": 0, "ERROR": 0}.get(str(stated))))
    return found
