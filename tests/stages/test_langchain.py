"""LangChain's own objects as stages."""

from __future__ import annotations

from pathlib import Path

import pytest

from diagnose.core.artifact import Answer, Context, Decision, Passage, Passages, Query, Text, Turn
from diagnose.errors import UsageError
from diagnose.stages.failure import RunFailed
from tests.foreign.needs import needs
from tests.stages.attached_pipeline import stage_of
from tests.stages.made import BIKES, LEAVE, given

pytestmark = [
    needs("langchain-core", "langchain-classic"),
    pytest.mark.foreign,
    pytest.mark.filterwarnings("default"),
]

CODE = '''
import numpy
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.language_models import BaseChatModel, FakeListChatModel, FakeListLLM
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder, PromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_core.embeddings import DeterministicFakeEmbedding

class Two(BaseRetriever):
    def _get_relevant_documents(self, query, *, run_manager):
        return [
            Document(page_content=query, metadata={"source": "a.md", "page": 3, "tags": ["x"], "ok": True}),
            Document(id="d2", page_content="Bikes.", metadata={"relevance_score": numpy.float32(0.5)}),
        ]

class ByPage(BaseDocumentCompressor):
    """Needs the metadata as the retriever had it."""
    def compress_documents(self, documents, query, callbacks=None):
        assert isinstance(documents[0].metadata["page"], int)
        assert documents[0].metadata["tags"] == ["x"]
        return [
            Document(id=d.id, page_content=d.page_content, metadata={**d.metadata, "relevance_score": 1.0})
            for d in sorted(documents, key=lambda d: -d.metadata["page"])
        ]

class Shorter(BaseDocumentCompressor):
    def compress_documents(self, documents, query, callbacks=None):
        return [Document(id=d.id, page_content=d.page_content[:9], metadata=d.metadata) for d in documents]

class Echo(BaseChatModel):
    """Says what it was told."""
    seed: int | None = None
    @property
    def _llm_type(self): return "echo"
    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        text = " | ".join(f"{m.type}: {m.content}" for m in messages) + (f" #{self.seed}" if self.seed else "")
        usage = {"input_tokens": 7, "output_tokens": 2, "total_tokens": 9}
        said = AIMessage(content=text, usage_metadata=usage, response_metadata={"finish_reason": "stop"})
        return ChatResult(generations=[ChatGeneration(message=said)])

two, by_page, shorter, echo = Two(), ByPage(), Shorter(), Echo()
llm = FakeListLLM(responses=["Sixteen."])
blocks = FakeListChatModel(responses=["Sixteen."])
both = ChatPromptTemplate.from_messages([("system", "Be brief."), ("human", "{context}\\n\\n{question}")])
one = PromptTemplate.from_template("{context} ? {question}")
chain = both | echo | StrOutputParser()
topic = ChatPromptTemplate.from_messages([("human", "{topic}")]) | echo | StrOutputParser()
joined = RunnableLambda(lambda documents: "\\n".join(d.page_content for d in documents))
first = RunnableLambda(lambda given: given["documents"][:1])
rewrite = ChatPromptTemplate.from_messages([MessagesPlaceholder("chat_history"), ("human", "{input}")]) | echo
judge = RunnableLambda(lambda given: {"accept": given["answer"] in given["context"], "text": None})

def stuff():
    from langchain_classic.chains.combine_documents import create_stuff_documents_chain
    prompt = ChatPromptTemplate.from_messages([("human", "{context} ? {input}")])
    return create_stuff_documents_chain(echo, prompt)

def vectors():
    store = InMemoryVectorStore(DeterministicFakeEmbedding(size=8))
    store.add_texts(["Leave.", "Bikes."], ids=["l", "b"], metadatas=[{"n": 1}, {"n": 2}])
    return store.as_retriever(search_kwargs={"k": 1})
'''
CONTEXT = Context("Leave lasts sixteen weeks.", (LEAVE,))
TOLD = (
    "system: Answer the question from the context alone, in as few words as possible. | "
    "human: Context:\nLeave lasts sixteen weeks.\n\nQuestion: How long?\nAnswer:"
)


def run(folder: Path, role: str, table: str, asked: object = None, seed: int | None = None) -> object:
    return stage_of(folder, CODE, role, table).run(asked or given("How long?"), seed)  # type: ignore[arg-type]


def test_retrievers(tmp_path: Path) -> None:
    found = run(tmp_path, "retriever", "two")
    assert isinstance(found, Passages)
    assert [(p.id, p.text, p.score) for p in found.passages] == [
        ("a.md", "How long?", None),
        ("d2", "Bikes.", 0.5),
    ]
    assert found.passages[0].tags == {"source": "a.md", "page": "3", "tags": '["x"]', "ok": "true"}
    vectors = run(tmp_path, "retriever", "vectors", given("Leave."))
    assert vectors == Passages((Passage("l", "Leave.", tags={"n": "1"}),))


def test_compressors_get_the_metadata_that_the_retriever_gave(tmp_path: Path) -> None:
    passages = (
        Passage("x", "one", tags={"page": "3", "tags": '["x"]'}),
        Passage("y", "two", tags={"page": "12"}),
    )
    ranked = run(tmp_path, "ranker", "by_page", given(passages=passages))
    assert isinstance(ranked, Passages)
    assert [(p.id, p.text, p.score) for p in ranked.passages] == [("y", "two", 1.0), ("x", "one", 1.0)]
    cut = run(tmp_path, "compressor", "shorter", given(passages=(LEAVE, BIKES)))
    assert isinstance(cut, Passages)
    assert [(p.id, p.text) for p in cut.passages] == [("d1", "Parental "), ("d2", "Bikes are")]


def test_lambdas(tmp_path: Path) -> None:
    assert run(tmp_path, "packer", "joined", given(passages=(LEAVE, BIKES))) == Context(
        f"{LEAVE.text}\n{BIKES.text}", (LEAVE, BIKES)
    )
    ranked = run(tmp_path, "ranker", "first", given(passages=(LEAVE, BIKES)))
    assert isinstance(ranked, Passages)
    assert [p.id for p in ranked.passages] == ["d1"]
    asked = given("?", context=Context("It is sixteen."), answer=Answer("sixteen"))
    assert run(tmp_path, "verifier", "judge", asked) == Decision(True)


def test_prompts_and_chains(tmp_path: Path) -> None:
    assert run(tmp_path, "packer", "one", given("Why?", (LEAVE,))) == Context(
        f"{LEAVE.text} ? Why?", (LEAVE,)
    )
    written = run(tmp_path, "packer", "both", given("Why?", (LEAVE,)))
    assert written == Context(f"[system]\nBe brief.\n\n[user]\n{LEAVE.text}\n\nWhy?", (LEAVE,))
    assert stage_of(tmp_path, CODE, "packer", "both").deterministic
    assert not stage_of(tmp_path, CODE, "model", "chain").deterministic
    said = run(tmp_path, "model", "chain", given("How long?", context=CONTEXT))
    assert said == Answer("system: Be brief. | human: Leave lasts sixteen weeks.\n\nHow long?")
    stuffed = run(tmp_path, "model", "stuff", given("How long?", context=CONTEXT))
    assert stuffed == Answer(f"human: {LEAVE.text} ? How long?")
    conversation = Query("And how long?", (Turn("user", "Is there leave?"), Turn("assistant", "Yes.")))
    rewritten = run(tmp_path, "rewriter", "rewrite", given("And how long?", user_query=conversation))
    assert rewritten == Text("human: Is there leave? | ai: Yes. | human: And how long?")


def test_inputs_of_unusual_names_are_asked_for(tmp_path: Path) -> None:
    asked = given("How long?", context=CONTEXT)
    with pytest.raises(UsageError, match=r'takes topic, which a model.*inputs = \{ topic = "query" \}'):
        run(tmp_path, "model", "topic", asked)
    table = '{ use = "rag:topic", inputs = { topic = "context" } }'
    assert run(tmp_path, "model", table, asked) == Answer("human: Leave lasts sixteen weeks.")


def test_bare_models_are_told_the_usual_words_or_the_tables(tmp_path: Path) -> None:
    asked = given("How long?", context=CONTEXT)
    assert run(tmp_path, "model", "echo", asked) == Answer(TOLD, 7, 2, "stop")
    table = '{ use = "rag:echo", system = "", prompt = "{query} {context}" }'
    assert run(tmp_path, "model", table, asked) == Answer(
        "human: How long? Leave lasts sixteen weeks.", 7, 2, "stop"
    )
    written = given("?", context=Context("[system]\nBe brief.\n\n[user]\nWhy?"))
    said = run(tmp_path, "model", '{ use = "rag:echo", prompt = "{context}" }', written)
    assert said == Answer("system: Be brief. | human: Why?", 7, 2, "stop")
    assert run(tmp_path, "model", "llm", asked) == Answer("Sixteen.")
    assert run(tmp_path, "model", "blocks", asked) == Answer("Sixteen.")


def test_a_seed_is_set_where_there_is_one_to_set(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, CODE, "model", "echo")
    asked = given("How long?", context=CONTEXT)
    assert stage.seeded
    assert stage.run(asked, 5) == Answer(f"{TOLD} #5", 7, 2, "stop")
    assert stage.run(asked, None) == Answer(TOLD, 7, 2, "stop")
    assert run(tmp_path, "model", "llm", asked, 5) == Answer("Sixteen.")


def test_what_it_raises_names_the_stage(tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match=r"stage ranker \(rag:by_page\): raised KeyError"):
        run(tmp_path, "ranker", "by_page", given(passages=(LEAVE,)))
