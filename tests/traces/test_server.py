"""Reading a server: pages, patience, and what goes wrong on the way. A server of our own stands in; the real ones
are in tests/foreign."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from diagnose.core.trace import Outcome, Trace
from diagnose.errors import BadInput, DiagnoseError, StageFailed, UsageError
from diagnose.traces.fetch import Fetcher
from diagnose.traces.from_server import Address, address_of
from diagnose.traces.lines import Problem
from diagnose.traces.read import read_log
from tests.traces import sample_logs as samples
from tests.traces.reading import answer, roles

Answer = tuple[int, Any, dict[str, str]]
Handle = Callable[[str, str, dict[str, list[str]], Any], Answer]


@contextmanager
def serving(handle: Handle) -> Iterator[str]:
    """A server on this machine; `handle` gets method, path, query and body."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            parts = urlsplit(self.path)
            size = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            self.server.keys.append(self.headers.get("authorization"))  # type: ignore[attr-defined]
            status, content, headers = handle(self.command, unquote(parts.path), parse_qs(parts.query), body)
            data = content.encode() if isinstance(content, str) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if "content-length" not in headers:
                self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _answer  # noqa: N815  # the names http.server calls

        def log_message(self, format: str, *args: object) -> None:
            """Tests stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.keys = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


SPANS = [
    {
        **span,
        "context": {"trace_id": f"{n:032x}", "span_id": span["context"]["span_id"][:-1] + str(n)},
        "parent_id": None,
    }
    for n in range(3)
    for span in samples.phoenix(samples.openinference())[-2:]
]


def phoenix(fault: Callable[[str], Answer | None] = lambda cursor: None) -> Handle:
    """Phoenix with one project of two pages; `fault` may answer instead."""

    def handle(method: str, path: str, query: dict[str, list[str]], body: Any) -> Answer:
        if path == "/v1/projects":
            return 200, {"data": [{"name": "a/b", "id": "UHJv"}], "next_cursor": None}, {}
        if path == "/v1/projects/UHJv/span_annotations":
            name = {
                "name": "correctness",
                "annotator_kind": "HUMAN",
                "span_id": SPANS[1]["context"]["span_id"],
            }
            return 200, {"data": [{**name, "result": {"score": 1.0}}], "next_cursor": None}, {}
        if path == "/v1/projects/UHJv/spans":
            cursor = query.get("cursor", [""])[0]
            if (answered := fault(cursor)) is not None:
                return answered
            page = SPANS[4:] if cursor else SPANS[:4]
            return 200, {"data": page, "next_cursor": None if cursor else "two"}, {}
        return 404, "<!doctype html><html>", {}

    return handle


def everything(url: str, **options: Any) -> tuple[list[Trace], list[str]]:
    found = list(read_log(url, **options))
    problems = [str(item) for item in found if isinstance(item, Problem)]
    return [item for item in found if isinstance(item, Trace)], problems


def test_phoenix_page_by_page_with_its_annotations() -> None:
    with serving(phoenix()) as url:
        traces, problems = everything(url)
    assert problems == []
    assert [trace.trace_id for trace in traces] == [f"{n:032x}" for n in range(3)]
    assert traces[0].tags["project"] == "a/b"
    assert traces[0].outcome == Outcome(score=1.0)


def test_a_project_there_is_none_of() -> None:
    with serving(phoenix()) as url, pytest.raises(UsageError, match='the projects "a/b", found "c"'):
        everything(url, project="c")


def mlflow(method: str, path: str, query: dict[str, list[str]], body: Any) -> Answer:
    whole = samples.mlflow()
    if path == "/api/2.0/mlflow/experiments/search":
        return 200, {"experiments": [{"experiment_id": "1"}]}, {}
    if path == "/api/3.0/mlflow/traces/search":
        assert body["locations"][0]["mlflow_experiment"]["experiment_id"] == "1"
        return (
            200,
            {"traces": [whole["info"]]} | ({} if body.get("page_token") else {"next_page_token": "x"}),
            {},
        )
    if path == "/api/3.0/mlflow/traces/get":
        info = {key: whole["info"][key] for key in ("trace_id", "state")}
        return 200, {"trace": {"trace_info": info, "spans": whole["data"]["spans"]}}, {}
    return 404, "<!doctype html><html>", {}


def test_mlflow() -> None:
    with serving(mlflow) as url:
        traces, _ = everything(f"{url}/#/experiments/1/traces")
    assert (roles(traces[0]), answer(traces[0])) == (
        ["retriever", "ranker", "packer", "model"],
        samples.ANSWER,
    )
    assert traces[0].outcome == Outcome(score=1.0)


FAULTS: dict[str, tuple[Answer, type[DiagnoseError], str]] = {
    "a web page": ((200, "<html>log in</html>", {}), BadInput, "expected JSON, found a web page"),
    "no key": ((401, {"detail": "no"}, {}), StageFailed, "set PHOENIX_API_KEY"),
    "no such thing": ((404, "gone", {}), StageFailed, "HTTP 404"),
    "busy for ever": ((429, "later", {"retry-after": "0"}), StageFailed, "HTTP 429"),
    "broken": ((500, "oops", {"retry-after": "0"}), StageFailed, "HTTP 500"),
    "half an answer": ((200, '{"data": [', {}), BadInput, "expected JSON, found no JSON"),
    "a cut answer": ((200, '{"data": []}', {"content-length": "999"}), StageFailed, "no whole answer"),
    "another shape": ((200, {"items": []}, {}), StageFailed, "expected a list of data"),
    "a redirect": ((302, "", {"location": "http://192.0.2.1/"}), StageFailed, "HTTP 302"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_first_page_that_fails_is_an_error(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diagnose.traces.fetch.time.sleep", lambda _: None)
    monkeypatch.setattr("diagnose.traces.fetch.RETRIES", 2)
    answered, error, message = FAULTS[fault]
    with serving(phoenix(lambda cursor: answered)) as url, pytest.raises(error, match=message):
        everything(url)


@pytest.mark.parametrize("fault", FAULTS)
def test_whoever_answers_so_is_not_taken_for_absent(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where nobody said which server it is."""
    monkeypatch.setattr("diagnose.traces.fetch.time.sleep", lambda _: None)
    monkeypatch.setattr("diagnose.traces.fetch.RETRIES", 2)
    answered, _, message = FAULTS[fault]
    asked = []

    def handle(*request: Any) -> Answer:
        asked.append(request)
        return answered

    with serving(handle) as url, pytest.raises(DiagnoseError, match=message):
        everything(url)
    assert len(asked) < 12


@pytest.mark.parametrize("fault", ["a web page", "no such thing", "half an answer"])
def test_a_later_page_that_fails_keeps_what_came_before(fault: str) -> None:
    answered, _, message = FAULTS[fault]
    with serving(phoenix(lambda cursor: answered if cursor else None)) as url:
        traces, problems = everything(url)
    assert len(traces) == 2
    assert message in problems[0]
    assert "what came before is kept" in problems[0]


def test_a_page_that_comes_again_ends_it() -> None:
    again = 200, {"data": SPANS[:2], "next_cursor": "two"}, {}
    with serving(phoenix(lambda cursor: again if cursor else None)) as url:
        _, problems = everything(url)
    assert "the same page twice" in problems[0]


def test_a_busy_server_is_waited_for_as_long_as_it_says() -> None:
    waited: list[float] = []
    answers = [
        (503, "", {"retry-after": "3"}),
        (429, "", {"retry-after": "999"}),
        (500, "", {}),
        (200, {"ok": 1}, {}),
    ]
    with serving(lambda *_: answers.pop(0)) as url, Fetcher(url, (), sleep=waited.append) as fetcher:
        assert fetcher.get("/x") == {"ok": 1}
    assert waited[:2] == [3.0, 30.0]
    assert 0.5 <= waited[2] <= 2.0


def test_the_key_comes_from_the_environment_and_is_in_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOENIX_API_KEY", "secret-7")
    seen: list[Any] = []

    def handle(*arguments: Any) -> Answer:
        seen.append(arguments)
        return 403, {}, {}

    with serving(handle) as url, pytest.raises(StageFailed) as caught:
        everything(url, format="phoenix")
    assert "secret-7" not in str(caught.value)


def test_nobody_there() -> None:
    with pytest.raises(StageFailed, match="neither a Phoenix nor an MLflow server answers"):
        everything("http://127.0.0.1:9")


@pytest.mark.parametrize(
    "url, address",
    [
        ("http://h:6006", Address("http://h:6006", None)),
        ("http://h:6006/", Address("http://h:6006", None)),
        ("https://h/base/v1/projects/rag/spans", Address("https://h/base", "rag")),
        ("http://h/projects/UHJv/traces/1", Address("http://h", "UHJv")),
        ("http://h/?project=a%2Fb", Address("http://h", "a/b")),
        ("http://h:5000/#/experiments/12/traces", Address("http://h:5000", "12")),
        ("http://h:5000/experiments/3", Address("http://h:5000", "3")),
    ],
)
def test_addresses(url: str, address: Address) -> None:
    assert address_of(url) == address
