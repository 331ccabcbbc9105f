"""A question-answering pipeline as one writes it in Haystack."""

from __future__ import annotations

from typing import Any

from haystack import Document, Pipeline, component
from haystack.components.builders import ChatPromptBuilder
from haystack.components.rankers import MetaFieldRanker
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever
from haystack.dataclasses import ChatMessage
from haystack.document_stores.in_memory import InMemoryDocumentStore

from tests.foreign.handbook import CONTEXT, PAGES, QUESTION, extracted


@component
class ExtractiveChatGenerator:
    """A chat generator without weights."""

    @component.output_types(replies=list[ChatMessage])
    def run(self, messages: list[ChatMessage]) -> dict[str, Any]:
        """Answer the last message."""
        text = extracted(messages[-1].text or "")
        usage = {"prompt_tokens": 40, "completion_tokens": len(text.split())}
        return {"replies": [ChatMessage.from_assistant(text, meta={"usage": usage, "finish_reason": "stop"})]}


def rag() -> Pipeline:
    """The pipeline, its index filled."""
    store = InMemoryDocumentStore()
    store.write_documents(
        [Document(id=page.id, content=page.text, meta={"year": page.year}) for page in PAGES]
    )
    template = [
        ChatMessage.from_system("Answer from the context."),
        ChatMessage.from_user(
            CONTEXT + "{% for d in documents %}{{ d.content }}\n{% endfor %}\n" + QUESTION + "{{ question }}"
        ),
    ]
    pipeline = Pipeline()
    pipeline.add_component("search", InMemoryBM25Retriever(store, top_k=4))
    pipeline.add_component("newest", MetaFieldRanker("year", weight=1.0, top_k=2))
    pipeline.add_component(
        "prompt", ChatPromptBuilder(template=template, required_variables=["documents", "question"])
    )
    pipeline.add_component("model", ExtractiveChatGenerator())
    pipeline.connect("search.documents", "newest.documents")
    pipeline.connect("newest.documents", "prompt.documents")
    pipeline.connect("prompt.prompt", "model.messages")
    return pipeline


def asked(question: str) -> dict[str, Any]:
    """What the pipeline is run with."""
    return {"search": {"query": question}, "prompt": {"question": question}}
