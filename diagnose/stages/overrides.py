"""Settings of a pipeline file changed from outside: `stages.ranker.top_n=1,3,5,10`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from diagnose.errors import UsageError, quoted

WHOLE = "whole"
"""The compressor that leaves passages as they are."""
Overrides = Mapping[str, object]
"""Values by dotted key; None takes the key out."""
Table = Mapping[str, object]
SWEPT = ("stages", "routes")
"""Tables whose settings can be swept. Not `score` or the corpus: cells are compared under one of each."""


@dataclass(frozen=True)
class Axis:
    """One setting and the values it is to take, at least one, none twice."""

    key: str
    values: tuple[object, ...]


def axis_of(text: str) -> Axis:
    """An axis as it is written on the command line, or UsageError.

    Values are TOML (numbers, true, false, quoted text), separated by commas; what is no TOML is text.

    >>> axis_of("stages.ranker.top_n=1,3,5")
    Axis(key='stages.ranker.top_n', values=(1, 3, 5))
    """
    key, sign, listed = text.partition("=")
    key = key.strip()
    parts = key.split(".")
    if not sign or not listed.strip() or len(parts) < 2 or not all(parts):
        raise UsageError(f"--sweep {quoted(text)}: expected KEY=VALUE,VALUE like stages.ranker.top_n=1,3,5")
    if parts[0] not in SWEPT:
        raise UsageError(f"--sweep {quoted(key)}: expected a key under {', '.join(SWEPT)}")
    values = _values(listed)
    if len({repr(value) for value in values}) < len(values):
        raise UsageError(f"--sweep {quoted(text)}: expected different values, found one of them twice")
    return Axis(key, values)


def _values(listed: str) -> tuple[object, ...]:
    try:
        return tuple(tomllib.loads(f"v = [{listed}]")["v"])
    except tomllib.TOMLDecodeError:
        return tuple(_value(item.strip()) for item in listed.split(","))


def _value(item: str) -> object:
    try:
        return tomllib.loads(f"v = {item}")["v"]
    except tomllib.TOMLDecodeError:
        return item


def grid_size(axes: Sequence[Axis]) -> int:
    """How many combinations the axes have.

    >>> grid_size([Axis("a.b", (1, 2)), Axis("a.c", (1, 2, 3))])
    6
    """
    return prod(len(axis.values) for axis in axes)


def grid_of(axes: Sequence[Axis]) -> list[Overrides]:
    """Every combination of the axes' values, the last axis fastest. UsageError where two axes are one key."""
    keys = [axis.key for axis in axes]
    for key in keys:
        if keys.count(key) > 1:
            raise UsageError(f"--sweep {quoted(key)}: expected each key once, found it twice")
    return [dict(zip(keys, cell, strict=True)) for cell in product(*(axis.values for axis in axes))]


def overridden(document: Table, overrides: Overrides, file: str) -> dict[str, object]:
    """The document with these settings; the document itself stays as it is."""
    changed = dict(document)
    for key, value in overrides.items():
        changed = _with(changed, key.split("."), value, f"{file} {key}")
    stages = changed.get("stages")
    compressor = stages.get("compressor") if isinstance(stages, Mapping) else None
    if isinstance(compressor, Mapping) and compressor.get("use") == WHOLE and len(compressor) > 1:
        # What another compressor was set to means nothing to the one that leaves passages as they are.
        return _with(changed, ["stages", "compressor"], {"use": WHOLE}, file)
    return changed


def _with(table: Table, parts: Sequence[str], value: object, where: str) -> dict[str, object]:
    head, *rest = parts
    changed = dict(table)
    if not rest:
        changed.pop(head, None)
        return changed if value is None else {**changed, head: value}
    inner = table.get(head, {})
    if not isinstance(inner, Mapping):
        raise UsageError(f"{where}: expected a table at {head}, found {quoted(str(inner))}")
    if (
        head in ("router", "rewriter", "retriever", "ranker", "compressor", "packer", "verifier")
        and not inner
    ):
        raise UsageError(f"{where}: the pipeline has no {head} to set this for")
    return {**changed, head: _with(inner, rest, value, where)}
