"""The proposed routes as tables of a pipeline file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from diagnose.core.budget import Cell, Complexity, Setting

SIZES = {1: ("all",), 2: ("small", "large"), 3: ("small", "medium", "large")}


def route_table(
    cells: Sequence[Cell], chosen: Sequence[int], model: Complexity | None, cuts: Sequence[float]
) -> str:
    """A `router` stage and its `[routes.NAME]` tables, to be pasted into the pipeline file.

    `chosen` is the cell of each tier, one more than `cuts`. Routes go by cost; tiers that need the same budget
    share one.
    """
    order = sorted(set(chosen), key=lambda cell: (cells[cell].tokens, cell))
    names = SIZES.get(len(order)) or tuple(f"budget-{i + 1}" for i in range(len(order)))
    name_of = dict(zip(order, names, strict=True))
    lines = [
        "[stages.router]",
        'use = "by-complexity"',
        f"bias = {_toml(float(model.bias) if model else 0.0)}",
        f"thresholds = [{', '.join(_toml(float(cut)) for cut in cuts)}]",
        f"tiers = [{', '.join(_toml(name_of[cell]) for cell in chosen)}]",
    ]
    lines += ["", "[stages.router.weights]"]
    lines += [f"{name} = {_toml(float(weight))}" for name, weight in (model.weights if model else {}).items()]
    for cell in order:
        lines += [
            "",
            f"[routes.{name_of[cell]}]",
            f"cost = {round(cells[cell].tokens, 1)!r}  # tokens a query",
        ]
        lines += _overrides(cells[cell].settings, f"routes.{name_of[cell]}")
    return "\n".join(lines) + "\n"


def _overrides(settings: Mapping[str, Setting], where: str) -> list[str]:
    """The settings of a cell as tables under a route; keys below a stage's own are tables again."""
    tables: dict[str, list[str]] = {}
    for key, value in settings.items():
        if not key.startswith("stages.") or key == "stages.router" or value is None:
            continue  # a route can change a stage's settings, and nothing else
        _, role, *inner = key.split(".")
        path = ".".join([where, role, *inner[:-1]])
        tables.setdefault(path, []).append(f"{inner[-1]} = {_toml(value)}")
    return [line for path, lines in tables.items() for line in ("", f"[{path}]", *lines)]


def _toml(value: Setting) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    # JSON strings are TOML's but for the delete character, which JSON leaves as it is.
    return json.dumps(value).replace("\x7f", "\\u007f") if isinstance(value, str) else repr(value)
