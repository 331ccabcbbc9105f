"""LlamaIndex's own objects as stages."""

from __future__ import annotations

from pathlib import Path

import pytest

from diagnose.core.artifact import Answer, Context, Passage, Passages
from diagnose.stages.failure import RunFailed
from tests.foreign.needs import needs
from tests.stages.attached_pipeline import pipeline_of, stage_of
from tests.stages.made import BIKES, HANDBOOK, LEAVE, given

pytestmark = [needs("llama-index-core"), pytest.mark.foreign, pytest.mark.filterwarnings("default")]

CODE = '''
from llama_index.core import PromptTemplate, SummaryIndex
from llama_index.core.base.llms.types import CompletionResponse, LLMMetadata
from llama_index.core.llms import CustomLLM
from llama_index.core.postprocessor import SimilarityPostprocessor
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.response_synthesizers import get_response_synthesizer
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, TextNode

class Echo(CustomLLM):
    """Says what it was told."""
    window: int = 2000
    @property
    def metadata(self): return LLMMetadata(context_window=self.window, num_output=10, model_name="echo")
    def complete(self, prompt, formatted=False, **kwargs): return CompletionResponse(text=prompt)
    def stream_complete(self, prompt, formatted=False, **kwargs): yield CompletionResponse(text=prompt)

class Two(BaseRetriever):
    def _retrieve(self, bundle):
        hidden = {"excluded_llm_metadata_keys": ["page"]}
        return [
            NodeWithScore(node=TextNode(id_="n1", text=bundle.query_str, metadata={"page": 3}, **hidden), score=0.5),
            NodeWithScore(node=TextNode(id_="n2", text="Bikes.", metadata={"file": "b.md"}), score=0.25),
        ]

template = PromptTemplate("{context_str} ? {query_str}")
two, echo = Two(), Echo()
best = SimilarityPostprocessor(similarity_cutoff=0.4)
synthesizer = get_response_synthesizer(llm=echo, text_qa_template=template)
narrow = get_response_synthesizer(llm=Echo(window=700), text_qa_template=template)
refine = get_response_synthesizer(llm=echo, text_qa_template=template, response_mode="refine")
engine = RetrieverQueryEngine(retriever=two, response_synthesizer=synthesizer, node_postprocessors=[best])

def store():
    nodes = [TextNode(id_="s1", text="Leave.", metadata={"source": "a.md"})]
    return SummaryIndex(nodes).as_retriever()
'''


def run(folder: Path, role: str, table: str, asked: object = None) -> object:
    return stage_of(folder, CODE, role, table).run(asked or given("How long?"), None)  # type: ignore[arg-type]


def test_retrievers(tmp_path: Path) -> None:
    hidden = {"excluded_llm_metadata_keys": '["page"]'}
    expected = Passages(
        (
            Passage("n1", "How long?", 0.5, tags={"page": "3", **hidden}),
            Passage("n2", "Bikes.", 0.25, tags={"file": "b.md"}),
        )
    )
    assert run(tmp_path, "retriever", "two") == expected
    # The engine's own `retrieve` runs its postprocessors: those are the ranker's.
    assert run(tmp_path, "retriever", "engine") == expected
    assert run(tmp_path, "retriever", "store") == Passages(
        (Passage("s1", "Leave.", tags={"source": "a.md"}),)
    )


def test_postprocessors(tmp_path: Path) -> None:
    for table in ("best", "engine"):
        ranked = run(tmp_path, "ranker", table, given(passages=HANDBOOK[::-1]))
        assert isinstance(ranked, Passages)
        assert [(p.id, p.score) for p in ranked.passages] == [("d3", 0.5), ("d2", 1.0), ("d1", 2.0)]
    cut = run(tmp_path, "ranker", "best", given(passages=(LEAVE, Passage("d9", "Far.", 0.1))))
    assert isinstance(cut, Passages)
    assert [p.id for p in cut.passages] == ["d1"]


def test_a_synthesizer_packs_and_answers(tmp_path: Path) -> None:
    for table in ("synthesizer", "engine"):
        packed = run(tmp_path, "packer", table, given(passages=(LEAVE, BIKES)))
        assert packed == Context(f"{LEAVE.text}\n\n{BIKES.text}", (LEAVE, BIKES))
        said = run(tmp_path, "model", table, given("Why?", context=Context("Because.")))
        assert said == Answer("Because. ? Why?")


def test_metadata_is_shown_to_the_model_as_the_nodes_say(tmp_path: Path) -> None:
    hidden = {"page": "3", "excluded_llm_metadata_keys": '["page"]'}
    passages = (Passage("n1", "One.", tags=hidden), Passage("n2", "Two.", tags={"file": "b.md"}))
    packed = run(tmp_path, "packer", "engine", given("Why?", passages))
    assert isinstance(packed, Context)
    assert packed.text == "One.\n\nfile: b.md\n\nTwo."


def test_without_a_packer_the_synthesizer_packs_what_the_context_is_made_of(tmp_path: Path) -> None:
    context = Context("One.\n\nTwo.", (Passage("a", "One.", tags={"file": "b.md"}), Passage("b", "Two.")))
    said = run(tmp_path, "model", "refine", given("Why?", context=context))
    assert isinstance(said, Answer)
    assert "file: b.md\n\nOne." in said.text
    pipeline = pipeline_of(tmp_path, CODE, retriever="engine", ranker="engine", model="engine")
    assert [stage.role for stage in pipeline.stages] == ["retriever", "ranker", "model"]


def test_what_needs_several_prompts_is_no_packer(tmp_path: Path) -> None:
    long = tuple(Passage(p.id, " ".join([p.text] * 12)) for p in HANDBOOK)
    with pytest.raises(RunFailed, match=r"its context makes \d+ prompts"):
        run(tmp_path, "packer", "narrow", given(passages=long))


def test_bare_models(tmp_path: Path) -> None:
    asked = given("How long?", context=Context("Sixteen weeks."))
    said = run(tmp_path, "model", "echo", asked)
    assert isinstance(said, Answer)
    assert "Context:\nSixteen weeks.\n\nQuestion: How long?\nAnswer:" in said.text
    table = '{ use = "rag:echo", prompt = "{context}" }'
    written = run(
        tmp_path, "model", table, given("?", context=Context("[system]\nBe brief.\n\n[user]\nWhy?"))
    )
    assert isinstance(written, Answer)
    assert "system: Be brief." in written.text
    assert "user: Why?" in written.text
