"""What is written of any value comes back as that value, for formats of plain rows (traces: tests/traces)."""

from __future__ import annotations

import os
import re
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diagnose.cli.compared import document
from diagnose.cli.unfinished import Unfinished
from diagnose.core.baseline import Baseline
from diagnose.core.blame import Blame, Undecided
from diagnose.core.budget import Budget, Sweep
from diagnose.core.coalition import keys
from diagnose.core.game import Game, Runs
from diagnose.core.outcome import TraceOutcome
from diagnose.core.replay import Case, Ran, Replay
from diagnose.core.report import Report
from diagnose.core.stage import OUTPUT_TYPES, ROLES, in_order
from diagnose.core.swap import Swaps
from diagnose.core.trace import Step, Usage
from diagnose.core.trust import Trust
from diagnose.core.verdict import Comparison, GateVerdict
from diagnose.report.to_json import json_report, read_report
from diagnose.traces.outcomes import read_outcomes
from diagnose.traces.saved import read_blames, read_cases, read_games
from diagnose.traces.to_jsonl import write_jsonl
from tests.conftest import ROOT

DRAWS = 500 if os.environ.get("DIAGNOSE_TORTURE") else 15
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NUMBER = st.floats(0, 1)
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: st.integers(0, 2**53),
    float: NUMBER,
    bool: st.booleans(),
    type(None): st.none(),
    msgspec.UnsetType: st.just(msgspec.UNSET),
}


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a type as the program's structs use them."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind in PLAIN:
        return PLAIN[kind]
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (typing.Union, types.UnionType):
        return st.one_of([values_of(one) for one in arguments])
    if origin is tuple and arguments[-1] is not Ellipsis:
        return st.tuples(*(values_of(one) for one in arguments))
    if origin is tuple:
        return st.lists(values_of(arguments[0]), max_size=1).map(tuple)
    if origin is dict:
        return st.dictionaries(values_of(arguments[0]), values_of(arguments[1]), max_size=1)
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{name: values_of(hints[name]) for name in kind.__struct_fields__})


def _ids(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Two values with ids that differ and are not empty."""
    return st.lists(values, min_size=1, max_size=2).map(
        lambda found: [msgspec.structs.replace(v, trace_id=f"{i} {v.trace_id}x") for i, v in enumerate(found)]
    )


@st.composite
def games(draw: st.DrawFn) -> Game:
    roles = in_order(tuple(draw(st.sets(st.sampled_from(ROLES), min_size=1, max_size=3)) | {"model"}))
    return Game(draw(TEXT), roles, {key: draw(st.floats(0, 1)) for key in keys(roles)}, draw(values_of(Runs)))


@st.composite
def blames(draw: st.DrawFn) -> Blame:
    fields = {k: values_of(v) for k, v in typing.get_type_hints(Blame).items()}
    fixed = ("shares", "loss", "verdict", "undecided")
    made = {name: draw(fields[name]) for name in Blame.__struct_fields__ if name not in fixed}
    share, undecided = draw(st.floats(-1, 1)), draw(st.booleans())
    return Blame(
        **made,
        verdict="undecided" if undecided else "ranker",
        undecided=draw(values_of(Undecided)) if undecided else None,
        shares={"ranker": share},
        loss=share,
    )


@st.composite
def steps(draw: st.DrawFn) -> Step:
    role = draw(st.sampled_from(ROLES))
    return Step(
        role,
        draw(values_of(OUTPUT_TYPES[role])),
        draw(TEXT),
        draw(NUMBER),
        draw(values_of(Usage)),
        draw(TEXT),
    )


@st.composite
def replays(draw: st.DrawFn) -> Replay:
    role = draw(st.sampled_from(ROLES))
    ran = Ran(role, draw(values_of(OUTPUT_TYPES[role])), draw(st.booleans()), draw(values_of(bool | None)))
    return Replay(draw(TEXT), (ran,), draw(TEXT), draw(NUMBER), draw(values_of(str | None)))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    fields = typing.get_type_hints(Case)
    made = {name: draw(values_of(fields[name])) for name in fields if name not in ("logged", "replays")}
    return Case(**made, logged=tuple(draw(st.lists(steps(), max_size=2))), replays=(draw(replays()),))


FORMATS: dict[str, tuple[st.SearchStrategy[Any], Callable[[Path], Any]]] = {
    "outcomes": (values_of(TraceOutcome), read_outcomes),
    "games": (games(), read_games),
    "blames": (blames(), read_blames),
    "cases": (cases(), read_cases),
}


@pytest.mark.parametrize("name", FORMATS)
@given(data=st.data())
@settings(max_examples=DRAWS, deadline=None, suppress_health_check=QUIET)
def test_lines(name: str, data: st.DataObject, tmp_path: Path) -> None:
    strategy, read = FORMATS[name]
    values = data.draw(_ids(strategy))
    path = tmp_path / "values.jsonl"
    write_jsonl(path, values)
    assert list(read(path)) == values


@given(report=st.deferred(lambda: values_of(Report)))
@settings(max_examples=DRAWS, deadline=None, suppress_health_check=QUIET)
def test_reports(report: Report, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_bytes(json_report(report))
    assert read_report(tmp_path) == report


DOCUMENTS: tuple[type[Any], ...] = (
    *(Baseline, Swaps, Sweep, Budget, GateVerdict, Comparison, Trust, Unfinished),
)


@pytest.mark.parametrize("kind", DOCUMENTS, ids=lambda kind: kind.__name__)
@given(data=st.data())
@settings(max_examples=DRAWS, deadline=None, suppress_health_check=QUIET)
def test_documents(kind: type[Any], data: st.DataObject) -> None:
    value = data.draw(values_of(kind))
    assert msgspec.json.decode(document(value), type=kind) == value


def test_every_format_is_tried() -> None:
    """Every format that docs/formats.md has comes back: here, or (traces) in tests/traces."""
    named = set(re.findall(r"diagnose\.([a-z]+)/1", (ROOT / "docs" / "formats.md").read_text()))
    tags = [str(kind.__struct_config__.tag) for kind in DOCUMENTS if kind.__struct_config__.tag]
    documents = {tag.removeprefix("diagnose.").removesuffix("/1") for tag in tags}
    assert named - documents == {"trace", "outcome", "game", "blame", "replay", "report"}
