"""Where the rules of a gate are written: pyproject.toml, a file of their own, or flags."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from diagnose.errors import BadInput, UsageError, quoted, visible
from diagnose.gate.rules import Rules, rule_of, rules_of

PYPROJECT = "pyproject.toml"
TABLE = "[tool.diagnose.gate]"


def read_rules(file: Path | None, flags: Sequence[str], folder: Path, more: Mapping[str, object]) -> Rules:
    """The rules of a file (else of the nearest pyproject.toml above `folder` that has some), then those of
    `KEY=VALUE` flags, then `more`; later ones win."""
    found = file or nearest(folder)
    rules = (
        Rules() if found is None else rules_of(_table(found, own=file is not None), f"{found.name} {TABLE}")
    )
    table: dict[str, object] = {}
    for flag in flags:
        for key, value in rule_of(flag).items():
            before = table.get(key)
            both = {**before, **value} if isinstance(before, dict) and isinstance(value, dict) else value
            table[key] = both
    rules = rules_of(_over(rules, table), "--rule", rules)
    return rules_of(more, "option", rules)


def nearest(folder: Path) -> Path | None:
    """The nearest pyproject.toml, from the folder upwards, that has rules."""
    for place in (folder.resolve(), *folder.resolve().parents):
        file = place / PYPROJECT
        if file.is_file() and _table(file, own=False):
            return file
    return None


def _over(rules: Rules, table: Mapping[str, object]) -> dict[str, object]:
    """Flags that name one stage or cohort keep the others of the file."""
    merged = dict(table)
    for name in ("blame", "fix_alone", "fidelity"):
        if isinstance(given := table.get(name), Mapping):
            merged[name] = {**getattr(rules, name), **given}
    if isinstance(given := table.get("cohorts"), Mapping):
        merged["cohorts"] = {**{f"{tag}={value}": f for (tag, value), f in rules.cohorts.items()}, **given}
    return merged


def _table(file: Path, own: bool) -> Mapping[str, object]:
    """The gate's table in a TOML file; the whole of one of its own that has no `[tool]` or `[gate]` table."""
    name = visible(str(file))
    try:
        document = tomllib.loads(file.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise UsageError(f"{name}: cannot be read: {visible(error.strerror or str(error))}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"{name}: expected TOML: {visible(str(error))}") from error
    found: object = document
    for key in ("tool", "diagnose", "gate"):
        found = found.get(key) if isinstance(found, Mapping) else None
    if found is None:
        found = document.get("gate", document) if own else {}
    if not isinstance(found, Mapping):
        raise UsageError(f"{name} {TABLE}: expected a table, found {quoted(found)}")
    return found
