"""Every example of docs/pipelines.md does what the page says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from diagnose.core.artifact import Answer, Passages, Query, Route
from diagnose.core.trace import Step, Trace
from diagnose.stages.load import load_pipeline
from diagnose.traces.from_jsonl import read_traces
from tests.conftest import ROOT
from tests.house.console import run
from tests.stages.example_files import example_files
from tests.stages.local_server import LocalServer, json_reply, local_server
from tests.stages.made import LEAVE, given

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
QUESTION = {"trace_id": "t1", "query": {"text": "How many weeks does leave last?"}}


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with local_server() as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    example_files(tmp_path)
    return tmp_path


def test_every_example_is_tried() -> None:
    here = {"by-complexity", "functions", "openai", "rerank", "http", "recorded", "recording"}
    elsewhere = {"langchain", "llamaindex", "haystack"}  # tests/foreign/test_examples.py
    page = (ROOT / "docs" / "pipelines.md").read_text(encoding="utf-8")
    assert page.count("\n```python\n") + page.count("\n```toml\n") == page.count("<!-- file: ")
    assert {part.partition("/")[0] for part in page.split("<!-- file: ")[1:]} == here | elsewhere


def test_routing_by_complexity(folder: Path) -> None:
    (folder / "by-complexity" / "corpus.jsonl").write_text(
        json.dumps({"id": "a", "text": "Leave lasts."}) + "\n"
    )
    pipeline = load_pipeline(folder / "by-complexity" / "pipeline.toml")
    router = pipeline.stage("router")
    assert router is not None
    routes = [
        router.run(given(text), None)
        for text in (
            "How long is leave?",
            "Which leave is longer than that of those who are older than both?",
        )
    ]
    assert routes == [Route("small"), Route("large")]


def test_functions(folder: Path) -> None:
    (folder / "functions" / "queries.jsonl").write_text(json.dumps(QUESTION) + "\n")
    command = "diagnose record queries.jsonl -p pipeline.toml -o traces.jsonl --no-memo --quiet"
    code, _, talk = run(command, folder / "functions", ENVIRONMENT)
    assert code == 0, talk
    (trace,) = read_traces(folder / "functions" / "traces.jsonl")
    assert isinstance(trace, Trace)
    assert trace.output("model") == Answer("Leave lasts sixteen weeks.")


def served(folder: Path, name: str, url: str) -> Path:
    """The example's pipeline file, with the address of a server that is there."""
    path = folder / name / "pipeline.toml"
    table = tomllib.loads(path.read_text())["stages"]
    shown = next(t.get("base_url") or t.get("url") for t in table.values() if "base_url" in t or "url" in t)
    path.write_text(path.read_text().replace(shown, url))
    return path


def test_openai_compatible_endpoints(folder: Path, server: LocalServer) -> None:
    server.replies = [json_reply({"choices": [{"message": {"content": "Sixteen."}}]})]
    pipeline = load_pipeline(served(folder, "openai", server.url), {"OPENAI_API_KEY": "k"})
    assert pipeline.stages[0].run(given(), 1) == Answer("Sixteen.")
    assert server.asked[0][2]["max_tokens"] == 64


def test_rerank_endpoints(folder: Path, server: LocalServer) -> None:
    server.replies = [json_reply({"results": [{"index": 0, "relevance_score": 0.5}]})]
    pipeline = load_pipeline(served(folder, "rerank", f"{server.url}/v2"), {"CO_API_KEY": "k"})
    output = pipeline.stages[0].run(given(passages=(LEAVE,)), None)
    assert isinstance(output, Passages)
    assert [p.id for p in output.passages] == ["d1"]
    path, headers, body = server.asked[0]
    assert (path, headers["authorization"], body["model"]) == ("/v2/rerank", "Bearer k", "rerank-v3.5")


def test_a_service_of_ones_own(folder: Path) -> None:
    code = (folder / "http" / "service.py").read_text()
    assert "8901" in code
    start = code.replace("8901), Search).serve_forever()", "0), Search)").replace(
        "    ThreadingHTTPServer", "    server = ThreadingHTTPServer"
    )
    start += "    print(server.server_port, flush=True)\n    server.serve_forever()\n"
    (folder / "http" / "service.py").write_text(start)
    service = subprocess.Popen([sys.executable, "service.py"], cwd=folder / "http", stdout=subprocess.PIPE)
    try:
        assert service.stdout is not None
        port = int(service.stdout.readline())
        pipeline = load_pipeline(served(folder, "http", f"http://127.0.0.1:{port}/"), {})
        output = pipeline.stages[0].run(given("leave"), None)
    finally:
        service.terminate()
        service.communicate()
    assert isinstance(output, Passages)
    assert [(p.id, p.text) for p in output.passages] == [("p1", "All about leave")]


def test_recorded(folder: Path) -> None:
    log = Trace("t1", Query("?"), (Step("retriever", Passages((LEAVE,))), Step("ranker", Passages((LEAVE,)))))
    pipeline = load_pipeline(folder / "recorded" / "pipeline.toml", {}, [log])
    assert pipeline.stages[0].run(given("?"), None) == Passages((LEAVE,))


def test_recording(folder: Path) -> None:
    for name in ("app.py", "more.py"):
        command = [sys.executable, "-W", "error", name]
        subprocess.run(command, cwd=folder / "recording", env=ENVIRONMENT, check=True)
    for name in ("traces.jsonl", "more.jsonl"):
        code, said, talk = run(f"diagnose check {name}", folder / "recording", ENVIRONMENT)
        assert code == 0, said + talk
    (trace,) = read_traces(folder / "recording" / "traces.jsonl")
    assert isinstance(trace, Trace)
    assert [step.role for step in trace.steps] == ["retriever", "model"]
