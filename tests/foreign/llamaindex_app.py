"""A question-answering pipeline as one writes it in LlamaIndex."""

from __future__ import annotations

from typing import Any

from llama_index.core import PromptTemplate, QueryBundle
from llama_index.core.base.llms.types import CompletionResponse, CompletionResponseGen, LLMMetadata
from llama_index.core.llms import CustomLLM
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.response_synthesizers import get_response_synthesizer
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, TextNode

from tests.foreign.handbook import CONTEXT, QUESTION, best_by_bm25, extracted, newest_first


class Bm25(BaseRetriever):
    """The four best pages."""

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [
            NodeWithScore(
                node=TextNode(
                    id_=page.id,
                    text=page.text,
                    metadata={"year": page.year},
                    excluded_llm_metadata_keys=["year"],
                ),
                score=score,
            )
            for page, score in best_by_bm25(query_bundle.query_str)
        ]


class NewestFirst(BaseNodePostprocessor):
    """Keeps the newest pages."""

    keep: int = 2

    def _postprocess_nodes(self, nodes: list[NodeWithScore], query_bundle: Any = None) -> list[NodeWithScore]:
        return [nodes[i] for i in newest_first([node.metadata["year"] for node in nodes], self.keep)]


class Extractive(CustomLLM):
    """A model without weights."""

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name="extractive", context_window=2048, num_output=64)

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        return CompletionResponse(text=extracted(prompt))

    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        yield CompletionResponse(text=extracted(prompt))


template = PromptTemplate(CONTEXT + "{context_str}\n\n" + QUESTION + "{query_str}\n")
engine = RetrieverQueryEngine(
    retriever=Bm25(),
    response_synthesizer=get_response_synthesizer(llm=Extractive(), text_qa_template=template),
    node_postprocessors=[NewestFirst()],
)
