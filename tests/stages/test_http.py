from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from diagnose.core.artifact import (
    Answer,
    Context,
    Decision,
    Output,
    Passage,
    Passages,
    Query,
    Route,
    Text,
    Turn,
)
from diagnose.core.stage import OUTPUT_TYPES, Role, Stage
from diagnose.errors import UsageError
from diagnose.stages.failure import RunFailed
from diagnose.stages.load import load_pipeline
from tests.stages.local_server import LocalServer, json_reply, local_server, reply
from tests.stages.made import BIKES, HANDBOOK, LEAVE, given

LEAVE_JSON = {"id": "d1", "text": LEAVE.text, "score": 2.0, "title": "Leave"}
BIKES_JSON = {"id": "d2", "text": BIKES.text, "score": 1.0}
ASKED = given(
    "parental leave length",
    (LEAVE, BIKES),
    Context("sixteen weeks", (LEAVE,)),
    Answer("Sixteen."),
    Query("And how long?", (Turn("user", "Is there leave?"),)),
)


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with local_server() as server:
        yield server


def stage(server: LocalServer, folder: Path, role: Role, more: str = "") -> Stage:
    """The stage of a pipeline file in which every stage but the model is this one."""
    text = f'[stages.{role}]\nuse = "http"\nurl = "{server.url}/{role}"\n{more}\n'
    if role != "model":
        text += '[stages.model]\nuse = "extract"\n'
    if role == "router":
        text += "[routes.small]\n[routes.large]\n"
    (folder / "p.toml").write_text(text)
    return next(s for s in load_pipeline(folder / "p.toml", {"THE_KEY": "k"}).stages if s.role == role)


CASES: dict[Role, tuple[dict[str, Any], Any, Output]] = {
    "router": ({}, {"route": "small"}, Route("small")),
    "rewriter": (
        {"query": "parental leave length", "history": [{"role": "user", "content": "Is there leave?"}]},
        {"text": "how long is leave"},
        Text("how long is leave"),
    ),
    "retriever": ({}, {"passages": [LEAVE_JSON, BIKES_JSON]}, Passages((LEAVE, BIKES))),
    "ranker": (
        {"passages": [LEAVE_JSON, BIKES_JSON]},
        {"passages": [{"id": "d2", "score": 0.5}]},
        Passages((Passage("d2", BIKES.text, 0.5),)),
    ),
    "compressor": (
        {"passages": [LEAVE_JSON, BIKES_JSON]},
        {"passages": [{"id": "d1", "text": "sixteen weeks"}]},
        Passages((Passage("d1", "sixteen weeks", None, "Leave"),)),
    ),
    "packer": (
        {"passages": [LEAVE_JSON, BIKES_JSON]},
        {"text": f"1. {BIKES.text}", "passages": [{"id": "d2"}]},
        Context(f"1. {BIKES.text}", (Passage("d2", BIKES.text),)),
    ),
    "model": (
        {"context": {"text": "sixteen weeks", "passages": [LEAVE_JSON]}, "seed": 3},
        {"text": "Sixteen.", "prompt_tokens": 9, "completion_tokens": 2},
        Answer("Sixteen.", 9, 2),
    ),
    "verifier": (
        {"context": {"text": "sixteen weeks", "passages": [LEAVE_JSON]}, "answer": {"text": "Sixteen."}},
        {"accept": False, "text": "I do not know."},
        Decision(False, "I do not know."),
    ),
}


def test_every_role_is_tried() -> None:
    assert set(CASES) == set(get_args(Role)) == set(OUTPUT_TYPES)


@pytest.mark.parametrize("role", CASES)
def test_what_is_sent_and_what_is_read(role: Role, server: LocalServer, tmp_path: Path) -> None:
    sent, answer, output = CASES[role]
    server.replies = [json_reply(answer)]
    found = stage(server, tmp_path, role).run(ASKED, 3 if role == "model" else None)
    assert found == output
    path, _, body = server.asked[0]
    assert path == f"/{role}"
    assert body == {"role": role, "query": "parental leave length", **sent}


def test_plain_json_will_do(server: LocalServer, tmp_path: Path) -> None:
    server.replies = [json_reply(["d2", "d1"]), json_reply("Sixteen."), json_reply(True)]
    ranked = stage(server, tmp_path, "ranker").run(ASKED, None)
    assert isinstance(ranked, Passages)
    assert [p.text for p in ranked.passages] == [BIKES.text, LEAVE.text]
    assert stage(server, tmp_path, "model").run(ASKED, None) == Answer("Sixteen.")
    assert stage(server, tmp_path, "verifier").run(ASKED, None) == Decision(True)


def test_a_key_goes_along_where_one_is_named(server: LocalServer, tmp_path: Path) -> None:
    server.replies = [json_reply([]), json_reply([]), json_reply([])]
    for more in ("", 'key_env = "THE_KEY"', 'key_env = "THE_KEY"\nkey_header = "X-Api-Key"'):
        stage(server, tmp_path, "retriever", more).run(ASKED, None)
    sent = [(headers.get("authorization"), headers.get("x-api-key")) for _, headers, _ in server.asked]
    assert sent == [(None, None), ("Bearer k", None), (None, "k")]


def test_what_is_no_output_says_which_stage_and_what(server: LocalServer, tmp_path: Path) -> None:
    server.replies = [
        json_reply({"documents": []}),
        json_reply({"passages": [{"id": "d9"}]}),
        reply(200, b"<html>", content_type="text/html"),
        reply(308, location="http://127.0.0.1:1/"),
        json_reply({"detail": "no"}, 401),
    ]
    found = []
    for role in ("retriever", "ranker", "ranker", "ranker", "ranker"):
        with pytest.raises(RunFailed) as caught:
            stage(server, tmp_path, role).run(ASKED, None)
        found.append(str(caught.value))
    assert "stage retriever (http): returned a value of type dict: expected a list of passages" in found[0]
    assert 'passages[0].text: missing, and no known passage has the id "d9"' in found[1]
    assert "sent no JSON" in found[2]
    assert "is url right?" in found[2]
    assert "set url to its aim" in found[3]
    assert "it wants a key: set key_env" in found[4]


def test_a_batch(server: LocalServer, tmp_path: Path) -> None:
    server.answer = lambda asked: [asked["query"]]
    ranker = stage(server, tmp_path, "retriever", "concurrency = 2")
    assert ranker.run_batch is not None
    found = ranker.run_batch([given(f"q{n}", HANDBOOK) for n in range(5)])
    assert [one.passages[0].text for one in found if isinstance(one, Passages)] == [f"q{n}" for n in range(5)]


def test_an_address_is_needed(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text('[stages.model]\nuse = "http"\n')
    with pytest.raises(UsageError, match=r"p\.toml \[stages\.model\] url: missing; http needs it"):
        load_pipeline(tmp_path / "p.toml", {})
    (tmp_path / "p.toml").write_text('[stages.model]\nuse = "http"\nurl = "host:1"\n')
    with pytest.raises(UsageError, match=r"\[stages\.model\] url: expected an http:// or https:// address"):
        load_pipeline(tmp_path / "p.toml", {})
