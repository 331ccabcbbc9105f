"""The tiny pipelines, run while their real instrumentations write spans."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.foreign.handbook import PAGES, QUESTIONS

Ask = Callable[[str], object]
STAGES = {
    "langchain": {
        "retriever": "tests.foreign.langchain_app:search",
        "ranker": "tests.foreign.langchain_app:retriever",
        "packer": "tests.foreign.langchain_app:pack",
        "model": "tests.foreign.langchain_app:answer",
    },
    "llamaindex": dict.fromkeys(
        ("retriever", "ranker", "packer", "model"), "tests.foreign.llamaindex_app:engine"
    ),
    "haystack": dict.fromkeys(("retriever", "ranker", "packer", "model"), "tests.foreign.haystack_app:rag"),
}
"""What each stage of a pipeline file names, by framework."""


@contextmanager
def instrumented(framework: str, provider: Any) -> Iterator[Ask]:
    """The pipeline as a function of the question, its spans going to an OpenTelemetry provider."""
    with _instrumenting(framework, provider):
        yield _app(framework)


@contextmanager
def _instrumenting(framework: str, provider: Any) -> Iterator[None]:
    instrumentor = _instrumentor(framework)
    instrumentor.instrument(tracer_provider=provider)
    try:
        yield
    finally:
        instrumentor.uninstrument()


def _instrumentor(framework: str) -> Any:
    if framework == "langchain":
        from openinference.instrumentation.langchain import LangChainInstrumentor

        return LangChainInstrumentor()
    if framework == "llamaindex":
        from openinference.instrumentation.llama_index import LlamaIndexInstrumentor

        return LlamaIndexInstrumentor()
    from openinference.instrumentation.haystack import HaystackInstrumentor

    return HaystackInstrumentor()


def _app(framework: str) -> Ask:
    if framework == "langchain":
        from tests.foreign import langchain_app

        return langchain_app.chain.invoke  # type: ignore[no-any-return]
    if framework == "llamaindex":
        from tests.foreign import llamaindex_app

        return llamaindex_app.engine.query
    from tests.foreign import haystack_app

    pipeline = haystack_app.rag()
    return lambda question: pipeline.run(haystack_app.asked(question))


def otlp_file(framework: str, path: Path) -> None:
    """Asks every question and writes the spans as an OTLP JSON file."""
    exporter, provider = _exporting()
    with instrumented(framework, provider) as ask:
        for question, _, _ in QUESTIONS:
            ask(question)
    _written(exporter, path)


def layered_file(app: str, path: Path) -> None:
    """The spans of a layered pipeline that is asked once, as an OTLP JSON file."""
    from tests.foreign.layered_apps import APPS

    exporter, provider = _exporting()
    with _instrumenting(app.partition("-")[0], provider):
        APPS[app]()()
    _written(exporter, path)


def _exporting() -> tuple[Any, Any]:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter, provider


def _written(exporter: Any, path: Path) -> None:
    from google.protobuf.json_format import MessageToDict
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

    document = MessageToDict(encode_spans(exporter.get_finished_spans()))
    for resource in document["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                for name in ("traceId", "spanId", "parentSpanId"):
                    if name in span:  # Protobuf's JSON has base64 where OTLP's has hex.
                        span[name] = base64.b64decode(span[name]).hex()
    path.write_text(json.dumps(document))


def labels(folder: Path) -> Path:
    """The questions' answers and gold passages, and the corpus beside them."""
    texts = {page.id: page.text for page in PAGES}
    rows = [
        {"query": q, "answers": [a], "gold_ids": [g], "gold_passages": [texts[g]]} for q, a, g in QUESTIONS
    ]
    (folder / "gold.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pages = [{"id": page.id, "text": page.text} for page in PAGES]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(page) + "\n" for page in pages))
    return folder / "gold.jsonl"


def pipeline_file(folder: Path, stages: dict[str, str], name: str = "pipeline.toml") -> Path:
    """A pipeline file; a value is what `use` names, or the whole table where it has more."""
    lines = ['[pipeline]\ncorpus = "corpus.jsonl"\n[stages]\n']
    for role, use in stages.items():
        table = use if use.startswith("{") else f'{{ use = "{use}", deterministic = true }}'
        lines.append(f"{role} = {table}\n")
    (folder / name).write_text("".join(lines))
    return folder / name
