from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from diagnose.core.artifact import Passages
from diagnose.errors import StageFailed
from diagnose.stages.failure import RunFailed
from diagnose.stages.load import load_pipeline
from diagnose.stages.rerank import Rerank, rerank
from tests.stages.local_server import LocalServer, json_reply, local_server
from tests.stages.made import BIKES, HANDBOOK, LEAVE, TRAINS, given


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with local_server() as server:
        yield server


@pytest.fixture
def ranker(server: LocalServer) -> Iterator[Rerank]:
    made = rerank({"RERANK_API_KEY": "k"}, server.url, "small", top_n=2)
    yield made
    made.endpoint.close()


def results(*pairs: tuple[int, Any]) -> Any:
    return json_reply({"results": [{"index": i, "relevance_score": score} for i, score in pairs]})


def test_what_is_asked_and_how_the_answer_is_read(server: LocalServer, ranker: Rerank) -> None:
    server.replies = [results((0, -1.5), (2, 7.25), (1, 0.5))]
    found = ranker("Which train?", HANDBOOK)
    assert [(p.id, p.score) for p in found] == [("d3", 7.25), ("d2", 0.5)]
    assert found[0] == msgspec.structs.replace(TRAINS, score=7.25)
    path, headers, body = server.asked[0]
    assert (path, headers["authorization"]) == ("/v1/rerank", "Bearer k")
    texts = [f"Leave\n{LEAVE.text}", BIKES.text, TRAINS.text]
    assert body == {"model": "small", "query": "Which train?", "documents": texts, "top_n": 2}


def test_equal_scores_keep_their_order_and_nothing_asks_nobody(server: LocalServer, ranker: Rerank) -> None:
    server.replies = [results((2, 1), (1, 1), (0, 1))]
    assert [p.id for p in ranker("?", HANDBOOK)] == ["d1", "d2"]
    assert ranker("?", ()) == []
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "answer, message",
    [
        (results((3, 1.0)), r"results\[0\]: expected each of 0 to 2 once at most.*found index 3"),
        (results((1, 1.0), (1, 0.5)), r"results\[1\]: .*found index 1"),
        (results((-1, 1.0)), "sent no ranking: ValidationError"),
        (results((0, None)), "sent no ranking: ValidationError"),
        (json_reply({"data": []}), "sent no ranking: ValidationError"),
        (json_reply([{"index": 0, "score": 1}]), "sent no ranking: ValidationError"),
    ],
)
def test_an_answer_that_is_no_ranking(server: LocalServer, ranker: Rerank, answer: Any, message: str) -> None:
    server.replies = [answer]
    with pytest.raises(StageFailed, match=message):
        ranker("?", HANDBOOK)


def test_a_batch(server: LocalServer, ranker: Rerank) -> None:
    server.answer = lambda asked: {
        "results": [{"index": i, "relevance_score": len(t)} for i, t in enumerate(asked["documents"])]
    }
    found = ranker.batch([given(passages=HANDBOOK), given(passages=()), given(passages=(BIKES,))])
    assert [[p.id for p in ranking] for ranking in found] == [["d3", "d2"], [], ["d2"]]


def test_in_a_pipeline_file(server: LocalServer, tmp_path: Path) -> None:
    table = f'[stages.ranker]\nuse = "rerank"\nbase_url = "{server.url}/v2"\n'
    (tmp_path / "p.toml").write_text(table + '[stages.model]\nuse = "extract"\n')
    stage = load_pipeline(tmp_path / "p.toml", {}).stages[0]
    assert not stage.deterministic
    server.replies = [results((1, 0.9), (0, 0.1)), results((9, 1))]
    output = stage.run(given(passages=(LEAVE, BIKES)), None)
    assert isinstance(output, Passages)
    assert [p.id for p in output.passages] == ["d2", "d1"]
    assert server.asked[0][2]["top_n"] == 2
    assert server.asked[0][0] == "/v2/rerank"
    assert "model" not in server.asked[0][2]
    with pytest.raises(RunFailed, match=r"stage ranker \(rerank\): http://.*found index 9"):
        stage.run(given(passages=(LEAVE,)), None)


def test_how_it_is_asked_is_no_part_of_what_it_is(tmp_path: Path) -> None:
    def fingerprint(more: str) -> str:
        table = f'[stages.ranker]\nuse = "rerank"\nbase_url = "http://127.0.0.1:1"\n{more}\n'
        (tmp_path / "p.toml").write_text(table + '[stages.model]\nuse = "extract"\n')
        return load_pipeline(tmp_path / "p.toml", {}).stages[0].fingerprint

    assert fingerprint("") == fingerprint("retries = 1\nconcurrency = 9\nrequest_timeout_s = 2")
    assert len({fingerprint(""), fingerprint("top_n = 2"), fingerprint('model = "m"')}) == 3
