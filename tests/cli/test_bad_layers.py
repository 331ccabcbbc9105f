"""What can be wrong with the other roles: an exit code and a sentence each, and nothing dropped in silence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from diagnose.traces.to_jsonl import write_jsonl
from tests.cli.desks import command, refused
from tests.planted.town import questions, write_town


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight plain functions about towns, and six questions."""
    write_town(tmp_path)
    write_jsonl(tmp_path / "queries.jsonl", questions()[:6])
    return tmp_path


@pytest.mark.parametrize(
    "route, says",
    [
        ("[routes.odd]\ncost = 2\nguard.x = 1", "[routes.odd] guard: no such key; expected cost, rewriter"),
        ("[routes.odd]\ncost = 2\nverifier = 'none'", "routes.odd.verifier: expected a table"),
        ("[routes.odd]\npacker.budget_tokens = 3", "[routes.odd] cost: missing; every route has one"),
        ("[routes.odd]\ncost = 2\nrouter.x = 1", "[routes.odd] router: no such key"),
    ],
)
def test_a_route_that_names_no_stage(folder: Path, route: str, says: str) -> None:
    pipeline = folder / "pipeline.toml"
    pipeline.write_text(f"{pipeline.read_text()}\n{route}\n")
    done = command("record", folder / "queries.jsonl", "-p", pipeline, "-o", folder / "t.jsonl")
    refused(done, 2, says)


@pytest.mark.parametrize(
    "role, function, returned, says",
    [
        ("verifier", "verify", "None", "expected true or false (or a dict with accept"),
        ("verifier", "verify", "{'verdict': 'ok'}", "expected true or false (or a dict with accept"),
        ("verifier", "verify", "{'accept': 'maybe'}", "expected true or false (or a dict with accept"),
        ("verifier", "verify", "(True, 'a', 'b')", "expected true or false (or a dict with accept"),
        ("router", "route", "'huge'", "expected one of the routes small, medium, large"),
        ("router", "route", "None", "expected"),
        ("rewriter", "rewrite", "['a', 'b']", "expected"),
    ],
)
def test_a_stage_that_gives_nothing_of_its_role(
    folder: Path, role: str, function: str, returned: str, says: str
) -> None:
    """Exit 5, and the sentence names the stage, what it returned and what was expected."""
    module = f"own_{abs(hash((role, returned)))}"
    (folder / f"{module}.py").write_text(f"def {function}(query):\n    return {returned}\n")
    pipeline = folder / "pipeline.toml"
    pipeline.write_text(pipeline.read_text().replace(f"town_stages:{function}", f"{module}:{function}"))
    done = command("record", folder / "queries.jsonl", "-p", pipeline, "-o", folder / "t.jsonl")
    refused(done, 5, f"stage {role} ({module}:{function})", says)


@pytest.mark.parametrize(
    "history, says",
    [
        ('"user: hello"', "query.history: expected a list"),
        ("[1, 2]", "query.history[0]: expected an object"),
        ('[["user", "hello"]]', "query.history[0]: expected an object"),
        ('{"user": "hello"}', "query.history: expected a list"),
        ('[{"speaker": "user", "said": "hello"}]', "query.history[0].role: expected text"),
        ('[{"role": "user", "content": 5}]', "query.history[0].content: expected text"),
    ],
)
def test_a_conversation_in_an_unknown_shape(tmp_path: Path, history: str, says: str) -> None:
    line = '{"trace_id": "a", "query": {"text": "How many?", "history": %s}, "gold": {"answers": ["x"]}, '
    line += '"steps": [{"role": "model", "output": {"text": "y"}}]}\n'
    log = tmp_path / "t.jsonl"
    log.write_text(line % history)
    checked = command("check", log, "--json")
    assert checked.exit_code == 3
    [first, *_] = json.loads(checked.stdout)["problems"]
    assert f"{first['field']}: expected {first['expected']}".startswith(says)
    refused(command("run", log, "-o", tmp_path / "out", "--strict"), 3, "t.jsonl:1", says)


def test_a_tables_conversation_in_an_unknown_shape_is_told(tmp_path: Path) -> None:
    """The question is still of use without it, so the row stays; that it lost its turns is said."""
    table = tmp_path / "t.csv"
    table.write_text(
        "id,question,answer,ground_truth,chat_history\n"
        "a,How many?,y,x,user: hello\n"
        'b,How many?,y,x,"[{""role"": ""user"", ""content"": ""hello""}]"\n'
        "c,How many?,y,x,\n"
    )
    done = command("convert", table, "-o", tmp_path / "t.jsonl")
    assert done.exit_code == 0
    said = " ".join(done.stderr.split())
    assert "conversations in an unknown shape: left out, so the question stands alone" in said
    assert "3 traces written" in said
    lines = (tmp_path / "t.jsonl").read_text().splitlines()
    turns = [len(json.loads(line)["query"].get("history", ())) for line in lines]
    assert turns == [0, 1, 0]
