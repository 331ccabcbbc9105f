"""The other roles in the spans of real frameworks: a conversation and its standalone question, compression, routes."""

from __future__ import annotations

from pathlib import Path

import pytest

from diagnose.core.artifact import Passages, Route, Text
from diagnose.core.trace import Trace
from diagnose.traces.from_jsonl import read_traces
from tests.foreign.conftest import diagnose
from tests.foreign.layered_apps import ASKED, HAS, HISTORY, STANDALONE
from tests.foreign.needs import needs
from tests.foreign.recorded_apps import layered_file

LANGCHAIN = needs("langchain-core", "langchain-classic", "openinference-instrumentation-langchain")
LLAMAINDEX = needs("llama-index-core", "openinference-instrumentation-llama-index")
HAYSTACK = needs("haystack-ai", "openinference-instrumentation-haystack")


@pytest.mark.parametrize(
    "app",
    [
        pytest.param("langchain", marks=LANGCHAIN),
        pytest.param("llamaindex", marks=LLAMAINDEX),
        pytest.param("llamaindex-router", marks=LLAMAINDEX),
        pytest.param("haystack", marks=HAYSTACK),
    ],
)
def test_every_layer_is_read_off_the_spans(app: str, tmp_path: Path) -> None:
    layered_file(app, tmp_path / "spans.json")
    diagnose("convert", "spans.json", "-o", "traces.jsonl", folder=tmp_path)
    [trace] = [t for t in read_traces(tmp_path / "traces.jsonl") if isinstance(t, Trace)]
    assert tuple(step.role for step in trace.steps) == HAS[app]
    if "rewriter" in HAS[app]:
        assert trace.query.text == ASKED
        assert trace.output("rewriter") == Text(STANDALONE)
    if app in ("langchain", "llamaindex"):  # Haystack has no form of its own for a conversation.
        assert tuple((turn.role, turn.content) for turn in trace.query.history) == HISTORY
    if "compressor" in HAS[app]:
        found, kept = trace.output("retriever"), trace.output("compressor")
        assert isinstance(found, Passages)
        assert isinstance(kept, Passages)
        assert found.passages[0].text.endswith(", behind the boiler room.")
        assert kept.passages[0].id == found.passages[0].id
        assert found.passages[0].text.startswith(kept.passages[0].text + ",")
    route = {"llamaindex-router": "handbook", "haystack": "short"}.get(app)
    assert trace.output("router") == (Route(route) if route else None)
