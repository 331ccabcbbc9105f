from __future__ import annotations

import json
from pathlib import Path

import pytest

from diagnose.core.artifact import Answer, Context, Decision, Passage, Passages, Query, Text
from diagnose.core.blame import Blame, FunnelStep, Undecided
from diagnose.core.game import Game, Runs
from diagnose.core.replay import Case, Ran, Replay
from diagnose.core.trace import Gold, Step, Usage
from diagnose.errors import BadInput
from diagnose.traces.lines import Problem
from diagnose.traces.saved import read_blames, read_cases, read_games
from diagnose.traces.to_jsonl import write_jsonl

ROLES = ["retriever", "model"]
WORTH = {"": 0.0, "retriever": 0.5, "model": 0.0, "retriever+model": 1.0}


def game(tmp_path: Path, **fields: object) -> list[Game | Problem]:
    path = tmp_path / "games.jsonl"
    path.write_text(json.dumps({"trace_id": "q1", "roles": ROLES, "worth": WORTH} | fields))
    return list(read_games(path))


def problem(tmp_path: Path, **fields: object) -> str:
    (item,) = game(tmp_path, **fields)
    assert isinstance(item, Problem)
    return str(item).removeprefix(f"{tmp_path}/games.jsonl:1 ")


def test_games_come_back(tmp_path: Path) -> None:
    games = [
        Game("q1", ("retriever", "model"), WORTH, Runs(3, 9, 14)),
        Game("q2", ("model",), {"": 0.0, "model": 1.0}),
    ]
    assert write_jsonl(tmp_path / "g", games) == 2
    assert list(read_games(tmp_path / "g")) == games


def test_a_table_written_by_hand_may_be_in_any_order(tmp_path: Path) -> None:
    by_hand = {" model + retriever ": 1, "model": 0, "": 0, "retriever": 0.5}
    (read,) = game(tmp_path, roles=["model", "retriever"], worth=by_hand)
    assert read == Game("q1", ("retriever", "model"), WORTH)


@pytest.mark.parametrize(
    "fields, message",
    [
        (
            {"worth": {"retriever": 0.5}},
            'worth: expected all 4 coalitions, found none of "", "model", "retriever+model"',
        ),
        ({"roles": ["retriever", "ranker", "packer", "model"], "worth": {"": 0}}, "and 7 more"),
        (
            {"worth": WORTH | {"ranker": 1}},
            'worth: expected a coalition (retriever, model joined by +), found "ranker"',
        ),
        ({"worth": WORTH | {"model+model": 1}}, 'found "model+model"'),
        (
            {"worth": WORTH | {"model+retriever": 1}},
            'worth: expected each coalition once, found "model+retriever" again',
        ),
        ({"worth": WORTH | {"": "low"}}, 'worth[""]: expected a number, found "low"'),
        ({"worth": WORTH | {"": None}}, 'worth[""]: expected a number, found null'),
        ({"worth": WORTH | {"model": float("nan")}}, "worth.model: expected a number, found NaN"),
        ({"roles": []}, "roles: expected 1 to 8 different roles"),
        ({"roles": ["model", "model"]}, "roles: expected 1 to 8 different roles"),
        ({"roles": ["generator"]}, 'roles[0]: expected one of "router", '),
        ({"schema": "diagnose.trace/1"}, 'schema: expected "diagnose.game/1", found "diagnose.trace/1"'),
    ],
)
def test_faulty_games_say_what_is_missing(tmp_path: Path, fields: dict[str, object], message: str) -> None:
    items = [str(item) for item in game(tmp_path, **fields) if isinstance(item, Problem)]
    assert message in items[0], items


def test_a_trace_has_one_game(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "g", [Game("q1", ("model",), {"": 0.0, "model": 1.0})] * 2)
    first, second = read_games(tmp_path / "g")
    assert isinstance(first, Game)
    assert str(second).endswith(':2 trace_id: expected an id of its own (line 1 has it already), found "q1"')


def test_blames_come_back(tmp_path: Path) -> None:
    blames = [
        Blame(
            "q1",
            "replayed",
            "ranker",
            "demoted",
            {"ranker": 0.75, "model": 0.25},
            1.0,
            0.0,
            (("ranker",), ("retriever", "model")),
            {"ranker": 1.0},
            {"ranker": 0.5},
            {"ranker+model": -0.5},
            funnel=(FunnelStep("retriever", True), FunnelStep("ranker", None)),
            runs=Runs(3, 9, 14),
            confidence=1.0,
        ),
        Blame("q2", "observed", "undecided", undecided=Undecided("noise", "too few", 0.4, 20)),
    ]
    write_jsonl(tmp_path / "b", blames)
    assert list(read_blames(tmp_path / "b")) == blames


def test_blame_that_does_not_add_up_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "blame.jsonl"
    path.write_text(
        '{"trace_id": "q", "level": "replayed", "verdict": "model", "shares": {"model": 0.5}, "loss": 1}'
    )
    (item,) = read_blames(path)
    assert str(item) == f"{path}:1: expected fields that agree, found shares add up to 0.5, the loss is 1.0"


def test_cases_come_back_with_outputs_by_role(tmp_path: Path) -> None:
    ran = (
        Ran("rewriter", Text("q")),
        Ran("retriever", Passages((Passage("d1", "t", 1.0),)), True, True),
        Ran("packer", Context("t", (Passage("d1"),)), False, None),
        Ran("model", Answer("a", 3, 4, "stop")),
        Ran("verifier", Decision(True)),
    )
    case = Case(
        trace_id="q1",
        query=Query("q"),
        gold=Gold(("a",)),
        tags={"tenant": "acme"},
        logged=(Step("model", Answer("b"), usage=Usage(1)),),
        logged_evidence={"model": None, "retriever": True},
        logged_score=0.0,
        replays=(Replay("", ran[:-1], "a", 1.0), Replay("retriever+model", ran, None, None, "timeout")),
    )
    write_jsonl(tmp_path / "c", [case])
    assert list(read_cases(tmp_path / "c")) == [case]


def test_a_case_with_an_output_of_another_role_names_the_field(tmp_path: Path) -> None:
    case = Case(
        "q", Query("q"), None, {}, (), {}, None, (Replay("", (Ran("packer", Answer("a")),), "a", 1.0),)
    )
    write_jsonl(tmp_path / "c", [case])
    text = (tmp_path / "c").read_text().replace('"text":"a",', "").replace('{"text":"a"}', '{"passages":3}')
    (tmp_path / "c").write_text(text)
    fields = [item.field for item in read_cases(tmp_path / "c") if isinstance(item, Problem)]
    assert fields == ["replays[0].ran[0].output.text", "replays[0].ran[0].output.passages"]


@pytest.mark.parametrize("read", [read_games, read_blames, read_cases])
def test_files_that_are_no_lines_are_refused(tmp_path: Path, read: object) -> None:
    assert callable(read)
    with pytest.raises(BadInput, match="no such file"):
        list(read(tmp_path / "gone"))
