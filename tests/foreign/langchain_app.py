"""A question-answering pipeline as one writes it in LangChain."""

from __future__ import annotations

from typing import Any

from langchain_classic.retrievers import ContextualCompressionRetriever
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda, RunnablePassthrough

from tests.foreign.handbook import PROMPT, best_by_bm25, extracted, newest_first


class Bm25(BaseRetriever):
    """The four best pages."""

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [
            Document(id=page.id, page_content=page.text, metadata={"year": page.year, "score": score})
            for page, score in best_by_bm25(query)
        ]


class NewestFirst(BaseDocumentCompressor):
    """Keeps the newest pages."""

    keep: int = 2

    def compress_documents(self, documents: Any, query: str, callbacks: Any = None) -> list[Document]:
        order = newest_first([document.metadata["year"] for document in documents], self.keep)
        return [documents[i] for i in order]


class Extractive(BaseChatModel):
    """A chat model without weights."""

    @property
    def _llm_type(self) -> str:
        return "extractive"

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        text = extracted("\n\n".join(str(message.content) for message in messages))
        usage = {
            "input_tokens": 40,
            "output_tokens": len(text.split()),
            "total_tokens": 40 + len(text.split()),
        }
        message = AIMessage(content=text, usage_metadata=usage, response_metadata={"finish_reason": "stop"})
        return ChatResult(generations=[ChatGeneration(message=message)])


def joined(documents: list[Document]) -> str:
    """The context."""
    return "\n\n".join(document.page_content for document in documents)


retriever = ContextualCompressionRetriever(base_retriever=Bm25(), base_compressor=NewestFirst())
search = retriever.base_retriever
prompt = ChatPromptTemplate.from_messages([("system", "Answer from the context."), ("human", PROMPT)])
pack = RunnableLambda(joined)
answer = prompt | Extractive() | StrOutputParser()
chain = {"context": retriever | pack, "question": RunnablePassthrough()} | answer
