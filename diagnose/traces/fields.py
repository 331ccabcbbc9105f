"""Everything that is wrong in a decoded JSON value, field by field.

msgspec decodes fast and stops at the first fault; this walk runs only over values that it refused.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import inspect

from diagnose.core.stage import ROLES
from diagnose.errors import quoted
from diagnose.traces.lines import Finding

NOTHING = "nothing (the field is missing)"
MAX_FINDINGS = 1000
"""Findings reported of one line; a line of a million wrong items is told by its first thousand."""

_ROLE_RANK: dict[object, int] = {role: i for i, role in enumerate(ROLES)}
_WORDS: dict[type[inspect.Type], tuple[str, type | tuple[type, ...]]] = {
    inspect.StrType: ("text", str),
    inspect.FloatType: ("a number", (int, float)),
    inspect.IntType: ("a whole number", int),
    inspect.BoolType: ("true or false", bool),
    inspect.StructType: ("an object", dict),
    inspect.DictType: ("an object", dict),
    inspect.VarTupleType: ("a list", list),
    inspect.ListType: ("a list", list),
}


def findings(value: object, shape: inspect.Type, field: str = "") -> Iterator[Finding]:
    """What in `value` (JSON as plain objects) does not fit `shape` (`msgspec.inspect.type_info(…)`).

    Rules that a type checks by itself when it is built are not seen.
    """
    if isinstance(shape, inspect.UnionType):
        yield from _union(value, shape, field)
    elif isinstance(shape, inspect.LiteralType):
        if value not in shape.values or isinstance(value, bool):
            yield Finding(field, one_of(shape.values), found(value))
    elif type(shape) in _WORDS:
        words, types = _WORDS[type(shape)]
        misfit = not isinstance(value, types) or (isinstance(value, bool) and types is not bool)
        if misfit or (isinstance(value, float) and not math.isfinite(value)):
            yield Finding(field, words, found(value))
        else:
            yield from _inside(value, shape, field)


def _inside(value: Any, shape: inspect.Type, field: str) -> Iterator[Finding]:
    if isinstance(shape, inspect.StructType):
        for part in shape.fields:
            name = join(field, part.encode_name)
            if part.encode_name in value:
                yield from findings(value[part.encode_name], part.type, name)
            elif part.required:
                yield Finding(name, expected(part.type), NOTHING)
    elif isinstance(shape, inspect.DictType):
        for key, item in value.items():
            yield from findings(key, shape.key_type, f"{field}[{quoted(key)}]")
            yield from findings(item, shape.value_type, f"{field}[{quoted(key)}]")
    elif isinstance(shape, inspect.VarTupleType | inspect.ListType):
        for i, item in enumerate(value):
            yield from findings(item, shape.item_type, f"{field}[{i}]")


def _union(value: object, shape: inspect.UnionType, field: str) -> Iterator[Finding]:
    members = [member for member in shape.types if not isinstance(member, inspect.NoneType)]
    if value is None and len(members) < len(shape.types):
        return
    if len(members) == 1:
        yield from findings(value, members[0], field)
        return
    tagged = {m.tag: m for m in members if isinstance(m, inspect.StructType) and m.tag is not None}
    if not isinstance(value, dict) or not tagged:
        if all(any(findings(value, member, field)) for member in members):
            yield Finding(field, expected(shape), found(value))
        return
    tag_field = next(iter(tagged.values())).tag_field or ""
    tag = value.get(tag_field)
    if isinstance(tag, str) and tag in tagged:
        yield from findings(value, tagged[tag], field)
    else:
        what = found(tag) if tag_field in value else NOTHING
        yield Finding(join(field, tag_field), one_of(tuple(tagged)), what)


def expected(shape: inspect.Type) -> str:
    """The shape in words: `a number`, `text`, `one of "all", "any"`."""
    if isinstance(shape, inspect.UnionType):
        words = [expected(member) for member in shape.types if not isinstance(member, inspect.NoneType)]
        return " or ".join(dict.fromkeys(words))
    if isinstance(shape, inspect.LiteralType):
        return one_of(shape.values)
    return _WORDS[type(shape)][0] if type(shape) in _WORDS else "another value"


def one_of(values: tuple[object, ...]) -> str:
    """`one of "all", "any"`; just the value where there is one."""
    if all(value in _ROLE_RANK for value in values):
        values = tuple(sorted(values, key=lambda role: _ROLE_RANK[role]))  # msgspec sorts by alphabet
    listed = ", ".join(quoted(value) for value in values)
    return listed if len(values) == 1 else f"one of {listed}"


def found(value: object) -> str:
    """A JSON value for a message: scalars as JSON writes them and clipped, containers by kind."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, dict):
        return "an object" if value else "an empty object"
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "an empty list"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return str(value) if isinstance(value, float) or -(10**20) < int(str(value)) < 10**20 else "a huge number"


def join(field: str, name: str) -> str:
    """The path of a field inside another."""
    return f"{field}.{name}" if field else name


class Known(msgspec.Struct):
    """The names a type knows, with those below that have names of their own; `by_tag` for tagged unions."""

    names: frozenset[str] = frozenset()
    below: dict[str, Known] = {}
    each: Known | None = None
    tag_field: str | None = None
    by_tag: dict[str, Known] = {}


def known(shape: inspect.Type) -> Known | None:
    """The tree of names below `shape`, or None where there are none (so that whole branches are skipped)."""
    if isinstance(shape, inspect.UnionType):
        members = [m for m in shape.types if not isinstance(m, inspect.NoneType)]
        tagged = {str(m.tag): m for m in members if isinstance(m, inspect.StructType) and m.tag is not None}
        if not tagged:
            return known(members[0]) if len(members) == 1 else None
        by_tag = {tag: _known_struct(member) for tag, member in tagged.items()}
        return Known(tag_field=next(iter(tagged.values())).tag_field, by_tag=by_tag)
    if isinstance(shape, inspect.VarTupleType | inspect.ListType):
        return Known(each=item) if (item := known(shape.item_type)) else None
    return _known_struct(shape) if isinstance(shape, inspect.StructType) else None


def _known_struct(shape: inspect.StructType) -> Known:
    below = {part.encode_name: tree for part in shape.fields if (tree := known(part.type))}
    names = {part.encode_name for part in shape.fields} | ({shape.tag_field} if shape.tag_field else set())
    return Known(frozenset(names), below)


def unknown_fields(value: object, tree: Known, field: str = "") -> Iterator[str]:
    """The paths of fields in `value` that no type knows, with `[]` for any position: `steps[].outptu`."""
    if tree.each is not None:
        if isinstance(value, list):
            for item in value:
                yield from unknown_fields(item, tree.each, f"{field}[]")
    elif isinstance(value, Mapping):
        if tree.tag_field is not None:
            tree = tree.by_tag.get(str(value.get(tree.tag_field)), tree)
        if not tree.names:
            return
        for name in value.keys() - tree.names:
            yield join(field, name)
        for name, subtree in tree.below.items():
            if name in value:
                yield from unknown_fields(value[name], subtree, join(field, name))


def names_in(tree: Known) -> list[str]:
    """Every name in the tree, sorted: what a misspelt field may have meant."""
    trees = [*tree.below.values(), *tree.by_tag.values(), *([tree.each] if tree.each else [])]
    return sorted({*tree.names, *(name for below in trees for name in names_in(below))})
