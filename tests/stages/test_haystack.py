"""Haystack's own components as stages, and pipelines cut into stages."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest

from diagnose.core.artifact import Answer, Context, Output, Passage, Passages, Text
from diagnose.errors import UsageError
from diagnose.stages.failure import RunFailed
from tests.foreign.needs import needs
from tests.stages.attached_pipeline import pipeline_of, stage_of
from tests.stages.made import BIKES, HANDBOOK, LEAVE, given

pytestmark = [needs("haystack-ai"), pytest.mark.foreign, pytest.mark.filterwarnings("default")]

CODE = '''
import os
from typing import Any
os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "false"
from haystack import Document, Pipeline, component
from haystack.components.builders import AnswerBuilder, ChatPromptBuilder, PromptBuilder
from haystack.components.joiners import DocumentJoiner
from haystack.components.rankers import LostInTheMiddleRanker, MetaFieldRanker
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever
from haystack.components.routers import ConditionalRouter
from haystack.dataclasses import ChatMessage
from haystack.document_stores.in_memory import InMemoryDocumentStore

DOCUMENTS = "{% for d in documents %}{{ d.content }}\\n{% endfor %}"

@component
class Upper:
    """Words a query."""
    @component.output_types(query=str)
    def run(self, text: str): return {"query": text.upper()}

@component
class Echo:
    """Says what it was told."""
    @component.output_types(replies=list[str], meta=list[dict[str, Any]])
    def run(self, prompt: str): return {"replies": [prompt], "meta": [{"usage": {"prompt_tokens": 3}}]}

@component
class ChatEcho:
    @component.output_types(replies=list[ChatMessage])
    def run(self, messages: list[ChatMessage]):
        text = " | ".join(f"{m.role.value}: {m.text}" for m in messages)
        meta = {"usage": {"prompt_tokens": 7, "completion_tokens": 2}, "finish_reason": "stop"}
        return {"replies": [ChatMessage.from_assistant(text, meta=meta)]}

@component
class Cold:
    """Has to be warmed up."""
    def __init__(self): self.warm = 0
    def warm_up(self): self.warm += 1
    @component.output_types(documents=list[Document])
    def run(self, query: str, documents: list[Document]):
        assert self.warm == 1
        return {"documents": documents[::-1]}

@component
class Odd:
    @component.output_types(documents=list[Document])
    def run(self, query: str, mood: str): return {"documents": []}

def index(*texts):
    store = InMemoryDocumentStore()
    store.write_documents([Document(id=t.split()[0].lower(), content=t, meta={"n": i}) for i, t in enumerate(texts)])
    return InMemoryBM25Retriever(store)

search = index("Leave lasts sixteen weeks.", "Bikes are in the cellar.")
cold, echo, chat, odd = Cold(), Echo(), ChatEcho(), Odd()
middle = LostInTheMiddleRanker()
text_prompt = PromptBuilder(DOCUMENTS + "{{ question }}", required_variables="*")
chat_prompt = ChatPromptBuilder(
    template=[ChatMessage.from_system("Be brief."), ChatMessage.from_user(DOCUMENTS + "{{ question }}")],
    required_variables="*",
)

def rag():
    """Two searches, joined, ranked, put into a prompt, answered, the answer built."""
    p = Pipeline()
    p.add_component("wording", Upper())
    p.add_component("leave", index("Leave lasts sixteen weeks.", "Vacation is booked early."))
    p.add_component("bikes", index("Bikes are in the cellar.", "Cars are outside."))
    p.add_component("join", DocumentJoiner(sort_by_score=False))
    p.add_component("rank", MetaFieldRanker("n", weight=1.0, sort_order="ascending", top_k=2))
    p.add_component("prompt", PromptBuilder(DOCUMENTS + "{{ question }}", required_variables="*"))
    p.add_component("llm", Echo())
    p.add_component("answer", AnswerBuilder())
    p.connect("wording.query", "leave.query")
    p.connect("wording.query", "bikes.query")
    p.connect("leave.documents", "join.documents")
    p.connect("bikes.documents", "join.documents")
    p.connect("join.documents", "rank.documents")
    p.connect("rank.documents", "prompt.documents")
    p.connect("prompt.prompt", "llm.prompt")
    p.connect("llm.replies", "answer.replies")
    p.connect("llm.meta", "answer.meta")
    return p

def looping():
    p = Pipeline()
    p.add_component("prompt", PromptBuilder("{{ replies }} {{ question }}", required_variables=[]))
    p.add_component("llm", Echo())
    routes = [
        {"condition": condition, "output": "{{ replies }}", "output_name": name, "output_type": list[str]}
        for condition, name in (("{{ replies|length > 1 }}", "again"), ("{{ True }}", "done"))
    ]
    p.add_component("check", ConditionalRouter(routes))
    p.connect("prompt.prompt", "llm.prompt")
    p.connect("llm.replies", "check.replies")
    p.connect("check.again", "prompt.replies")
    return p
'''
PARTS = {
    "rewriter": '{ use = "rag:rag", component = "wording" }',
    "retriever": '{ use = "rag:rag", component = "join" }',
    "ranker": "rag",
    "packer": "rag",
    "model": "rag",
}


def run(folder: Path, role: str, table: str, asked: object = None) -> object:
    return stage_of(folder, CODE, role, table).run(asked or given("How long is leave?"), None)  # type: ignore[arg-type]


def replayed(folder: Path, query: str, **tables: str) -> dict[str, Output]:
    """Every stage on what the stages before it gave."""
    state = given(query, ())
    outputs: dict[str, Output] = {}
    for stage in pipeline_of(folder, CODE, **tables).stages:
        output = outputs[stage.role] = stage.run(state, None)
        if isinstance(output, Text):
            state = msgspec.structs.replace(state, query=output.text)
        elif isinstance(output, Passages):
            state = msgspec.structs.replace(state, passages=output.passages)
        elif isinstance(output, Context):
            state = msgspec.structs.replace(state, context=output)
    return outputs


def test_components(tmp_path: Path) -> None:
    found = run(tmp_path, "retriever", "search")
    assert isinstance(found, Passages)
    assert (found.passages[0].id, found.passages[0].tags) == ("leave", {"n": "0"})
    stage = stage_of(tmp_path, CODE, "ranker", "cold")
    for _ in range(2):
        ranked = stage.run(given(passages=(LEAVE, BIKES)), None)
        assert isinstance(ranked, Passages)
        assert [p.id for p in ranked.passages] == ["d2", "d1"]
    turned = run(tmp_path, "ranker", "middle", given(passages=HANDBOOK))
    assert isinstance(turned, Passages)
    assert [p.id for p in turned.passages] == ["d1", "d3", "d2"]


def test_prompts_and_generators(tmp_path: Path) -> None:
    written = run(tmp_path, "packer", "text_prompt", given("Why?", (LEAVE, BIKES)))
    assert written == Context(f"{LEAVE.text}\n{BIKES.text}\nWhy?", (LEAVE, BIKES))
    chat = run(tmp_path, "packer", "chat_prompt", given("Why?", (LEAVE,)))
    assert chat == Context(f"[system]\nBe brief.\n\n[user]\n{LEAVE.text}\nWhy?", (LEAVE,))
    assert run(tmp_path, "model", "echo", given("Why?", context=Context("Told."))) == Answer("Told.", 3)
    said = run(tmp_path, "model", "chat", given("Why?", context=chat))
    assert said == Answer(f"system: Be brief. | user: {LEAVE.text}\nWhy?", 7, 2, "stop")


def test_a_pipeline_in_stages_does_what_it_does_whole(tmp_path: Path) -> None:
    outputs = replayed(tmp_path, "is leave or are bikes in", **PARTS)
    whole = (
        sys.modules["rag"]
        .rag()
        .run(
            {
                "wording": {"text": "is leave or are bikes in"},
                "prompt": {"question": "IS LEAVE OR ARE BIKES IN"},
                "answer": {"query": "?"},
            },
            include_outputs_from={"wording", "join", "rank", "prompt", "llm"},
        )
    )
    assert outputs["rewriter"] == Text(whole["wording"]["query"])
    for role, component in (("retriever", "join"), ("ranker", "rank")):
        output = outputs[role]
        assert isinstance(output, Passages)
        assert [(p.id, p.text) for p in output.passages] == [
            (d.id, d.content) for d in whole[component]["documents"]
        ]
    packed = outputs["packer"]
    assert isinstance(packed, Context)
    assert packed.text == whole["prompt"]["prompt"]
    assert outputs["model"] == Answer(whole["llm"]["replies"][0], 3)


def test_what_no_other_stage_stands_for_goes_along(tmp_path: Path) -> None:
    # No rewriter and no ranker in the file: the wording goes with the searches, the ranker with the prompt.
    outputs = replayed(tmp_path, "leave bikes", retriever=PARTS["retriever"], packer="rag", model="rag")
    packed = outputs["packer"]
    assert isinstance(packed, Context)
    assert len(packed.passages) == 2
    assert packed.text.endswith("leave bikes")
    # Not even a packer: the model is everything after the searches, on the context's passages.
    outputs = replayed(tmp_path, "leave bikes", retriever=PARTS["retriever"], model="rag")
    stage = pipeline_of(tmp_path, CODE, retriever=PARTS["retriever"], model="rag").stages[-1]
    found = outputs["retriever"]
    assert isinstance(found, Passages)
    said = stage.run(given("leave bikes", (), Context("", found.passages)), None)
    assert isinstance(said, Answer)
    assert said.text == packed.text


def test_replays_go_on_from_what_a_stage_is_given(tmp_path: Path) -> None:
    pipeline = pipeline_of(tmp_path, CODE, **PARTS)
    packer, model = pipeline.stage("packer"), pipeline.stage("model")
    assert packer is not None and model is not None
    packed = packer.run(given("Why?", (Passage("x", "Something else entirely."),)), None)
    assert packed == Context("Something else entirely.\nWhy?", (Passage("x", "Something else entirely."),))
    assert isinstance(packed, Context)
    answered = model.run(given("Why?", context=packed), None)
    assert answered == Answer("Something else entirely.\nWhy?", 3)


def test_the_answer_builder_may_be_the_model(tmp_path: Path) -> None:
    tables = {**PARTS, "model": '{ use = "rag:rag", component = "answer" }'}
    stage = pipeline_of(tmp_path, CODE, **tables).stage("model")
    assert stage is not None
    assert stage.run(given("Why?", context=Context("Told.")), None) == Answer("Told.", 3)


@pytest.mark.parametrize(
    "role, table, message",
    [
        (
            "retriever",
            "rag",
            r"which of wording, leave, bikes, .* is the retriever\? several could be \(leave, bikes\)",
        ),
        ("compressor", "rag", r"is the compressor\? none looks like one: say component = \"NAME\""),
        (
            "ranker",
            '{ use = "rag:rag", component = "nope" }',
            'the pipeline has no "nope"; it has wording, leave',
        ),
        ("model", '{ use = "rag:looping", component = "check" }', r"(prompt|llm|check) > .* is a loop"),
        ("retriever", "odd", r"Odd \(component\) takes mood, which a retriever is not known to be given"),
    ],
)
def test_what_is_wrong_says_where(role: str, table: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=rf"p\.toml \[stages\.{role}\].*{message}"):
        stage_of(tmp_path, CODE, role, table)  # type: ignore[arg-type]


def test_what_it_raises_names_the_stage(tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match=r"stage retriever \(rag:search\): raised ValueError"):
        run(tmp_path, "retriever", "search", given(""))
