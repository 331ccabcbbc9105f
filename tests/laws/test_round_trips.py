"""What is written of any value comes back as that value, for formats of plain rows (traces: tests/traces)."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diagnose.core.baseline import Baseline
from diagnose.core.blame import Blame, Undecided
from diagnose.core.coalition import keys
from diagnose.core.game import Game, Runs
from diagnose.core.outcome import TraceOutcome
from diagnose.core.stage import ROLES, in_order
from diagnose.traces.outcomes import read_outcomes
from diagnose.traces.saved import read_blames, read_games
from diagnose.traces.to_jsonl import write_jsonl

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


FORMATS: dict[str, tuple[st.SearchStrategy[Any], Callable[[Path], Any]]] = {
    "outcomes": (values_of(TraceOutcome), read_outcomes),
    "games": (games(), read_games),
    "blames": (blames(), read_blames),
}


@pytest.mark.parametrize("name", FORMATS)
@given(data=st.data())
@settings(max_examples=15, deadline=None, suppress_health_check=QUIET)
def test_lines(name: str, data: st.DataObject, tmp_path: Path) -> None:
    strategy, read = FORMATS[name]
    values = data.draw(_ids(strategy))
    path = tmp_path / "values.jsonl"
    write_jsonl(path, values)
    assert list(read(path)) == values


@given(baseline=values_of(Baseline))
@settings(max_examples=15, deadline=None, suppress_health_check=QUIET)
def test_baselines(baseline: Baseline) -> None:
    assert msgspec.json.decode(msgspec.json.encode(baseline), type=Baseline) == baseline
