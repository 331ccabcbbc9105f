"""A row of a table, its cells by what they hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diagnose.traces.columns import Columns, looked_up
from diagnose.traces.judged import NO, YES
from diagnose.traces.rows import plain_cell

DEEPEVAL_JOINT = "|"
"""What its CSV and JSON lines put between passages."""


class Row:
    """A row with its columns by what they hold; `read` collects the columns that were used."""

    def __init__(self, row: Mapping[str, Any], columns: Columns, format: str = "records") -> None:
        self.row, self.columns, self.format = row, columns, format
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


def flag_of(value: Any) -> bool | None:
    """A yes or a no; None where a cell is neither."""
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    return True if word in YES else False if word in NO else None
