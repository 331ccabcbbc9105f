"""A question-answering pipeline as one traces it with MLflow's decorators."""

from __future__ import annotations

from typing import Any

import mlflow
from mlflow.entities import Document, SpanType

from diagnose.core.artifact import Context, Passage
from tests.foreign.handbook import CONTEXT, QUESTION, best_by_bm25, extracted, newest_first


@mlflow.trace(span_type=SpanType.RETRIEVER)
def search(query: str) -> list[Document]:
    """The four best pages."""
    return [
        Document(page_content=page.text, metadata={"year": page.year, "score": score}, id=page.id)
        for page, score in best_by_bm25(query)
    ]


@mlflow.trace(span_type=SpanType.RERANKER)
def newest(query: str, documents: list[Document]) -> list[Document]:
    """The newest of them."""
    return [documents[i] for i in newest_first([document.metadata["year"] for document in documents])]


@mlflow.trace(span_type=SpanType.PARSER)
def pack(documents: list[Document]) -> str:
    """The context."""
    return "\n\n".join(document.page_content for document in documents)


@mlflow.trace(span_type=SpanType.CHAT_MODEL)
def chat(messages: list[dict[str, str]]) -> str:
    """The model's answer."""
    return extracted(messages[-1]["content"])


@mlflow.trace(span_type=SpanType.CHAIN)
def ask(question: str) -> str:
    """The pipeline."""
    context = pack(newest(question, search(question)))
    return chat([{"role": "user", "content": f"{CONTEXT}{context}\n\n{QUESTION}{question}"}])


def retriever(query: str) -> list[dict[str, Any]]:
    """As the pipeline file names it, without the tracing."""
    return [
        {"id": page.id, "text": page.text, "score": score, "tags": {"year": page.year}}
        for page, score in best_by_bm25(query)
    ]


def ranker(query: str, passages: list[Passage]) -> list[Passage]:
    """Likewise."""
    return [passages[i] for i in newest_first([int((passage.tags or {})["year"]) for passage in passages])]


def packer(query: str, passages: list[Passage]) -> str:
    """Likewise."""
    return "\n\n".join(passage.text for passage in passages)


def model(query: str, context: Context) -> str:
    """Likewise."""
    return extracted(f"{CONTEXT}{context.text}\n\n{QUESTION}{query}")
