"""Data frames written as one JSON object: by column, by row, split, or as plain lists side by side."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_SPAN_AND_PLACE = re.compile(r"^\(['\"]([0-9a-f]{16})['\"], ?(\d{1,9})\)$")

IsKnown = Callable[[Any], bool]
"""Whether a value is a row that some reader knows."""


def is_frame(document: Mapping[str, Any], is_known: IsKnown) -> bool:
    """Whether an object is a table: objects with one set of keys throughout, lists of one length whose entries
    make known rows, or pandas' `split` and `table` forms."""
    if document.keys() >= {"columns", "data"} and isinstance(document["columns"], list):
        return True
    values = list(document.values())
    if not values or (len(document) < 2 and not isinstance(values[0], Mapping)):
        return False
    if all(isinstance(value, list) for value in values):
        lengths = {len(value) for value in values}
        return len(lengths) == 1 and lengths != {0} and is_known(_across(document, 0))
    if not all(isinstance(value, Mapping) and value for value in values):
        return False
    if len(values) == 1:
        return is_known(values[0])
    return all(value.keys() == values[0].keys() for value in values[1:])


def rows_of(document: Mapping[str, Any], is_known: IsKnown) -> list[Any]:
    """The rows of such an object; a row that was told apart by its span or trace id alone has it as a column."""
    if isinstance(document.get("columns"), list) and isinstance(document.get("data"), list):
        names = document["columns"]
        rows = [dict(zip(names, row, strict=False)) for row in document["data"] if isinstance(row, list)]
        index = document.get("index")
        if isinstance(index, list) and len(index) == len(rows):
            return [_indexed(place, row) for place, row in zip(index, rows, strict=True)]
        return rows
    values = list(document.values())
    if values and all(isinstance(value, list) for value in values):
        return [_across(document, i) for i in range(len(values[0]))]
    if values and is_known(values[0]):  # one object for each row
        return [_indexed(name, row) for name, row in document.items()]
    columns = {name: column for name, column in document.items() if isinstance(column, Mapping)}
    first: Mapping[str, Any] = next(iter(columns.values()), {})
    return [_indexed(row, {name: column.get(row) for name, column in columns.items()}) for row in first]


def _across(document: Mapping[str, Any], i: int) -> dict[str, Any]:
    return {name: column[i] for name, column in document.items()}


def _indexed(name: Any, row: Any) -> Any:
    """A row with what pandas keeps of it in the index."""
    if not isinstance(row, Mapping):
        return row
    if isinstance(name, str) and (both := _SPAN_AND_PLACE.match(name)):
        name = [both[1], both[2]]  # an index of two levels, as `to_json` prints one
    if isinstance(name, list) and len(name) == 2 and isinstance(name[0], str):
        return {"context.span_id": name[0], "document_position": name[1], **row}
    if not isinstance(name, str) or (
        name.isdigit() and len(name) < 16
    ):  # rows numbered, with no index of their own
        return row
    if "context.trace_id" in row and not row.get("context.span_id"):
        return {**row, "context.span_id": name}
    if "spans" in row and "trace_id" not in row and "request_id" not in row:
        return {**row, "trace_id": name}
    return row
