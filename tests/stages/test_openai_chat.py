from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from diagnose.core.artifact import Answer, Context
from diagnose.errors import StageFailed, UsageError
from diagnose.stages.endpoint import Waiting
from diagnose.stages.openai_chat import OpenAIChat, openai_chat
from tests.stages.local_server import LocalServer, json_reply, local_server
from tests.stages.made import given

KEY = "sk-secret-123"
GOOD = {
    "choices": [
        {"message": {"role": "assistant", "content": "Sixteen."}, "finish_reason": "stop", "index": 0}
    ],
    "usage": {"prompt_tokens": 31, "completion_tokens": 3, "total_tokens": 34},
}


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with local_server() as server:
        yield server


@pytest.fixture
def waits() -> list[float]:
    return []


def chat(server: LocalServer, waits: list[float], **settings: Any) -> OpenAIChat:
    made = openai_chat({"OPENAI_API_KEY": KEY}, server.url, "small", **settings)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    waiting = Waiting(waits.append, lambda: 0.5, lambda: now)
    return replace(made, endpoint=replace(made.endpoint, waiting=waiting))


def ask(model: OpenAIChat, seed: int | None = None) -> Answer:
    try:
        return model("How long?", Context("Sixteen weeks."), seed)
    finally:
        model.endpoint.close()


def test_one_request_and_its_answer(server: LocalServer, waits: list[float]) -> None:
    server.replies = [json_reply(GOOD)]
    answer = ask(chat(server, waits, max_tokens=9, temperature=0.5), seed=7)
    assert answer == Answer("Sixteen.", prompt_tokens=31, completion_tokens=3, finish_reason="stop")
    path, headers, body = server.asked[0]
    assert path == "/v1/chat/completions"
    assert headers["authorization"] == f"Bearer {KEY}"
    assert body == {
        "model": "small",
        "messages": [
            {
                "role": "system",
                "content": "Answer the question from the context alone, in as few words as possible.",
            },
            {"role": "user", "content": "Context:\nSixteen weeks.\n\nQuestion: How long?\nAnswer:"},
        ],
        "seed": 7,
        "max_tokens": 9,
        "temperature": 0.5,
    }


def test_without_a_key_none_is_sent(server: LocalServer) -> None:
    server.replies = [json_reply(GOOD)]
    model = openai_chat({"OPENAI_API_KEY": KEY}, f"{server.url}/api/", "small", key_env="OTHER_KEY")
    assert ask(model).text == "Sixteen."
    assert server.asked[0][0] == "/api/chat/completions"
    assert "authorization" not in server.asked[0][1]


def test_a_key_in_a_header_of_another_name(server: LocalServer, waits: list[float]) -> None:
    server.replies = [json_reply(GOOD)]
    ask(chat(server, waits, key_header="api-key"))
    headers = server.asked[0][1]
    assert (headers["api-key"], "authorization" in headers) == (KEY, False)


def test_fields_of_the_request_can_be_added_and_left_out(server: LocalServer, waits: list[float]) -> None:
    server.replies = [json_reply(GOOD)]
    further = {"max_completion_tokens": 5, "temperature": 1}
    ask(chat(server, waits, body=further, omit=("seed", "max_tokens")), seed=3)
    body = server.asked[0][2]
    assert {name: value for name, value in body.items() if name != "messages"} == {
        "model": "small",
        "max_completion_tokens": 5,
        "temperature": 1,
    }
    with pytest.raises(UsageError, match="body: stream is not to be changed there"):
        chat(server, waits, body={"stream": True})
    with pytest.raises(UsageError, match="omit: messages is not to be changed there"):
        chat(server, waits, omit=("messages",))


def test_a_batch_is_answered_in_order(server: LocalServer, waits: list[float]) -> None:
    def answer(asked: Any) -> object:
        text = asked["messages"][1]["content"].partition("Question: ")[2].partition("\n")[0]
        return {"choices": [{"message": {"content": text.upper()}}]}

    server.answer = answer
    model = chat(server, waits, concurrency=3)
    try:
        answers = model.batch([given(f"q{n}", context=Context("c")) for n in range(20)])
    finally:
        model.endpoint.close()
    assert [one.text for one in answers] == [f"Q{n}" for n in range(20)]
    assert 1 <= server.most_at_once <= 3


def test_a_refused_key_is_a_sentence_without_the_key(server: LocalServer, waits: list[float]) -> None:
    server.replies = [json_reply({"error": f"Incorrect key {KEY}"}, 401)]
    with pytest.raises(StageFailed, match=r"401 \(is OPENAI_API_KEY set, and right\?\): .*\[key\]") as caught:
        ask(chat(server, waits))
    error: BaseException | None = caught.value
    while error is not None:
        assert KEY not in str(error)
        error = error.__cause__


@pytest.mark.parametrize(
    "reply", [{"choices": []}, {"choices": [{"message": {"content": 7}}]}, {"object": "list"}, []]
)
def test_json_that_is_no_completion(server: LocalServer, waits: list[float], reply: object) -> None:
    server.replies = [json_reply(reply)]
    with pytest.raises(StageFailed, match="sent no chat completion: ValidationError"):
        ask(chat(server, waits))


def test_an_answer_without_text_or_usage(server: LocalServer, waits: list[float]) -> None:
    server.replies = [json_reply({"choices": [{"message": {"content": None}, "finish_reason": "length"}]})]
    assert ask(chat(server, waits)) == Answer("", finish_reason="length")


def test_the_key_is_not_shown() -> None:
    assert KEY not in repr(openai_chat({"OPENAI_API_KEY": KEY}, "https://host", "small"))
    with pytest.raises(UsageError, match="expected a key of printable ASCII") as caught:
        openai_chat({"OPENAI_API_KEY": "sk-\u00e9\nx"}, "https://host", "small")
    assert "sk-" not in str(caught.value)
