"""Routes, guards and conversations, in the shapes of those who log them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diagnose.core.artifact import Decision, Route, Text, Turn
from tests.traces.reading import notes, one, read, roles
from tests.traces.sample_logs import span
from tests.traces.test_infer import KIND, A, Q, chain, log, model, retriever


def decider(n: int, name: str, put_out: object, parent: int | None = 1, **more: Any) -> dict[str, Any]:
    """A span of no kind that says something."""
    said = put_out if isinstance(put_out, str) else json.dumps(put_out)
    return span(n, name, {KIND: "CHAIN", "output.value": said, **more}, parent=parent)


CHOICES = json.dumps({"choices": [{"name": "small", "description": "short"}, {"name": "handbook"}]})


@pytest.mark.parametrize(
    "name, put_out, more, route",
    [
        (
            "LLMSingleSelector._select",
            {"selections": [{"index": 1, "reason": "needs it"}]},
            {"input.value": CHOICES},
            "handbook",
        ),
        ("LLMSingleSelector._select", {"selections": [{"index": 1, "reason": "needs it"}]}, {}, "1"),
        ("ConditionalRouter.run", {"long": Q}, {}, "long"),
        ("router", {"long": Q, "short": None}, {"haystack.component.type": "ConditionalRouter"}, "long"),
        ("LLMRouterChain", {"destination": "physics", "next_inputs": {"input": Q}}, {}, "physics"),
    ],
    ids=["llamaindex", "llamaindex without its choices", "haystack", "haystack's own tracer", "langchain"],
)
def test_the_chosen_route_is_the_routers(
    tmp_path: Path, name: str, put_out: object, more: dict[str, Any], route: str
) -> None:
    trace = one(log(tmp_path, chain(), decider(2, name, put_out, **more), retriever(3, A), model(4, A[1])))
    assert roles(trace) == ["router", "retriever", "packer", "model"]
    assert trace.output("router") == Route(route)


@pytest.mark.parametrize(
    "name, put_out",
    [
        ("LLMMultiSelector._select", {"selections": [{"index": 0}, {"index": 1}]}),
        ("ConditionalRouter.run", {"long": Q, "short": Q}),
        ("RouterQueryEngine.query", {"response": "fourteen days"}),
        ("MultiRouteChain", {"destination": "physics"}),
    ],
)
def test_what_chose_no_single_route_is_no_router(tmp_path: Path, name: str, put_out: object) -> None:
    trace = one(log(tmp_path, chain(), decider(2, name, put_out), retriever(3, A), model(4, A[1])))
    assert "router" not in roles(trace)


GUARDS = [
    ("openinference", {KIND: "GUARDRAIL", "output.value": json.dumps({"outcome": "fail"})}, False),
    ("words", {KIND: "GUARDRAIL", "output.value": "pass"}, True),
    ("guardrails-ai", {"validator_name": "provenance", "output.value": "fail"}, False),
    ("nemo stopped", {"rail.type": "output", "rail.stop": True}, False),
    ("nemo passed", {"rail.type": "output", "rail.stop": False}, True),
    ("agents sdk", {KIND: "GUARDRAIL", "output.value": json.dumps({"tripwire_triggered": True})}, False),
]


@pytest.mark.parametrize("attributes, accept", [pytest.param(a, ok, id=n) for n, a, ok in GUARDS])
def test_a_guard_of_the_draft_is_the_verifier(
    tmp_path: Path, attributes: dict[str, Any], accept: bool
) -> None:
    guard = span(4, "guard", attributes)
    trace = one(log(tmp_path, chain(), retriever(2, A), model(3, A[1]), guard))
    output = trace.output("verifier")
    assert isinstance(output, Decision)
    assert output == Decision(accept)  # the verdict's own word is not what was said instead


def test_what_is_said_in_a_blocked_drafts_place_is_the_traces_own_output(tmp_path: Path) -> None:
    guard = span(4, "guard", {KIND: "GUARDRAIL", "output.value": "fail"})
    spans = (chain(said="I cannot say."), retriever(2, A), model(3, A[1], "at once"), guard)
    trace = one(log(tmp_path, *spans))
    assert trace.output("verifier") == Decision(False, "I cannot say.")


def test_a_guard_before_the_model_has_seen_the_question_alone(tmp_path: Path) -> None:
    guard = span(2, "guard", {KIND: "GUARDRAIL", "output.value": "pass"})
    traces, _, account = read(log(tmp_path, chain(), guard, retriever(3, A), model(4, A[1])))
    assert "verifier" not in roles(traces[0])
    assert "guards before the model" in notes(account)


def test_of_several_guards_the_one_that_blocks_decides(tmp_path: Path) -> None:
    guards = [
        span(n, f"guard {n}", {KIND: "GUARDRAIL", "output.value": word})
        for n, word in ((4, "pass"), (5, "fail"))
    ]
    trace = one(log(tmp_path, chain(), retriever(2, A), model(3, A[1]), *guards))
    assert trace.output("verifier") == Decision(False)
    assert trace.steps[-1].name == "guard 5"


def test_a_raised_validation_is_a_blocked_draft(tmp_path: Path) -> None:
    guard = span(4, "parse", {KIND: "GUARDRAIL"})
    guard["status"] = {"code": 2, "message": "Validation failed for field with errors: not in the sources"}
    trace = one(log(tmp_path, chain(), retriever(2, A), model(3, A[1]), guard))
    output = trace.output("verifier")
    assert isinstance(output, Decision)
    assert output.accept is False


def printed(role: str, text: str) -> str:
    """A message as LlamaIndex's instrumentation logs it."""
    head = f"ChatMessage(role=<MessageRole.{role.upper()}: '{role}'>, additional_kwargs={{}}, "
    return f"{head}blocks=[TextBlock(block_type='text', text={text!r})])"


def test_a_condensed_question_of_llamaindex_keeps_its_conversation(tmp_path: Path) -> None:
    history = [
        printed("user", 'Tell me about "refunds", it\'s urgent.'),
        printed("assistant", "They're paid."),
    ]
    asked = {"message": "And how long do they take?", "chat_history": history}
    root = span(
        1,
        "CondensePlusContextChatEngine.chat",
        {KIND: "CHAIN", "input.value": json.dumps(asked)},
        parent=None,
    )
    trace = one(
        log(
            tmp_path,
            root,
            model(2, "Rephrase as a standalone question.", Q),
            retriever(3, A, query=Q),
            model(4, A[1]),
        )
    )
    assert trace.query.text == "And how long do they take?"
    assert trace.query.history == (
        Turn("user", 'Tell me about "refunds", it\'s urgent.'),
        Turn("assistant", "They're paid."),
    )
    assert trace.output("rewriter") == Text(Q)
