"""Conversations, compression and routes as LangChain, LlamaIndex and Haystack have them, none of it with weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.foreign.handbook import CONTEXT, PAGES, QUESTION

ASKED = "And where are they kept?"
STANDALONE = "Where are bikes kept?"
HISTORY = (("user", "Tell me about bikes."), ("assistant", "Bikes are kept and repaired here."))
HAS: dict[str, tuple[str, ...]] = {
    "langchain": ("rewriter", "retriever", "compressor", "packer", "model"),
    "llamaindex": ("rewriter", "retriever", "packer", "model"),
    "llamaindex-router": ("router", "retriever", "ranker", "packer", "model"),
    "haystack": ("router", "rewriter", "retriever", "compressor", "packer", "model"),
}
"""The stages that each of them logs. LlamaIndex logs a node postprocessor's ids and not its texts, so that its
compressors do not show."""


def langchain() -> Callable[[], object]:
    """A history-aware retriever around contextual compression, and a chain that stuffs documents."""
    from langchain_classic.chains import create_history_aware_retriever, create_retrieval_chain
    from langchain_classic.chains.combine_documents import create_stuff_documents_chain
    from langchain_classic.retrievers import ContextualCompressionRetriever
    from langchain_classic.retrievers.document_compressors import LLMChainExtractor
    from langchain_core.messages import AIMessage, HumanMessage
    from langchain_core.outputs import ChatGeneration, ChatResult
    from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder

    from tests.foreign.langchain_app import Bm25, Extractive

    class Says(Extractive):
        """A chat model that says the standalone question, or of a document what stands before a comma."""

        def _generate(
            self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
        ) -> ChatResult:
            *_, document = str(messages[-1].content).split(">>>")[:2]
            text = document.strip().split(",")[0] if ">>>" in messages[-1].content else STANDALONE
            return ChatResult(generations=[ChatGeneration(message=AIMessage(content=text))])

    before = MessagesPlaceholder("chat_history")
    rewrite = ChatPromptTemplate.from_messages(
        [("system", "Make it stand alone."), before, ("human", "{input}")]
    )
    answer = ChatPromptTemplate.from_messages([("human", CONTEXT + "{context}\n\n" + QUESTION + "{input}")])
    search = ContextualCompressionRetriever(
        base_retriever=Bm25(), base_compressor=LLMChainExtractor.from_llm(Says())
    )
    chain = create_retrieval_chain(
        create_history_aware_retriever(Says(), search, rewrite),
        create_stuff_documents_chain(Extractive(), answer),
    )
    history = [HumanMessage(HISTORY[0][1]), AIMessage(HISTORY[1][1])]
    return lambda: chain.invoke({"input": ASKED, "chat_history": history})


def llamaindex() -> Callable[[], object]:
    """The chat engine that condenses a conversation into a question."""
    from llama_index.core.chat_engine import CondenseQuestionChatEngine
    from llama_index.core.llms import ChatMessage

    from tests.foreign import llamaindex_app

    class Condensing(llamaindex_app.Extractive):
        """A model that says the standalone question."""

        def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
            return llamaindex_app.CompletionResponse(text=STANDALONE)

    engine = llamaindex_app.RetrieverQueryEngine(
        retriever=llamaindex_app.Bm25(),
        response_synthesizer=llamaindex_app.get_response_synthesizer(
            llm=llamaindex_app.Extractive(), text_qa_template=llamaindex_app.template
        ),
    )
    chat = CondenseQuestionChatEngine.from_defaults(query_engine=engine, llm=Condensing())
    history = [ChatMessage(role=role, content=text) for role, text in HISTORY]
    return lambda: chat.chat(ASKED, chat_history=history)


def llamaindex_router() -> Callable[[], object]:
    """A router engine over two tools, the second of which its selector takes."""
    from llama_index.core.query_engine import RouterQueryEngine
    from llama_index.core.selectors import LLMSingleSelector
    from llama_index.core.tools import QueryEngineTool

    from tests.foreign import llamaindex_app

    class Selecting(llamaindex_app.Extractive):
        """A model that takes the second choice."""

        def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
            return llamaindex_app.CompletionResponse(text='[{"choice": 2, "reason": "it is of the house"}]')

    tools = [
        QueryEngineTool.from_defaults(llamaindex_app.engine, name=name, description=f"the {name}")
        for name in ("web", "handbook")
    ]
    selector = LLMSingleSelector.from_defaults(llm=Selecting())
    engine = RouterQueryEngine(selector=selector, query_engine_tools=tools, llm=llamaindex_app.Extractive())
    return lambda: engine.query(STANDALONE)


def haystack() -> Callable[[], object]:
    """A router, a rewriting generator, a retriever, a compressor, a prompt and a generator."""
    from haystack import Document, Pipeline
    from haystack.components.builders import ChatPromptBuilder
    from haystack.components.converters import OutputAdapter
    from haystack.components.retrievers.in_memory import InMemoryBM25Retriever
    from haystack.components.routers import ConditionalRouter
    from haystack.dataclasses import ChatMessage
    from haystack.document_stores.in_memory import InMemoryDocumentStore

    from tests.foreign.haystack_app import ExtractiveChatGenerator
    from tests.foreign.haystack_layers import FirstClauseCompressor, RewritingChatGenerator

    store = InMemoryDocumentStore()
    store.write_documents([Document(id=page.id, content=page.text) for page in PAGES])
    routes: list[Any] = [
        {"condition": f"{{{{ query|length {sign} 400 }}}}", "output": "{{query}}", "output_name": name}
        | {"output_type": str}
        for sign, name in ((">", "long"), ("<=", "short"))
    ]
    rewrite = "Rewrite.\n{% for turn in history %}{{ turn }}\n{% endfor %}{{ query }}"
    prompt = CONTEXT + "{% for d in documents %}{{ d.content }}\n{% endfor %}\n" + QUESTION + "{{ question }}"
    pipeline = Pipeline()
    pipeline.add_component("router", ConditionalRouter(routes))
    for name, text in (("rewrite", rewrite), ("prompt", prompt)):
        builder = ChatPromptBuilder(template=[ChatMessage.from_user(text)], required_variables="*")
        pipeline.add_component(name, builder)
    pipeline.add_component("rewriter", RewritingChatGenerator())
    pipeline.add_component("adapter", OutputAdapter("{{ replies[0].text }}", output_type=str))
    pipeline.add_component("search", InMemoryBM25Retriever(store, top_k=4))
    pipeline.add_component("compressor", FirstClauseCompressor())
    pipeline.add_component("model", ExtractiveChatGenerator())
    for sender, receiver in (
        ("router.short", "rewrite.query"), ("rewrite.prompt", "rewriter.messages"),
        ("rewriter.replies", "adapter.replies"), ("adapter.output", "search.query"),
        ("adapter.output", "prompt.question"), ("search.documents", "compressor.documents"),
        ("compressor.documents", "prompt.documents"), ("prompt.prompt", "model.messages"),
    ):  # fmt: skip
        pipeline.connect(sender, receiver)
    history = [f"{role}: {text}" for role, text in HISTORY]
    return lambda: pipeline.run({"router": {"query": ASKED}, "rewrite": {"history": history}})


APPS: dict[str, Callable[[], Callable[[], object]]] = {
    "langchain": langchain,
    "llamaindex": llamaindex,
    "llamaindex-router": llamaindex_router,
    "haystack": haystack,
}
"""What makes each of them, a function without arguments that asks its question."""
