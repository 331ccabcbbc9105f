from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from diagnose.ablate.probe import probed
from diagnose.attribute import modes
from diagnose.attribute.mode_texts import MODES
from diagnose.attribute.number_texts import FINDING_TEXTS, LEVELS, NUMBERS, PLACES, REASONS
from diagnose.attribute.remedy import minimal_repairs
from diagnose.attribute.shapley import divide
from diagnose.attribute.verdict import convicted
from diagnose.core.blame import Blame, Finding, Level, Reason
from diagnose.core.game import Game
from diagnose.core.report import Report
from diagnose.core.stage import ROLES
from diagnose.flow import sampled
from diagnose.repairs import packer
from tests.conftest import ROOT

DESIGNED = {
    "router": "starved wasteful",
    "rewriter": "drifted dropped-context stale intruding",
    "retriever": "missed stale empty duplicated",
    "ranker": "demoted inverted no-op cut",
    "compressor": "lost distorted",
    "packer": "truncated dropped duplicated reordered garbled over-window budget",
    "model": "ignored distracted position unstable over-abstained cut-off closed-book invented",
    "verifier": "false-reject false-accept",
}
PAGE = ROOT / "docs" / "how-blame-is-computed.md"


def test_every_mode_of_the_design_is_explained() -> None:
    assert set(MODES) == {(role, mode) for role, names in DESIGNED.items() for mode in names.split()}
    for (role, mode), entry in MODES.items():
        assert (entry.of, entry.name, entry.kind) == (role, mode, "mode")
        for text in (entry.definition, entry.formula, entry.evidence, entry.remedy, entry.source):
            assert text
            assert len(text) > 10
        assert entry.remedy is not None
        assert entry.remedy.endswith(".")


def test_every_mode_a_detector_names_is_explained() -> None:
    named = {(role, mode) for role, detector in modes.DETECTORS.items() for mode in returned(detector)}
    named |= {("packer", mode) for mode in returned(packer.faults) & set(DESIGNED["packer"].split())}
    assert len(named) > 15
    assert {mode for mode in named if mode not in MODES} == set()


def test_every_mode_of_the_table_is_named_by_something_that_looks() -> None:
    """Detectors, the ablations of a convicted model, and repeats; a page about a mode that nobody finds is a lie."""
    named = {(role, mode) for role, detector in modes.DETECTORS.items() for mode in returned(detector)}
    named |= {("packer", mode) for mode in returned(packer.faults)}
    named |= {("model", mode) for mode in returned(probed)}
    assert "unstable" in {
        node.value for node in ast.walk(source_of(sampled)) if isinstance(node, ast.Constant)
    }
    assert set(MODES) - {("model", "unstable")} <= named


def source_of(module: Any) -> ast.Module:
    return ast.parse(inspect.getsource(module))


def returned(function: Any) -> set[str]:
    """The texts that stand in a function's return statements, or first in its tuples."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(inspect.getsource(function))):
        if isinstance(node, ast.Return) and node.value is not None:
            values = (
                [node.value.body, node.value.orelse] if isinstance(node.value, ast.IfExp) else [node.value]
            )
        else:
            values = node.elts[:1] if isinstance(node, ast.Tuple) else []
        found |= {v.value for v in values if isinstance(v, ast.Constant) and isinstance(v.value, str)}
    return found


def test_every_number_is_explained_and_no_other() -> None:
    structs = {struct for root in (Game, Blame, Report) for struct in _structs(root)}
    assert {struct.__name__ for struct in structs} == set(PLACES)
    fields = {f"{PLACES[s.__name__]}.{field}" for s in structs for field in s.__struct_fields__}
    assert len(fields) > 90
    assert fields == set(NUMBERS)


def _structs(kind: Any) -> Iterator[Any]:
    """The struct types that a value of this type can hold, itself included."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
        for inner in get_type_hints(kind).values():
            yield from _structs(inner)
    else:
        for inner in get_args(kind):
            yield from _structs(inner)


@pytest.mark.parametrize("place", NUMBERS)
def test_a_number_says_what_it_is(place: str) -> None:
    entry = NUMBERS[place]
    assert entry.address == place
    assert len(entry.definition) > 8
    assert entry.source
    if entry.kind == "number":
        assert entry.range
        assert entry.unit


def test_every_word_of_a_verdict_is_explained() -> None:
    assert tuple(LEVELS) == get_args(Level)
    assert tuple(FINDING_TEXTS) == get_args(Finding)
    assert set(REASONS) == set(get_args(Reason))
    assert all(
        entry.name == name for name, entry in [*LEVELS.items(), *FINDING_TEXTS.items(), *REASONS.items()]
    )


def test_the_page_names_every_word_it_has_to() -> None:
    text = PAGE.read_text(encoding="utf-8")
    words = [*get_args(Reason), *get_args(Finding), *get_args(Level)]
    assert [word for word in words if f"| `{word}` |" not in text] == []
    assert [role for role in ROLES if f"| {role} |" not in text] == []


def test_sources_in_the_repository_are_there() -> None:
    found = 0
    for entry in [
        *MODES.values(),
        *NUMBERS.values(),
        *LEVELS.values(),
        *FINDING_TEXTS.values(),
        *REASONS.values(),
    ]:
        for source in (entry.source or "").split("; "):
            path, _, heading = source.partition(", ")
            if path.startswith(("docs/", "diagnose/")):
                assert (ROOT / path).is_file(), entry.address
                assert f"## {heading}" in PAGE.read_text(encoding="utf-8")
                found += 1
    assert found > 100


def test_the_page_states_constants_as_they_are() -> None:
    rows = re.findall(
        r"^\| `([a-z_]+\.[\w.]+)` \| ([\d.e-]+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(rows) > 10
    for name, value in rows:
        layer, module, attribute, *rest = name.split(".")
        found: Any = getattr(importlib.import_module(f"diagnose.{layer}.{module}"), attribute)
        for part in rest:
            found = getattr(found, part)
        assert float(value) == found, name


def test_the_worked_example_is_right() -> None:
    text = PAGE.read_text(encoding="utf-8")
    block = re.search(r"<!-- worked example -->\n```json\n(.*?)```", text, re.DOTALL)
    assert block is not None
    plain = json.loads(block[1])
    assert plain.pop("schema") == "diagnose.game/1"
    game = msgspec.convert(plain, Game)
    parts = divide(game)
    (minimal,) = minimal_repairs(game, 0.5)
    expected = [
        f"loss         {parts.loss:g}",
        f"residual     {parts.residual:g}",
        f"shares       {_listed(parts.shares)}",
        f"necessity    {_listed(parts.necessity)}",
        f"sufficiency  {_listed(parts.sufficiency)}",
        f"interaction  {_listed(parts.interactions)}",
        f"minimal      {', '.join(minimal)}",
        f"verdict      {convicted(parts.shares, ())}",
    ]
    assert "\n".join("    " + line for line in expected) in text


def _listed(values: Any) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in values.items())
