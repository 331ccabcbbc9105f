"""Where in a span's attributes the entries of its lists stand, worked out once for all spans with the same names.

The spans of one instrumentation repeat the same few dozen sequences of names. Once a sequence is known, an entry's
fields are cut out of the values together instead of name by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from diagnose.traces.account import Account
from diagnose.traces.attributes import LISTS
from diagnose.traces.listed import Listed, Place, placed, put, split

MAX_NAMES = 300
"""Longer sequences are not kept."""
MAX_LAYOUTS = 256


class _Run(NamedTuple):
    """Fields of one entry that stand together."""

    name: str
    position: int
    fields: tuple[str, ...]
    start: int
    end: int


class _Layout(NamedTuple):
    runs: tuple[_Run, ...]
    others: tuple[tuple[int, str, Place], ...]


def split_values(keys: tuple[str, ...], values: Sequence[Any], account: Account) -> Listed:
    """What `listed.split` makes of `zip(keys, values)`, none of which is None."""
    if len(keys) > MAX_NAMES or (layout := _layout(keys)) is None:
        return split(zip(keys, values, strict=True), account)
    listed = Listed()
    lists = listed.lists
    for name, position, fields, start, end in layout.runs:
        entry = dict(zip(fields, values[start:end]))  # noqa: B905  # as long by construction; `strict` costs time
        items = lists.get(name)
        if items is None:
            items = lists[name] = {}
        items[position] = entry
    for i, key, place in layout.others:
        put(listed, key, values[i], place, account)
    return listed


@lru_cache(maxsize=MAX_LAYOUTS)
def _layout(keys: tuple[str, ...]) -> _Layout | None:
    """The layout, None where a name comes twice, an entry is in two places or a list is one attribute."""
    if len(set(keys)) < len(keys):
        return None
    runs: list[_Run] = []
    others: list[tuple[int, str, Place]] = []
    last, start, fields = None, 0, list[str]()
    for i, key in enumerate((*keys, "")):
        entry, field, place = placed(key)
        if (entry is not None and field is None) or key in LISTS:
            return None
        if entry is not last:
            if last is not None:
                runs.append(_Run(*last, tuple(fields), start, i))
            last, start, fields = entry, i, []
        if entry is None:
            others.append((i, key, place))
        elif field is not None:
            fields.append(field)
    entries = {run[:2] for run in runs}
    whole = len(entries) == len(runs) and all(len(set(run.fields)) == len(run.fields) for run in runs)
    return _Layout(tuple(runs), tuple(others[:-1])) if whole else None
