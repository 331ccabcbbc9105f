from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from diagnose.core.artifact import Answer, Context
from diagnose.errors import StageFailed, UsageError
from diagnose.stages.failure import TimedOut
from diagnose.stages.openai_chat import OpenAIChat, Waiting, openai_chat

KEY = "sk-secret-123"
GOOD = {
    "choices": [
        {"message": {"role": "assistant", "content": "Sixteen."}, "finish_reason": "stop", "index": 0}
    ],
    "usage": {"prompt_tokens": 31, "completion_tokens": 3, "total_tokens": 34},
}


@dataclass
class Endpoint:
    """A local server that sends the queued replies (status, headers, body) and keeps what it was asked."""

    url: str
    replies: list[tuple[int, dict[str, str], object]] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    hang: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            state.asked.append((self.path, dict(self.headers), json.loads(body)))
            status, headers, content = state.replies.pop(0)
            if status == 0:
                state.hang.wait(30)
                return
            sent = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(sent))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = Endpoint(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield state
    state.hang.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def waits() -> list[float]:
    return []


def chat(endpoint: Endpoint, waits: list[float], **settings: Any) -> OpenAIChat:
    made = openai_chat({"OPENAI_API_KEY": KEY}, endpoint.url, "small", **settings)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return replace(made, waiting=Waiting(waits.append, lambda: 0.5, lambda: now))


def ask(model: OpenAIChat, seed: int | None = None) -> Answer:
    try:
        return model("How long?", Context("Sixteen weeks."), seed)
    finally:
        model._client.close()


def test_one_request_and_its_answer(endpoint: Endpoint, waits: list[float]) -> None:
    endpoint.replies = [(200, {}, GOOD)]
    answer = ask(chat(endpoint, waits, max_tokens=9, temperature=0.5), seed=7)
    assert answer == Answer("Sixteen.", prompt_tokens=31, completion_tokens=3, finish_reason="stop")
    path, headers, body = endpoint.asked[0]
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == f"Bearer {KEY}"
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


def test_without_a_key_none_is_sent(endpoint: Endpoint) -> None:
    endpoint.replies = [(200, {}, GOOD)]
    model = openai_chat({"OPENAI_API_KEY": KEY}, f"{endpoint.url}/api/", "small", key_env="OTHER_KEY")
    assert ask(model).text == "Sixteen."
    assert endpoint.asked[0][0] == "/api/chat/completions"
    assert "Authorization" not in endpoint.asked[0][1]


def test_busy_servers_are_asked_again_after_the_wait_they_name(
    endpoint: Endpoint, waits: list[float]
) -> None:
    date = "Thu, 01 Jan 2026 00:00:09 GMT"
    endpoint.replies = [
        (429, {"Retry-After": "2"}, {}),
        (503, {"Retry-After": date}, {}),
        (500, {}, {}),
        (502, {"Retry-After": "soon"}, {}),
        (200, {}, GOOD),
    ]
    assert ask(chat(endpoint, waits)).text == "Sixteen."
    assert waits == [2.0, 9.0, 1.0, 2.0]
    assert len(endpoint.asked) == 5


def test_retries_are_bounded_and_so_are_waits(endpoint: Endpoint, waits: list[float]) -> None:
    endpoint.replies = [(500, {}, {"error": "down"})] * 3
    with pytest.raises(StageFailed, match=r"answered 500: .*down"):
        ask(chat(endpoint, waits, retries=2))
    assert len(endpoint.asked) == 3
    endpoint.replies = [(429, {"Retry-After": "3600"}, {})]
    with pytest.raises(StageFailed, match="answered 429 and asks to wait 3600 seconds"):
        ask(chat(endpoint, waits))


@pytest.mark.parametrize(
    "reply, message",
    [
        ((400, {}, {"error": {"message": "bad model"}}), "answered 400: .*bad model"),
        (
            (401, {}, {"error": f"Incorrect key {KEY}"}),
            r"401 \(is OPENAI_API_KEY set, and right\?\): .*\[key\]",
        ),
        ((307, {"Location": "http://127.0.0.1:1/"}, b""), "answered 307, a redirect, which is not followed"),
        ((200, {}, b"<html>"), "sent no chat completion"),
        ((200, {}, {"choices": []}), "sent no chat completion"),
        ((200, {}, {"choices": [{"message": {"content": 7}}]}), "sent no chat completion"),
    ],
)
def test_every_failure_is_a_sentence_without_the_key(
    endpoint: Endpoint, waits: list[float], reply: tuple[int, dict[str, str], object], message: str
) -> None:
    endpoint.replies = [reply]
    with pytest.raises(StageFailed, match=message) as caught:
        ask(chat(endpoint, waits))
    assert len(endpoint.asked) == 1
    error: BaseException | None = caught.value
    while error is not None:
        assert KEY not in str(error)
        error = error.__cause__
    assert "\n" not in str(caught.value)


def test_an_answer_without_text_or_usage(endpoint: Endpoint, waits: list[float]) -> None:
    endpoint.replies = [(200, {}, {"choices": [{"message": {"content": None}, "finish_reason": "length"}]})]
    assert ask(chat(endpoint, waits)) == Answer("", finish_reason="length")


def test_a_server_that_does_not_reply_or_is_not_there(endpoint: Endpoint, waits: list[float]) -> None:
    endpoint.replies = [(0, {}, b"")]
    with pytest.raises(TimedOut, match=r"did not reply within 0\.2 seconds"):
        ask(chat(endpoint, waits, request_timeout_s=0.2))
    gone = openai_chat({}, "http://127.0.0.1:9", "small")
    with pytest.raises(StageFailed, match=r"http://127\.0\.0\.1:9/v1/chat/completions cannot be reached"):
        ask(gone)


@pytest.mark.parametrize(
    "url, message",
    [
        ("ftp://host", "expected an http:// or https:// address"),
        ("localhost:8080", "expected an http:// or https:// address"),
        ("https://user:secret@host/v1", "expected no user, password or query"),
        ("https://host/v1?key=secret", "expected no user, password or query"),
        ("http://[", "base_url"),
    ],
)
def test_addresses_that_cannot_be(url: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        openai_chat({}, url, "small")
    assert "secret" not in str(caught.value)


def test_the_key_is_not_shown() -> None:
    assert KEY not in repr(openai_chat({"OPENAI_API_KEY": KEY}, "https://host", "small"))
    with pytest.raises(UsageError, match="expected a key of printable ASCII") as caught:
        openai_chat({"OPENAI_API_KEY": "sk-\u00e9\nx"}, "https://host", "small")
    assert "sk-" not in str(caught.value)
